"""The port of the event log: what every implementation does.

Appending takes effect at once, durability comes later: `append` numbers a batch and returns; when everything that
happened up to it is on disk, the followers are given it, and then whoever waits for it is called. What is appended
while the disk is at work becomes durable together.

**Batches without events** only say that time has passed. Losing one loses nothing, so they wait for no disk of their
own: followers get them as soon as everything that happened before is durable, and they are stored a little later,
along with others. Two rules follow. After a crash the log may have forgotten the last of them; so that no number
ever means two things, its next sequence is then far above the last. And while one waits behind batches with
events, a later one takes its place, with the same sequence and the new time. A log that several processes read
stores them all, so that its readers see the same: there they wait like any others, and no number is left out.

**When the disk fails** nothing is dropped, reordered or skipped: what was appended waits, is tried again, and nobody
is told that it is done. Meanwhile `problem` says why, and `append` refuses more events. Time goes on for the
followers unless something that happened before waits for the disk. A log that watches its disk therefore reports
`DISK_FULL` while there is still room for what is under way.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from finalex.model.events import AnyEvent, Batch

Follower = Callable[[Batch], None]

OnDurable = Callable[[bool], None]
"""Is told whether a batch became durable; `False` means that nobody knows, not that it did not."""


class LogProblem(StrEnum):
    """Why a log takes no events for now."""

    DISK_FULL = "disk_full"
    STORAGE_FAILED = "storage_failed"
    STORAGE_SLOW = "storage_slow"
    """More waits for the disk than may."""
    FENCED = "fenced"
    """Another process writes this log now, for good: what was appended and is not durable never happened."""
    CLOSED = "closed"


class Log(Protocol):
    """An append-only sequence of batches with one writer; it owns the sequence numbers and the clock.

    It belongs to one thread, the event loop's: there its methods are called, and there it calls back. Only `read`
    may be used anywhere.
    """

    @property
    def sequence(self) -> int:
        """The sequence of the last batch appended, 0 before the first."""
        ...

    @property
    def time_ms(self) -> int:
        """The log's clock: the time of the last batch appended, 0 before the first."""
        ...

    @property
    def problem(self) -> LogProblem | None:
        """Why the log takes no events for now, or `None`; appending and turns of the event loop change it, no more."""
        ...

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """Append what happened at `time_ms` as one batch and return it, without waiting for anything.

        A `time_ms` before the last batch's is raised to it: the log's clock never goes back. Raises
        `LogRefusedError` for events while there is a `problem`, and what encoding raises for events that cannot be
        stored; then nothing was appended. A batch without events is always taken, until the log is closed.
        """
        ...

    def follow(self, follower: Follower) -> None:
        """Call `follower` with every batch from now on, in order, once it and all before it are durable.

        Batches without events come as the module says. Followers must not append, and should not raise: those
        after one that does miss the batch.
        """
        ...

    def when_durable(self, sequence: int, callback: OnDurable) -> None:
        """Call `callback` exactly once: with `True` when all that happened up to `sequence` is durable.

        That is at once if it is so already, else right after all followers were given that batch and before they
        get the next. It gets `False` when the log is closed before that. Callbacks of one batch come in the
        order in which they were registered, and may append. Raises `ValueError` above the last sequence.
        """
        ...

    def read(self, after: int) -> Iterator[Batch]:
        """Iterate the stored batches with a sequence above `after`, oldest first.

        Batches without events may be missing at the end. Raises `LogTrimmedError`, at once or while iterating, if
        some are no longer kept, and `LogDamagedError` at the first that is not as it was written.
        """
        ...

    def trim(self, sequence: int) -> None:
        """Allow to forget batches up to `sequence`, which is durable and which no start needs again.

        What goes, and when, is a matter of the implementation's limits; some batch is always kept.
        """
        ...

    def close(self) -> None:
        """Make everything durable, give it to the followers, and take nothing any more.

        Waits for the disk, but not for one that fails: whoever still waits for a batch is then told `False`.
        """
        ...


class LogError(OSError):
    """The log cannot be used as asked; the text is a sentence for the operator."""


class LogRefusedError(LogError):
    """The log takes no events for now, for the reason `problem`."""

    def __init__(self, problem: LogProblem) -> None:
        super().__init__(f"The log takes no events: {problem}.")
        self.problem = problem


class LogTrimmedError(LogError):
    """The batches asked for are older than what the log keeps."""


class LogLockedError(LogError):
    """Another process uses the log."""


class LogDamagedError(LogError):
    """The log is not as it was written: batch `sequence` cannot be read, or with `None` nobody knows which."""

    def __init__(self, text: str, sequence: int | None = None) -> None:
        super().__init__(text)
        self.sequence = sequence
