"""The log in memory: durable at once, and gone with the process."""

from collections import deque
from collections.abc import Iterable, Iterator

from finalex.log.port import Follower, LogTrimmedError
from finalex.model.events import AnyEvent, Batch


class MemoryLog:
    """Keeps the last `batches_max` batches."""

    def __init__(self, batches_max: int = 10_000) -> None:
        self._batches: deque[Batch] = deque(maxlen=batches_max)
        self._followers: list[Follower] = []
        self._sequence = 0
        self._time_ms = 0

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        self._sequence += 1
        self._time_ms = max(self._time_ms, time_ms)
        batch = Batch(sequence=self._sequence, time_ms=self._time_ms, events=tuple(events))
        self._batches.append(batch)
        for follower in self._followers:
            follower(batch)
        return batch

    def follow(self, follower: Follower) -> None:
        """See `Log.follow`."""
        self._followers.append(follower)

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`."""
        oldest = self._batches[0].sequence if self._batches else self._sequence + 1
        if after + 1 < oldest:
            raise LogTrimmedError(f"batches up to {oldest - 1} are no longer kept")
        return (batch for batch in tuple(self._batches) if batch.sequence > after)
