"""The log on JetStream as its writer: what the event loop sees of it."""

from collections.abc import Callable, Iterable, Iterator

from finalex.bus.address import BusAddress
from finalex.bus.names import Names
from finalex.log.jetstream.limits import JetStreamLimits
from finalex.log.jetstream.packing import check_size
from finalex.log.jetstream.stream import End
from finalex.log.jetstream.writer import Writer
from finalex.log.port import LogProblem, LogRefusedError
from finalex.log.records import Entry, encode_batch
from finalex.log.written import CallSoon, WrittenLog
from finalex.model.events import AnyEvent, Batch


class JetStreamLog(WrittenLog):
    """The log that `names` name, written as `writer` after its end `after`, until somebody else writes it.

    `writer` is a name that nobody else has or ever had, up to 64 ASCII characters.
    Nothing is appended or waited for here: JetStream need not be there yet. `position` goes into the next message:
    how far external input is consumed. `call_soon` brings what the writer's thread has to say to the thread that the
    log belongs to; `on_fenced` is called there, once, when `problem` becomes `FENCED`. Batches without events are
    stored as any others; while one waits behind others, a later one takes its place.
    """

    def __init__(
        self,
        address: BusAddress,
        names: Names,
        *,
        writer: str,
        after: End,
        call_soon: CallSoon,
        limits: JetStreamLimits | None = None,
        on_fenced: Callable[[], None] | None = None,
    ) -> None:
        limits = limits or JetStreamLimits()
        super().__init__(after.sequence, after.time_ms, call_soon, limits.pending_bytes_max)
        self.position = after.position
        self._before_ms = after.time_ms  # the time of the batch before the last
        self._last: Entry | None = None  # the last batch, if it has no events
        self._on_fenced = on_fenced
        self._writer = Writer(address, names, writer, after, limits, self._notify)

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        """See `Log.append`; raises `ValueError` for events that no message can hold."""
        happened = tuple(events)
        time_ms = max(self._time_ms, time_ms)
        if self._closed:
            raise LogRefusedError(LogProblem.CLOSED)
        if not happened:
            return self._replaced(time_ms) or self._put((), time_ms)
        problem = self.problem
        if problem is not None:
            raise LogRefusedError(problem)
        return self._put(happened, time_ms)

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`; in any thread. Raises `LogError` if JetStream does not answer, and once the log is closed."""
        return self._writer.reader().read(after)

    def trim(self, sequence: int) -> None:
        """See `Log.trim`; what is too old, or too much for the stream, goes before long."""
        self._writer.trim(sequence)

    def close(self, leaving: bool = False) -> None:
        """See `Log.close`; with `leaving` a last message tells the others to take over at once."""
        if self._closed:
            return
        if leaving:
            self._put((), self._time_ms, leaving=True)
        self._closed = True
        self._writer.stop()
        self._abandon()

    def _put(self, events: tuple[AnyEvent, ...], time_ms: int, *, leaving: bool = False) -> Batch:
        encoded = encode_batch(time_ms - self._time_ms, events)
        check_size(encoded)  # if this raises, nothing has changed
        self._sequence += 1
        self._before_ms, self._time_ms = self._time_ms, time_ms
        entry = Entry(self._sequence, time_ms, encoded)
        batch = Batch(sequence=self._sequence, time_ms=time_ms, events=events)
        self._last = None if events else entry
        self._sent_bytes += len(encoded)
        self._waiting.append(batch)
        self._writer.put(entry, self.position, leaving=leaving)
        return batch

    def _replaced(self, time_ms: int) -> Batch | None:
        """Let the last batch, if it has no events and is not under way, be one of `time_ms`, and return it."""
        old = self._last
        if old is None:
            return None
        entry = Entry(self._sequence, time_ms, encode_batch(time_ms - self._before_ms, ()))
        if not self._writer.replace(old, entry, self.position):
            return None
        self._last, self._time_ms = entry, time_ms
        self._sent_bytes += len(entry.encoded) - len(old.encoded)
        batch = Batch(sequence=self._sequence, time_ms=time_ms, events=())
        self._waiting[-1] = batch
        return batch

    @property
    def _storing(self) -> Writer:
        return self._writer

    def _may_follow(self, batch: Batch) -> bool:
        return batch.sequence <= self._durable

    def _look(self) -> None:
        before = self._problem
        super()._look()
        if self._problem is LogProblem.FENCED is not before and self._on_fenced is not None:
            self._on_fenced()
