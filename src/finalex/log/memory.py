"""The log in memory: durable at once, and gone with the process."""

from collections import deque
from collections.abc import Iterable, Iterator

from finalex.log.numbered import NumberedLog
from finalex.log.port import LogProblem, LogRefusedError, LogTrimmedError
from finalex.model.events import AnyEvent, Batch


class MemoryLog(NumberedLog):
    """Keeps the last `batches_max` batches; `append` gives a batch to the followers before it returns.

    What is to be called when a batch is durable is so at once, or, asked by a follower, after all followers have it.

    It goes on after the batch `sequence` at `time_ms` of another log, if they are given.
    """

    def __init__(self, batches_max: int = 10_000, *, sequence: int = 0, time_ms: int = 0) -> None:
        super().__init__(sequence, time_ms)
        self._batches: deque[Batch] = deque(maxlen=batches_max)
        self._closed = False

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`; memory has none."""
        return LogProblem.CLOSED if self._closed else None

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        if self._closed:
            raise LogRefusedError(LogProblem.CLOSED)
        self._sequence += 1
        self._time_ms = max(self._time_ms, time_ms)
        batch = Batch(sequence=self._sequence, time_ms=self._time_ms, events=tuple(events))
        self._batches.append(batch)
        self._delivery.give(batch)
        return batch

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`."""
        oldest = self._batches[0].sequence if self._batches else self._sequence + 1
        if after + 1 < oldest:
            raise LogTrimmedError(f"Batches up to {oldest - 1} are no longer kept.")
        return (batch for batch in tuple(self._batches) if batch.sequence > after)

    def trim(self, sequence: int) -> None:
        """See `Log.trim`; only `batches_max` counts here."""

    def close(self) -> None:
        """See `Log.close`."""
        self._closed = True
