"""What may wait for a client, and how a connection ends that lets too much wait."""

import asyncio
from collections.abc import Callable

from finalex.gateway.fanout import Fanout
from finalex.gateway.framing import frame_text
from finalex.gateway.outbox import REPLIES_BYTES_FACTOR, Outbox
from finalex.gateway.recalls import NoRecaller
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.switchboard import Switchboard
from finalex.gateway.wire import Wire
from finalex.metrics import Metrics
from finalex.model.commands import Command
from finalex.protocol.streams import Stream
from support.sockets import split_frames

QUEUE_BYTES_MAX = 1000
TRADES = Stream("trades", "BTC/USDT")


class Network(asyncio.Transport):
    """A transport that takes `room` bytes and lets the rest wait."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.room = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return max(0, sum(map(len, self.written)) - self.room)

    def drain(self) -> None:
        self.room = sum(map(len, self.written))


class NoVenue:
    """Takes no commands."""

    def submit(self, command: Command, reply: Callable[..., None]) -> None:
        raise NotImplementedError

    def open_account(self, user: str) -> None:
        raise NotImplementedError


class TestQueue:
    def setup_method(self) -> None:
        self.metrics, self.network = Metrics(), Network()
        self.fanout = Fanout(lambda _: None, self.metrics)
        settings = GatewaySettings(queue_bytes_max=QUEUE_BYTES_MAX)
        switchboard = Switchboard(
            self.fanout, NoVenue(), NoRecaller(), settings, self.metrics, lambda: 0, lambda _: None
        )
        self.outbox = Outbox(Wire(self.network), switchboard)
        self.fanout.place(self.outbox, frozenset({TRADES}))

    def last_code(self) -> int:
        """Return the code of the close frame that was sent last of all."""
        return split_frames(self.network.written[-1])[-1].close_code

    async def test_as_much_as_the_limit_may_wait(self) -> None:
        self.outbox.write(b"x" * QUEUE_BYTES_MAX)
        assert self.outbox.open

    async def test_more_is_too_slow(self) -> None:
        self.outbox.write(b"x" * QUEUE_BYTES_MAX)
        self.outbox.write(b"x")
        assert not self.outbox.open
        assert self.last_code() == 4000
        assert TRADES not in self.fanout.wanted
        assert self.metrics.closes == {"4000": 1}

    async def test_what_the_network_took_does_not_wait(self) -> None:
        for _ in range(10):
            self.outbox.write(b"x" * QUEUE_BYTES_MAX)
            self.network.drain()
        assert self.outbox.open

    async def test_after_the_end_nothing_is_written(self) -> None:
        self.outbox.close(1000, "")
        self.outbox.write(frame_text(b"late"))
        self.outbox.reply(frame_text(b"late"))
        self.outbox.close(1001, "")
        assert len(self.network.written) == 1
        assert self.last_code() == 1000

    async def test_a_long_reply_may_wait_on_top(self) -> None:
        self.outbox.reply(b"x" * 5 * QUEUE_BYTES_MAX)
        self.outbox.write(b"x" * QUEUE_BYTES_MAX)
        assert self.outbox.open
        self.outbox.write(b"x")
        assert self.last_code() == 4000

    async def test_but_not_without_end(self) -> None:
        for _ in range(REPLIES_BYTES_FACTOR + 1):
            self.outbox.reply(b"x" * QUEUE_BYTES_MAX)
        assert self.outbox.open
        self.outbox.reply(b"x")
        assert self.last_code() == 4000

    async def test_and_no_longer_when_it_has_left(self) -> None:
        self.outbox.reply(b"x" * 5 * QUEUE_BYTES_MAX)
        self.network.drain()
        self.outbox.drained()
        self.outbox.write(b"x" * (QUEUE_BYTES_MAX + 1))
        assert self.last_code() == 4000

    async def test_it_counts_bytes(self) -> None:
        self.outbox.write(b"x" * 10)
        self.outbox.reply(b"x" * 5)
        assert self.metrics.bytes_sent == 15

    async def test_an_end_without_a_close_frame_is_told_from_one_with(self) -> None:
        assert self.outbox.lost()
        assert not self.outbox.lost()
        assert TRADES not in self.fanout.wanted
