"""The writer: a thread that puts what was appended on disk, one group after the other.

A group is what was appended while the group before was being synced, so that under load one sync serves many. A group
that fails stays the next one to be written, as it is, until it succeeds or the log is closed.
"""

import errno
import sqlite3
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import structlog

from finalex.log.limits import SqliteLimits
from finalex.log.port import LogProblem
from finalex.log.records import Entry, pack
from finalex.log.store import Store

GROUP_BATCHES_MAX = 4096
GROUP_BYTES_MAX = 1 << 20
"""A group is closed when it holds so much, encoded: a record is read as a whole."""

SPACE_INTERVAL_S = 0.25
"""The free space is looked at no more often."""

_logger = structlog.get_logger(__name__)


class WriterCounts:
    """What the writer has done, for metrics: totals since the log was opened."""

    def __init__(self) -> None:
        self.groups = 0
        self.batches = 0
        self.bytes = 0
        """Encoded, before compression."""
        self.failures = 0
        self.write_ns = 0
        """The time that packing, writing and syncing took."""


class Writer:
    """Writes entries to `store` in their order, in a thread of its own, and calls `notify` there after each change.

    `durable` is the last sequence on disk; `problem` is that of the disk. Both are for the notified thread to read.
    """

    def __init__(
        self, store: Store, limits: SqliteLimits, free_bytes: Callable[[], int], notify: Callable[[], object]
    ) -> None:
        self.durable = store.last
        self.problem: LogProblem | None = None
        self.counts = WriterCounts()
        self._store = store
        self._limits = limits
        self._free_bytes = free_bytes
        self._notify = notify
        self._queue: SimpleQueue[Entry | int | None] = SimpleQueue()  # what to write, what may be trimmed, a call
        self._time_ms = store.time_ms
        self._covered = 0
        self._trimming = False
        self._stopping = threading.Event()
        self._space_s = 0.0
        self._thread = threading.Thread(target=self._run, name="finalex-log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Write `entry`, the next, before long."""
        self._queue.put(entry)

    def trim(self, sequence: int) -> None:
        """Allow to delete what ends at or before `sequence`."""
        self._queue.put(sequence)

    def stop(self) -> bool:
        """Write what was put, close the store, and return whether the thread has ended in time."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(self._limits.close_timeout_ms / 1000)
        return not self._thread.is_alive()

    def _run(self) -> None:
        complete = True
        while complete:
            group = self._take()
            if group:
                complete = self._write(group)
            elif self._stopping.is_set() and self._queue.empty():
                break
            self._look_at_space()
            self._tend()
        self._finish(complete)

    def _take(self) -> list[Entry]:
        """Wait for something to do; return the entries that were put meanwhile, as many as go together."""
        group: list[Entry] = []
        size = 0
        try:
            item = self._queue.get(timeout=self._patience_s())
            while True:
                if isinstance(item, Entry):
                    group.append(item)
                    size += len(item.encoded)
                elif item is not None:
                    self._covered, self._trimming = max(self._covered, item), True
                if size >= GROUP_BYTES_MAX or len(group) >= GROUP_BATCHES_MAX:
                    break
                item = self._queue.get_nowait()
        except Empty:
            pass
        return group

    def _patience_s(self) -> float | None:
        if self._trimming or self._stopping.is_set():
            return 0
        return None if self.problem is None else self._limits.retry_ms / 1000

    def _write(self, group: list[Entry]) -> bool:
        """Write a group until it succeeds; return `False` if it did not before the log was closed."""
        began_ns = time.perf_counter_ns()
        while True:
            last_try = self._stopping.is_set()
            try:
                self._store.write(pack(group, self._store.last))
                break
            except Exception as error:
                self._fail(error)
                if last_try:
                    return False
                self._stopping.wait(self._limits.retry_ms / 1000)
        self.counts.write_ns += time.perf_counter_ns() - began_ns
        self.counts.groups += 1
        self.counts.batches += len(group)
        self.counts.bytes += sum(len(entry.encoded) for entry in group)
        self.durable, self._time_ms = group[-1].sequence, group[-1].time_ms
        self._notify()
        return True

    def _fail(self, error: Exception) -> None:
        self.counts.failures += 1
        problem = LogProblem.DISK_FULL if _is_full(error) else LogProblem.STORAGE_FAILED
        self._change(problem, error=str(error))

    def _look_at_space(self) -> None:
        """Refuse events while the disk has too little space, and take them again when it has enough."""
        now_s = time.monotonic()
        if self.problem is None and now_s - self._space_s < SPACE_INTERVAL_S:
            return
        self._space_s = now_s
        try:
            free_bytes = self._free_bytes()
        except Exception as error:
            self._change(LogProblem.STORAGE_FAILED, error=str(error))
            return
        full = free_bytes < self._limits.free_bytes_min
        self._change(LogProblem.DISK_FULL if full else None, free_bytes=free_bytes)

    def _change(self, problem: LogProblem | None, **details: object) -> None:
        if problem is self.problem:
            return
        self.problem = problem
        if problem is None:
            _logger.info("log_takes_events_again")
        else:
            _logger.error("log_refuses_events", problem=problem.value, **details)
        self._notify()

    def _tend(self) -> None:
        """Copy a long write-ahead log into the database; delete a few records of those that may go."""
        try:
            if self._store.wants_checkpoint:
                self._store.checkpoint()
            if self._trimming:
                oldest_ms = self._time_ms - self._limits.age_ms_max
                self._trimming = self._store.trim(self._covered, self._limits.bytes_max, oldest_ms)
        except Exception as error:
            self._trimming = False
            _logger.warning("log_upkeep_failed", error=str(error))  # it is tried again, and nothing is lost

    def _finish(self, complete: bool) -> None:
        try:
            self._store.close(clean=complete)
        except Exception as error:
            _logger.warning("log_close_failed", error=str(error))
        self._notify()


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
