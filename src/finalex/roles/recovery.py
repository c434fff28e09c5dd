"""Recovery in a cluster: the newest good snapshot in the object store; what the log has after it, the caller reads."""

from collections.abc import Callable

from finalex.channels.hub import Hub
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.recovery import RecoveryError, Restored
from finalex.snapshots.errors import IncompatibleInstrumentsError, SnapshotError
from finalex.snapshots.snapshot import restore


async def restore_stored(store: SnapshotStore, build_hub: Callable[[], Hub]) -> Restored:
    """Return a hub with the state of the newest good snapshot, a new hub if there is none.

    Raises `RecoveryError` if the configured instruments do not go with it, `BusError` if NATS cannot be asked.
    """
    problems: list[str] = []
    for sequence in await store.sequences():
        hub = build_hub()
        try:
            restore(await store.read(sequence), hub)
        except IncompatibleInstrumentsError as error:
            raise RecoveryError(str(error)) from error
        except SnapshotError as error:
            problems.append(str(error))
        else:
            return Restored(hub, sequence, problems)
    return Restored(build_hub(), None, problems)
