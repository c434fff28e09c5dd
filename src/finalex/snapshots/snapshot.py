"""A snapshot: all state that follows from the log up to one batch, and the instruments that its numbers are in."""

import msgspec

from finalex.channels.hub import Hub, SavedHub
from finalex.model.instruments import Instrument
from finalex.snapshots.compatibility import check_instruments, check_open_orders
from finalex.snapshots.errors import SnapshotDamagedError


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state after the batch `hub.sequence`, a function of the log alone; `state_hash` is the exchange's."""

    state_hash: str
    instruments: list[Instrument]
    hub: SavedHub

    @property
    def sequence(self) -> int:
        """The last batch of the log that is in it."""
        return self.hub.sequence


def take_snapshot(hub: Hub) -> Snapshot:
    """Return the state of `hub`; it follows no later change."""
    return Snapshot(state_hash=hub.state.state_hash(), instruments=list(hub.instruments.values()), hub=hub.save())


def restore(snapshot: Snapshot, hub: Hub) -> None:
    """Bring `hub`, a new one, to where the snapshot was taken; after an error it must not be used.

    Instruments that the snapshot does not know start empty. Raises `IncompatibleInstrumentsError`, and
    `SnapshotDamagedError` if what it holds does not make the state that it was taken from.
    """
    check_instruments(snapshot.instruments, hub.instruments)
    try:
        hub.load(snapshot.hub)
    except (msgspec.MsgspecError, LookupError, ValueError) as error:
        raise SnapshotDamagedError(
            f"The snapshot at batch {snapshot.sequence} cannot be understood: {error}."
        ) from error
    if hub.state.state_hash() != snapshot.state_hash:
        raise SnapshotDamagedError(
            f"The snapshot at batch {snapshot.sequence} does not make the state it was taken of."
        )
    check_open_orders(hub.state)
