"""Recovery: the newest good snapshot, and what the log has after it, become the state that the server starts with."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from finalex.channels.hub import Hub
from finalex.exchange.state import OPEN_ORDERS_MAX, ExchangeState
from finalex.log.port import LogTrimmedError
from finalex.model.events import Batch
from finalex.snapshots.errors import IncompatibleInstrumentsError, SnapshotError
from finalex.snapshots.port import StoredSnapshots
from finalex.snapshots.snapshot import restore

PROGRESS_BATCHES = 1000
"""Progress is told once in so many batches."""


class RecoveryError(Exception):
    """The state cannot be restored; the text is a sentence for the operator."""


class StoredLog(Protocol):
    """What recovery needs of a log; see `Log`."""

    @property
    def sequence(self) -> int:
        """See `Log.sequence`."""
        ...

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`."""
        ...


class Replayed(NamedTuple):
    """What of the log has been applied so far: the last batch's place, and how much it was."""

    sequence: int
    time_ms: int
    batches: int
    events: int


Progress = Callable[[Replayed], None]


class Restored(NamedTuple):
    """A hub brought to where a snapshot was taken, or a new one if `snapshot`, its sequence, is `None`.

    `problems` are sentences about newer snapshots that could not be used.
    """

    hub: Hub
    snapshot: int | None
    problems: list[str]


class Recovered(NamedTuple):
    """What the server starts with; `engine_state` equals the state of `hub` and shares nothing that changes with it.

    `snapshot`, `problems`: see `Restored`.
    """

    hub: Hub
    engine_state: ExchangeState
    snapshot: int | None
    replayed: Replayed
    problems: list[str]


def recover(
    folder: StoredSnapshots,
    log: StoredLog,
    build_hub: Callable[[], Hub],
    *,
    open_orders_max: int = OPEN_ORDERS_MAX,
    progress: Progress | None = None,
) -> Recovered:
    """Return the state that everything stored adds up to; `build_hub` makes a new hub, as configured.

    Raises `RecoveryError` if it cannot be known, or does not go with the configuration, and what reading the log
    raises: `LogDamagedError`, `LogError`.
    """
    restored = restore_newest(folder, build_hub)
    hub = restored.hub
    if hub.sequence > log.sequence:
        raise RecoveryError(
            f"The newest snapshot in '{folder.path}' is of batch {hub.sequence}, but the log ends at batch "
            f"{log.sequence}: the log, or its end, is lost. Put back the log that belongs to these snapshots."
        )
    replayed = replay(hub, read_tail(restored, log.read), progress)
    return Recovered(hub, copy_state(hub.state, open_orders_max), restored.snapshot, replayed, restored.problems)


def restore_newest(folder: StoredSnapshots, build_hub: Callable[[], Hub]) -> Restored:
    """Return a hub with the state of the newest good snapshot, a new hub if there is none.

    Raises `RecoveryError` if the configured instruments do not go with it, or the folder cannot be read.
    """
    problems: list[str] = []
    for sequence in _sequences(folder):
        hub = build_hub()
        try:
            restore(folder.read(sequence), hub)
        except IncompatibleInstrumentsError as error:
            raise RecoveryError(str(error)) from error
        except (SnapshotError, OSError) as error:
            problems.append(str(error))
        else:
            return Restored(hub, sequence, problems)
    return Restored(build_hub(), None, problems)


def _sequences(folder: StoredSnapshots) -> list[int]:
    try:
        return folder.sequences()
    except OSError as error:
        raise RecoveryError(f"The snapshots in '{folder.path}' cannot be listed: {error.strerror or error}.") from error


def replay(hub: Hub, batches: Iterable[Batch], progress: Progress | None = None) -> Replayed:
    """Apply `batches`, which come after those that `hub` has; raises `RecoveryError` if they cannot follow them.

    That none is missing between them is for the log to know: it leaves out numbers after a crash.
    """
    replayed = Replayed(hub.sequence, hub.time_ms, 0, 0)
    for batch in batches:
        _apply(hub, batch)
        replayed = Replayed(batch.sequence, batch.time_ms, replayed.batches + 1, replayed.events + len(batch.events))
        if progress is not None and replayed.batches % PROGRESS_BATCHES == 0:
            progress(replayed)
    if progress is not None:
        progress(replayed)
    return replayed


def copy_state(state: ExchangeState, open_orders_max: int) -> ExchangeState:
    """Return another state equal to `state`; they share nothing that changes."""
    copied = ExchangeState(state.instruments, open_orders_max)
    copied.load(state.save())
    return copied


def read_tail(restored: Restored, read: Callable[[int], Iterator[Batch]]) -> Iterator[Batch]:
    """Iterate what a log has after a snapshot, or all of it; `read` is its `read`.

    Raises `RecoveryError` if its beginning is missing, and what `read` raises.
    """
    try:
        yield from read(restored.hub.sequence)
    except LogTrimmedError as error:
        text = f"The state cannot be restored without a good snapshot, because the log has lost its beginning. {error}"
        raise RecoveryError(" ".join([text, *restored.problems])) from error


def _apply(hub: Hub, batch: Batch) -> None:
    if batch.sequence <= hub.sequence:
        raise RecoveryError(f"The log is damaged: batch {batch.sequence} comes after batch {hub.sequence}.")
    unknown = hub.unknown_symbol_events
    try:
        hub.apply(batch, ())
    except (LookupError, ValueError) as error:
        text = f"The log is damaged: batch {batch.sequence} cannot follow from what is before it"
        raise RecoveryError(f"{text} ({error}).") from error
    if hub.unknown_symbol_events > unknown:
        symbols = {getattr(event, "symbol", "") for event in batch.events} - {"", *hub.instruments}
        named = ", ".join(sorted(symbols))
        raise RecoveryError(f"The log has events of a market that is not configured ({named}): configure it again.")
