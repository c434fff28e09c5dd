"""What may wait for a client, what becomes of one that lags, and how a connection ends that lets too much wait."""

import asyncio
from collections.abc import Callable
from typing import cast

from finalex.gateway.backlog import Backlog
from finalex.gateway.fanout import Fanout
from finalex.gateway.framing import frame_text
from finalex.gateway.intake import Intake
from finalex.gateway.outbox import REPLIES_BYTES_FACTOR, Outbox
from finalex.gateway.recalls import NoRecaller
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.switchboard import Switchboard
from finalex.gateway.wire import Wire
from finalex.metrics import Metrics
from finalex.model.commands import Command
from finalex.protocol.streams import Stream
from support.sockets import split_frames

LAGGING_BYTES = 400
QUEUE_BYTES_MAX = 1000
TRADES = Stream("trades", "BTC/USDT")


class Network(asyncio.Transport):
    """A transport that takes `room` bytes, lets the rest wait, and says so as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.room = 0
        self.high = 1 << 60
        self.paused = False
        self.outbox: Outbox

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        assert low is not None
        assert 0 < low < high
        self.high = high

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        if self.get_write_buffer_size() > self.high and not self.paused:
            self.paused = True
            self.outbox.filled()

    def get_write_buffer_size(self) -> int:
        return max(0, sum(map(len, self.written)) - self.room)

    def drain(self) -> None:
        """Take everything."""
        self.room = sum(map(len, self.written))
        if self.paused:
            self.paused = False
            self.outbox.drained()

    def abort(self) -> None:
        self.written.append(b"aborted")


class NoVenue:
    """Takes no commands."""

    def submit(self, command: Command, reply: Callable[..., None]) -> None:
        raise NotImplementedError

    def open_account(self, user: str) -> None:
        raise NotImplementedError


class Reader:
    """The connection of the outbox: writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def fall_behind(self) -> None:
        self.told.append("fall behind")

    def catch_up(self) -> None:
        self.told.append("catch up")

    def resume(self) -> None:
        self.told.append("resume")

    def describe(self) -> dict[str, object]:
        return {"connection": 1}


async def next_turn() -> None:
    await asyncio.sleep(0)


