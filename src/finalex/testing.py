"""Doubles for tests: a log and a disk that fail in the ways that real ones do, when a test says so."""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from finalex.log.disk import Disk
from finalex.log.numbered import NumberedLog
from finalex.log.port import LogProblem, LogRefusedError, LogTrimmedError
from finalex.model.events import AnyEvent, Batch

SKIPPED = 1_000_000
"""So many sequences are left out after a `FailingLog` has crashed."""


def disk_full_error() -> sqlite3.Error:
    """Return what SQLite raises when the disk is full."""
    return _error(sqlite3.OperationalError("database or disk is full"), sqlite3.SQLITE_FULL)


def sync_error() -> sqlite3.Error:
    """Return what SQLite raises when a sync fails."""
    return _error(sqlite3.OperationalError("disk I/O error"), sqlite3.SQLITE_IOERR_FSYNC)


def _error(error: sqlite3.Error, code: int) -> sqlite3.Error:
    error.sqlite_errorcode = code
    return error


class FailingLog(NumberedLog):
    """A log in memory, durable at once until a test says otherwise, for whoever works with a log.

    `crash` tells what a machine that loses its power now would keep.
    """

    def __init__(self, kept: Iterable[Batch] = (), sequence: int = 0) -> None:
        self._stored = list(kept)
        self._waiting: deque[Batch] = deque()
        last, time_ms = (self._stored[-1].sequence, self._stored[-1].time_ms) if self._stored else (0, 0)
        super().__init__(max(sequence, last), time_ms)
        self._trimmed = 0
        self._holding = False
        self._problem: LogProblem | None = None
        self._reading: Exception | None = None

    def hold(self) -> None:
        """From now on the disk takes its time: events are taken, and none becomes durable."""
        self._holding = True

    def fail(self, problem: LogProblem = LogProblem.STORAGE_FAILED) -> None:
        """From now on nothing becomes durable, and no events are taken."""
        self._holding, self._problem = True, problem

    def refuse(self, problem: LogProblem = LogProblem.DISK_FULL) -> None:
        """From now on no events are taken; what was appended becomes durable."""
        self._problem = problem

    def fail_reads(self, error: Exception) -> None:
        """From now on reading raises `error`."""
        self._reading = error

    def heal(self) -> None:
        """End every failure: what waits becomes durable, in order."""
        self._holding, self._problem, self._reading = False, None, None
        self._deliver()

    def crash(self) -> "FailingLog":
        """Return the log as the next start finds it: without what waits, and without batches of time at its end."""
        kept = list(self._stored)
        while kept and not kept[-1].events:
            kept.pop()
        return FailingLog(kept, (kept[-1].sequence if kept else 0) + SKIPPED)

    @property
    def problem(self) -> LogProblem | None:
        """See `Log.problem`."""
        return self._problem

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        happened = tuple(events)
        if self._problem is LogProblem.CLOSED or (happened and self._problem is not None):
            raise LogRefusedError(self._problem)
        if self._waiting and not happened and not self._waiting[-1].events:
            self._waiting.pop()
        else:
            self._sequence += 1
        self._time_ms = max(self._time_ms, time_ms)
        batch = Batch(sequence=self._sequence, time_ms=self._time_ms, events=happened)
        self._waiting.append(batch)
        self._deliver()
        return batch

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`."""
        if self._reading is not None:
            raise self._reading
        if after < self._trimmed:
            raise LogTrimmedError(f"Batches up to {self._trimmed} are no longer kept.")
        return (batch for batch in tuple(self._stored) if batch.sequence > after)

    def trim(self, sequence: int) -> None:
        """See `Log.trim`: everything that may go goes at once, but for the last batch."""
        while len(self._stored) > 1 and self._stored[0].sequence <= sequence:
            self._trimmed = self._stored.pop(0).sequence

    def close(self) -> None:
        """See `Log.close`."""
        self._problem = LogProblem.CLOSED
        self._deliver()
        self._waiting.clear()
        self._delivery.abandon()

    def _deliver(self) -> None:
        while self._waiting and not (self._holding and self._waiting[0].events):
            batch = self._waiting.popleft()
            self._stored.append(batch)
            self._delivery.give(batch)


class FaultyDisk(Disk):
    """A real disk with faults in front of it, for a `SqliteLog`.

    `free` is the space it claims to have, `None` for the truth. `held` is set while a write waits to be released.
    `writes` counts the attempts to write a group of batches.
    """

    def __init__(self) -> None:
        self.free: int | None = None
        self.writes = 0
        self.held = threading.Event()
        self._failing_writes: Exception | None = None
        self._failing_reads: Exception | None = None
        self._failing_upkeep: Exception | None = None
        self._open = threading.Event()
        self._open.set()

    def hold_writes(self) -> None:
        """From now on writing takes until `release_writes`."""
        self._open.clear()

    def release_writes(self) -> None:
        """Let the write that waits, and all after it, go on."""
        self.held.clear()
        self._open.set()

    def fail_writes(self, error: Exception) -> None:
        """From now on writing raises `error`, with nothing written."""
        self._failing_writes = error

    def fail_reads(self, error: Exception) -> None:
        """From now on reading batches raises `error`."""
        self._failing_reads = error

    def fail_upkeep(self, error: Exception) -> None:
        """From now on copying the write-ahead log into the database, and deleting old batches, raise `error`."""
        self._failing_upkeep = error

    def heal(self) -> None:
        """End every failure."""
        self._failing_writes = self._failing_reads = self._failing_upkeep = None

    def connect(self, path: Path, *, writing: bool) -> sqlite3.Connection:
        """See `Disk.connect`."""
        connection = super().connect(path, writing=writing)
        if isinstance(connection, _FaultyConnection):
            connection.disk = self
        return connection

    def free_bytes(self, directory: Path) -> int:
        """See `Disk.free_bytes`."""
        return super().free_bytes(directory) if self.free is None else self.free

    def before(self, statement: str) -> None:
        """Let a statement wait or fail as it should."""
        if statement.startswith("INSERT"):
            self.writes += 1
            if not self._open.is_set():
                self.held.set()
                self._open.wait()
            if self._failing_writes is not None:
                raise self._failing_writes
        elif statement.startswith("SELECT last") and self._failing_reads is not None:
            raise self._failing_reads
        elif statement.startswith(("UPDATE", "DELETE")) and self._failing_upkeep is not None:
            raise self._failing_upkeep


class _FaultyConnection(sqlite3.Connection):
    disk: FaultyDisk | None = None

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.disk is not None:
            self.disk.before(arguments[0])
        return super().execute(*arguments)


FaultyDisk.connection_type = _FaultyConnection
