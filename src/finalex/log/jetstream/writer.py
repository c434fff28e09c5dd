"""The writer: a thread with an event loop and a connection of its own, which stores one message after the other.

A message holds what was appended while the one before was under way, so that under load one answer serves many
batches. A message that was not stored stays the next one, as it is, until it is, or until the log is closed.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
import uvloop
from nats.aio.client import Client

from finalex.bus.address import BusAddress
from finalex.bus.connection import BusError, connect
from finalex.bus.names import Names
from finalex.ending import end_tasks
from finalex.log.jetstream.answers import FencedError, StreamFullError
from finalex.log.jetstream.envelope import Envelope, encode
from finalex.log.jetstream.limits import JetStreamLimits
from finalex.log.jetstream.packing import Queue, Waiting
from finalex.log.jetstream.reading import LoopReader
from finalex.log.jetstream.stream import End, LogStream
from finalex.log.jetstream.trimming import trim
from finalex.log.port import LogError, LogProblem
from finalex.log.records import Entry, pack
from finalex.log.writer import WriterCounts

LOOK_INTERVAL_S = 1.0
"""How full the stream is, is looked at no more often while it takes events."""

MESSAGE_FRAME_BYTES = 128
"""About what the stream stores beside a message's content."""

_logger = structlog.get_logger(__name__)


