"""A log that a thread stores: what the event loop has of it, whatever the thread writes to."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from finalex.log.numbered import NumberedLog
from finalex.log.port import LogProblem
from finalex.log.writer import WriterCounts
from finalex.model.events import Batch

CallSoon = Callable[[Callable[[], None]], object]
"""An event loop's `call_soon_threadsafe`."""


class StoringThread(Protocol):
    """The thread as the event loop sees it: it notifies after each change of these."""

    counts: WriterCounts
    durable: int

    @property
    def problem(self) -> LogProblem | None:
        """Why no events should be taken."""
        ...


class WrittenLog(NumberedLog, ABC):
    """Gives out what the thread has stored, and says how that does; subclasses append, read and close.

    It goes on after the batch `sequence` at `time_ms`. Above `pending_bytes_max`, encoded, it takes no events.
    """

    def __init__(self, sequence: int, time_ms: int, call_soon: CallSoon, pending_bytes_max: int) -> None:
        super().__init__(sequence, time_ms)
        self._sent_bytes = self._stored_bytes = 0
        self._waiting: deque[Batch] = deque()  # what followers do not have yet: the last appended
        self._durable = sequence
        self._problem: LogProblem | None = None
        self._closed = False
        self._call_soon = call_soon
        self._pending_bytes_max = pending_bytes_max

    @property
    @abstractmethod
    def _storing(self) -> StoringThread:
        """The thread that stores."""

    @abstractmethod
    def _may_follow(self, batch: Batch) -> bool:
        """Whether followers may have `batch`, the next, as durable as it is."""

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`; all of them can occur."""
        if self._closed:
            return LogProblem.CLOSED
        slow = self.pending_bytes >= self._pending_bytes_max
        return self._problem or (LogProblem.STORAGE_SLOW if slow else None)

    @property
    def pending_bytes(self) -> int:
        """How much, encoded, waits to be stored."""
        return self._sent_bytes - self._stored_bytes

    @property
    def counts(self) -> WriterCounts:
        """What has been written by this object."""
        return self._storing.counts

    def _notify(self) -> None:
        """Have the event loop look, from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._call_soon(self._look)

    def _look(self) -> None:
        """Take over what the thread has done and found."""
        storing = self._storing
        self._durable, self._stored_bytes, self._problem = storing.durable, storing.counts.bytes, storing.problem
        self._deliver()

    def _deliver(self) -> None:
        """Give out what may be followed."""
        try:
            while self._waiting and self._may_follow(self._waiting[0]):
                self._delivery.give(self._waiting.popleft())
        except BaseException:
            self._notify()  # what is left is not the failed follower's
            raise

    def _abandon(self) -> None:
        """Give out what is stored, now that no more will be, and tell the others that nobody knows."""
        self._look()
        self._waiting.clear()
        self._delivery.abandon()
