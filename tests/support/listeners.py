"""Members of a fan-out that keep what is written to them, and a loop that turns when it is told to."""

import zlib
from collections.abc import Callable

from finalex.protocol.messages import Publication, TradeData
from finalex.protocol.streams import Stream
from support.sockets import Frame, split_frames

BTC, ETH, SOL = (Stream("trades", symbol) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT"))
NOW_MS = 1_700_000_000_000


def publication(number: int, *streams: Stream, padding: int = 0) -> Publication:
    """Return the `number`th publication, on some streams."""
    data = TradeData(
        symbol=streams[0].symbol, trade_id=str(number) + " " * padding, price="1", quantity="1", side="buy", timestamp=1
    )
    return Publication(streams, f"{number}", "trade", data)


class Listener:
    """A member that keeps what is written to it, one entry a write."""

    def __init__(self, *, deflates: bool = False) -> None:
        self.deflates = deflates
        self.dropped = False
        self.bytes: list[bytes] = []
        self.writes: list[list[int]] = []
        self.on_write: Callable[[], None] = lambda: None

    def drop(self) -> None:
        self.dropped = True

    def send(self, frames: bytes) -> None:
        self.bytes.append(frames)
        self.writes.append([number_in(frame) for frame in split_frames(frames)])
        self.on_write()

    @property
    def seen(self) -> list[int]:
        return [number for write in self.writes for number in write]


def number_in(frame: Frame) -> int:
    """Return which publication a message is, compressed or not."""
    payload = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame.payload) if frame.reserved else frame.payload
    return int(payload.split(b'"', 4)[3])


class Loop:
    """Collects what is to be called soon."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """Let the loop turn once."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()