class Writer:
    """Stores entries in their order as `name`, and calls `notify` in its thread after each change.

    `durable` is the last sequence stored; `problem` is that of the stream. Both are for the notified thread to read.
    """

    def __init__(
        self,
        address: BusAddress,
        names: Names,
        name: str,
        after: End,
        limits: JetStreamLimits,
        notify: Callable[[], object],
    ) -> None:
        self.durable = after.sequence
        self.stream_sequence = after.stream_sequence
        self.counts = WriterCounts()
        self._address, self._names, self._name = address, names, name
        self._limits = limits
        self._notify = notify
        self._queue = Queue()
        self._problem: LogProblem | None = None  # of storing
        self._full: LogProblem | None = None  # of the room that is left
        self._used_bytes = self._bytes_max = 0  # as last heard, and what was stored since
        self._covered = 0
        self._trimming = self._stopping = False
        self._loop = uvloop.new_event_loop()
        self._wake, self._tending, self._stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._connected = threading.Event()
        self._stream: LogStream | None = None
        self._thread = threading.Thread(target=self._work, name="finalex-log", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> LogProblem | None:
        """Why no events should be taken."""
        return self._problem or self._full

    def put(self, entry: Entry, position: int, *, leaving: bool = False) -> None:
        """Store `entry`, the next, before long."""
        if self._queue.put(Waiting(entry, position, leaving)):
            self._call(self._wake.set)

    def replace(self, old: Entry, new: Entry, position: int) -> bool:
        """Store `new` instead of `old`, the last that was put, and return `True`, unless it is too late for that."""
        return self._queue.replace(old, Waiting(new, position))

    def trim(self, sequence: int) -> None:
        """Allow to delete what ends at or before `sequence`."""
        self._covered, self._trimming = max(self._covered, sequence), True
        self._call(self._tending.set)

    def reader(self) -> LoopReader:
        """Return a reader over this writer's connection, once there is one; raises `LogError`."""
        self._connected.wait(self._limits.close_timeout_ms / 1000)
        if self._stream is None:
            raise LogError("The log on JetStream cannot be read: there is no connection.")
        return LoopReader(self._stream, self._loop)

    def stop(self) -> None:
        """Store what was put, and end the thread; waits so long as `limits` say."""
        self._stopping = True
        for event in (self._stop, self._wake, self._tending):
            self._call(event.set)
        self._thread.join(self._limits.close_timeout_ms / 1000)

    def _call(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(callback)

    # --- in the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._run())
        except Exception as error:
            self._change(LogProblem.STORAGE_FAILED, repr(error))
        finally:
            self._connected.set()
            self._notify()

    async def _run(self) -> None:
        client = await self._connect()
        if client is None:
            return
        stream = self._stream = LogStream(client, self._names)
        self._connected.set()
        tending = asyncio.create_task(self._tend(stream))
        try:
            await self._store(stream)
        finally:
            self._stream = None
            await end_tasks(tending)
            await client.close()

    async def _connect(self) -> Client | None:
        began_s = time.monotonic()
        while True:
            last_try = self._stopping
            try:
                return await connect(self._address, f"log writer {self._name}")
            except BusError as error:
                self._fail(error, began_s)
            if last_try:
                return None
            await self._pause(self._limits.retry_ms / 1000)

    async def _store(self, stream: LogStream) -> None:
        """Store what is put until stopped, or fenced: then only wait."""
        while True:
            group = self._queue.take()
            if group and not await self._write(stream, group):
                await self._stop.wait()
                return
            if not group:
                if self._stopping:
                    return
                await self._wake.wait()
                self._wake.clear()

    async def _write(self, stream: LogStream, group: list[Waiting]) -> bool:
        """Store a message until it is; return `False` if it never will be by this writer."""
        began_s, began_ns = time.monotonic(), time.perf_counter_ns()
        entries = [waiting.entry for waiting in group]
        record = pack(entries, self.durable)
        content = encode(Envelope(self._name, group[-1].leaving, group[-1].position, record))
        while True:
            last_try = self._stopping
            try:
                await stream.append(content, self.stream_sequence)
                break
            except FencedError as error:
                self._change(LogProblem.FENCED, str(error))
                return False
            except Exception as error:
                self._fail(error, began_s)
            if last_try:
                return False
            await self._pause(self._limits.retry_ms / 1000)
        self.counts.write_ns += time.perf_counter_ns() - began_ns
        self.counts.groups += 1
        self.counts.batches += len(entries)
        self.counts.bytes += sum(len(entry.encoded) for entry in entries)
        self.durable, self.stream_sequence = entries[-1].sequence, self.stream_sequence + 1
        self._used_bytes += len(content) + MESSAGE_FRAME_BYTES
        self._look_at_room()
        self._change(None)
        self._notify()
        return True

    def _fail(self, error: Exception, began_s: float) -> None:
        self.counts.failures += 1
        if isinstance(error, StreamFullError):
            self._change(LogProblem.DISK_FULL, str(error))
        elif time.monotonic() - began_s >= self._limits.failed_ms / 1000:
            self._change(LogProblem.STORAGE_FAILED, str(error))

    def _change(self, problem: LogProblem | None, reason: str = "") -> None:
        if problem is self._problem:
            return
        self._problem = problem
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        if self.problem is None:
            _logger.info("log_takes_events_again")
        else:
            _logger.error("log_refuses_events", problem=self.problem.value, reason=reason)
        self._notify()

    async def _tend(self, stream: LogStream) -> None:
        """Trim when allowed to; refuse events while the stream has too little room left."""
        failing = False
        while not self._stopping:  # cancelling alone may be lost where the library waits
            try:
                if self._trimming:
                    self._trimming = False
                    await trim(stream, self._covered, self._limits)
                held = await stream.held()
                self._used_bytes, self._bytes_max = held.used_bytes, held.bytes_max
                self._look_at_room()
                failing = False
            except Exception as error:  # it is tried again, and nothing is lost
                if not failing and self._problem is None:
                    _logger.warning("log_upkeep_failed", reason=str(error))
                failing = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._tending.wait()
            self._tending.clear()

    def _look_at_room(self) -> None:
        reserve = min(self._limits.reserve_bytes, self._bytes_max // 8)
        full = 0 < self._bytes_max < self._used_bytes + reserve
        if full is not (self._full is not None):
            self._full = LogProblem.DISK_FULL if full else None
            self._tell(f"{self._used_bytes} of {self._bytes_max} bytes are used")

    async def _pause(self, seconds: float) -> None:
        """Wait, but not once the writer is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
