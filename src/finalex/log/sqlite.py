"""The log on disk: what the event loop sees of it."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from finalex.log.disk import Disk
from finalex.log.limits import SqliteLimits
from finalex.log.opening import open_store
from finalex.log.port import LogProblem, LogRefusedError
from finalex.log.reading import read_batches
from finalex.log.records import Entry, encode_batch
from finalex.log.schema import FILE_NAME
from finalex.log.writer import Writer
from finalex.log.written import CallSoon, WrittenLog
from finalex.model.events import AnyEvent, Batch

CLOCK_BATCHES_HELD_MAX = 1000
"""So many batches without events are sent to the disk at the latest, however little time they span."""

CLOCK_BATCHES_AHEAD_MAX = 1_000_000
"""Followers get so many batches without events before they are stored, at most: 13 hours of an idle exchange.

After a crash the log goes on so far above its last sequence, and so never gives one out twice.
"""


class SqliteLog(WrittenLog):
    """A log in one SQLite database, `events.sqlite` in `directory`, which is made for its owner alone when needed.

    `call_soon` brings what the writer's thread has to say to the thread that the log belongs to. The constructor
    raises `LogLockedError` if another process writes this log, `LogDamagedError` if acknowledged batches are lost or
    its end is damaged, `LogError` if it cannot be used. What a power cut tore was never acknowledged: it is cut, and
    logged. `counts` says what was written. A process that ends without `close` loses nothing that was durable.
    """

    def __init__(
        self,
        directory: Path,
        call_soon: CallSoon,
        *,
        now_ms: int = 0,
        limits: SqliteLimits | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._path = directory / FILE_NAME
        self._disk = disk or Disk()
        self._limits = limits or SqliteLimits()
        store, self._lock = open_store(directory, self._disk, now_ms, CLOCK_BATCHES_AHEAD_MAX)
        super().__init__(store.last, store.time_ms, call_soon, self._limits.pending_bytes_max)
        self._sent_ms = store.time_ms
        self._held: list[Batch] = []  # batches without events that the writer does not have yet: the last appended
        self._writer = Writer(store, self._limits, partial(self._disk.free_bytes, directory), self._notify)

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`."""
        happened = tuple(events)
        time_ms = max(self._time_ms, time_ms)
        if not happened:
            return self._advance(time_ms)
        problem = self.problem
        if problem is not None:
            raise LogRefusedError(problem)
        encoded = encode_batch(time_ms - self._time_ms, happened)  # if this raises, nothing has changed
        self._send_held()
        batch = self._next(happened, time_ms)
        self._send(batch, encoded)
        self._waiting.append(batch)
        return batch

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`; by a connection of its own, at any time and in any thread, also while the writer writes."""
        return read_batches(self._path, self._disk, after)

    def trim(self, sequence: int) -> None:
        """See `Log.trim`; what is too old, or more than the limits allow, goes step by step between commits."""
        self._writer.trim(sequence)

    def close(self) -> None:
        """See `Log.close`."""
        if self._closed:
            return
        self._send_held()
        self._closed = True
        if self._writer.stop():
            self._lock.release()  # a writer that hangs keeps it, for it may still write
        self._abandon()

    def _advance(self, time_ms: int) -> Batch:
        if self._closed:
            raise LogRefusedError(LogProblem.CLOSED)
        if self._held and self._waiting:  # the last batch is in both: nobody has it
            batch = Batch(sequence=self._sequence, time_ms=time_ms, events=())
            self._time_ms = time_ms
            self._held[-1] = self._waiting[-1] = batch
        else:
            batch = self._next((), time_ms)
            self._held.append(batch)
            self._waiting.append(batch)
        self._deliver()
        spanned_ms = time_ms - self._sent_ms
        if not self._waiting and (spanned_ms >= self._limits.clock_interval_ms or self._holds_many()):
            self._send_held()
        return batch

    def _holds_many(self) -> bool:
        return len(self._held) >= CLOCK_BATCHES_HELD_MAX

    def _next(self, events: tuple[AnyEvent, ...], time_ms: int) -> Batch:
        self._sequence += 1
        self._time_ms = time_ms
        return Batch(sequence=self._sequence, time_ms=time_ms, events=events)

    def _send_held(self) -> None:
        for batch in self._held:
            self._send(batch, encode_batch(batch.time_ms - self._sent_ms, ()))
        self._held.clear()

    def _send(self, batch: Batch, encoded: bytes) -> None:
        self._sent_ms = batch.time_ms
        self._sent_bytes += len(encoded)
        self._writer.put(Entry(batch.sequence, batch.time_ms, encoded))

    @property
    def _storing(self) -> Writer:
        return self._writer

    def _may_follow(self, batch: Batch) -> bool:
        if batch.events:
            return batch.sequence <= self._durable
        return batch.sequence < self._durable + CLOCK_BATCHES_AHEAD_MAX
