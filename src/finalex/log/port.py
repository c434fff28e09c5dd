"""The port of the event log: what every implementation does."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from finalex.model.events import AnyEvent, Batch

Follower = Callable[[Batch], None]


class Log(Protocol):
    """An append-only sequence of batches with one writer; it owns the sequence numbers and the clock."""

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """Append what happened at `time_ms` as one batch and return it.

        A `time_ms` before the last batch's is raised to it: the log's clock never goes back. Followers get the
        batch once it is durable, in order; followers must not append.
        """
        ...

    def follow(self, follower: Follower) -> None:
        """Call `follower` with every batch that becomes durable from now on."""
        ...

    def read(self, after: int) -> Iterator[Batch]:
        """Iterate the kept batches with a sequence above `after`, oldest first.

        Raises `LogTrimmedError` if some of them are no longer kept.
        """
        ...


class LogTrimmedError(Exception):
    """The batches asked for are older than what the log keeps."""