class TestQueue:
    def setup_method(self) -> None:
        self.metrics, self.network, self.reader = Metrics(), Network(), Reader()
        self.fanout = Fanout(lambda _: None, self.metrics, lambda: 0)
        settings = GatewaySettings(
            lagging_bytes=LAGGING_BYTES, queue_bytes_max=QUEUE_BYTES_MAX, queues_bytes_max=50_000
        )
        self.backlog = Backlog(settings.queues_bytes_max, self.metrics)
        venue, recaller = NoVenue(), NoRecaller()
        switchboard = Switchboard(
            self.fanout,
            self.backlog,
            venue,
            recaller,
            settings,
            self.metrics,
            lambda: 0,
            lambda _: None,
            Intake(settings),
        )
        wire = Wire(self.network)
        wire.warn_above(LAGGING_BYTES)
        self.outbox = self.network.outbox = Outbox(wire, switchboard, self.reader)
        self.fanout.place(self.outbox, frozenset({TRADES}))

    def send(self, size: int) -> None:
        """Send as the fan-out does."""
        self.outbox.send(b"x" * size)

    def last_code(self) -> int:
        """Return the code of the close frame that was sent last of all."""
        return split_frames(self.network.written[-1])[-1].close_code

    async def test_up_to_the_first_mark_nobody_looks(self) -> None:
        self.send(LAGGING_BYTES)
        await next_turn()
        assert (self.reader.told, self.outbox.has_room, list(self.backlog)) == ([], True, [])

    async def test_past_it_the_client_lags_once(self) -> None:
        self.send(LAGGING_BYTES + 1)
        assert self.reader.told == []  # a write is no time for it
        self.send(1)
        await next_turn()
        self.send(1)
        await next_turn()
        assert self.reader.told == ["fall behind"]
        assert self.outbox.lagging
        assert list(self.backlog) == [self.outbox]

    async def test_when_all_has_left_it_catches_up(self) -> None:
        for _ in range(2):
            self.send(LAGGING_BYTES + 1)
            await next_turn()
            self.network.drain()
            assert not self.outbox.lagging
            assert self.outbox.has_room
            assert list(self.backlog) == []
        assert self.reader.told == ["fall behind", "catch up"] * 2

    async def test_what_has_left_before_the_next_turn_was_no_lag(self) -> None:
        self.send(LAGGING_BYTES + 1)
        self.network.drain()
        await next_turn()
        assert self.reader.told == ["resume"]

    async def test_as_much_as_the_limit_may_wait(self) -> None:
        self.send(QUEUE_BYTES_MAX)
        assert self.outbox.open

    async def test_more_is_too_slow(self) -> None:
        self.send(QUEUE_BYTES_MAX)
        self.send(1)
        await next_turn()
        assert not self.outbox.open
        assert self.last_code() == 4000
        assert TRADES not in self.fanout.wanted
        assert self.metrics.closes == {"4000": 1}
        assert self.reader.told == []

    async def test_the_fanout_sends_through_what_looks_as_long_as_much_waits(self) -> None:
        def sends_freely() -> bool:
            return self.outbox.send == self.network.write

        assert sends_freely()
        self.send(LAGGING_BYTES + 1)
        assert not sends_freely()
        self.network.drain()
        assert sends_freely()

    async def test_what_the_network_took_does_not_wait(self) -> None:
        for _ in range(10):
            self.send(QUEUE_BYTES_MAX)
            self.network.drain()
        assert self.outbox.open

    async def test_after_the_end_nothing_is_written(self) -> None:
        self.send(LAGGING_BYTES + 1)
        self.outbox.close(1000, "")
        self.send(10)
        self.outbox.reply(frame_text(b"late"))
        self.outbox.close(1001, "")
        assert len(self.network.written) == 2
        assert self.last_code() == 1000

    async def test_a_long_reply_may_wait_on_top_and_is_no_lag(self) -> None:
        self.outbox.reply(b"x" * 5 * QUEUE_BYTES_MAX)
        self.send(LAGGING_BYTES)
        await next_turn()
        assert self.reader.told == []
        assert not self.outbox.has_room
        self.send(QUEUE_BYTES_MAX - LAGGING_BYTES)
        await next_turn()
        assert self.reader.told == ["fall behind"]
        assert self.outbox.open
        self.send(1)
        assert self.last_code() == 4000

    async def test_but_not_without_end(self) -> None:
        for _ in range(REPLIES_BYTES_FACTOR + 1):
            self.outbox.reply(b"x" * QUEUE_BYTES_MAX)
        assert self.outbox.open
        self.outbox.reply(b"x")
        assert self.last_code() == 4000

    async def test_and_no_longer_when_it_has_left(self) -> None:
        self.outbox.reply(b"x" * 4 * QUEUE_BYTES_MAX)
        self.network.drain()
        self.send(QUEUE_BYTES_MAX + 1)
        assert self.last_code() == 4000

    async def test_who_waits_for_room_is_woken_when_there_is_some_and_at_the_end(self) -> None:
        await self.outbox.room()
        for end in (self.network.drain, self.outbox.lost):
            self.send(LAGGING_BYTES + 1)
            waiting = asyncio.create_task(self.outbox.room())
            await next_turn()
            assert not waiting.done()
            cast("Callable[[], object]", end)()
            await waiting

    async def test_it_counts_the_bytes_of_replies(self) -> None:
        self.outbox.reply(b"x" * 5)
        assert self.metrics.bytes_sent == 5

    async def test_an_end_without_a_close_frame_is_told_from_one_with(self) -> None:
        assert self.outbox.lost()
        assert not self.outbox.lost()
        assert TRADES not in self.fanout.wanted
