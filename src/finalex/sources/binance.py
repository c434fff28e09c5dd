"""Messages of Binance's combined market streams, decoded into typed structs.

Field names say what a field means; the exchange's own are beside them. Source: Binance's documentation of its market
streams, and of "how to manage a local order book correctly", for spot and for USD-M futures. Unused fields are ignored.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

Count = Annotated[int, Meta(ge=0, le=2**62)]
TimeMs = Annotated[int, Meta(gt=0, le=2**48)]
LevelText = tuple[str, str]
"""A price and a quantity, as decimal text."""


class DepthUpdate(msgspec.Struct, frozen=True, gc=False):
    """New total quantities of price levels: the updates `first_id` to `last_id` together.

    `previous_id`, the `last_id` of the message before, and `traded_ms` come with USD-M futures alone. Spot messages
    are chained by their ids: the first is one above the last of the message before.
    """

    symbol: str = field(name="s")
    event_ms: TimeMs = field(name="E")
    first_id: Count = field(name="U")
    last_id: Count = field(name="u")
    bids: list[LevelText] = field(name="b")
    asks: list[LevelText] = field(name="a")
    previous_id: Count | None = field(name="pu", default=None)
    traded_ms: TimeMs | None = field(name="T", default=None)

    def __post_init__(self) -> None:
        if self.first_id > self.last_id:
            raise ValueError("the first update id is above the last")

    @property
    def futures(self) -> bool:
        """Whether the message is of USD-M futures, which are chained by `previous_id`."""
        return self.previous_id is not None

    @property
    def time_ms(self) -> int:
        """When it happened in the market."""
        return self.traded_ms or self.event_ms

    def within(self, snapshot_id: int) -> bool:
        """Whether a snapshot at `snapshot_id` contains it (futures use the one that ends there again)."""
        return self.last_id < snapshot_id if self.futures else self.last_id <= snapshot_id

    def spans(self, snapshot_id: int) -> bool:
        """Whether it may be the first after a snapshot at `snapshot_id`."""
        if self.follows(snapshot_id):
            return True
        wanted_id = snapshot_id if self.futures else snapshot_id + 1
        return self.first_id <= wanted_id <= self.last_id

    def follows(self, update_id: int) -> bool:
        """Whether it is the next after an update that ended with `update_id`."""
        return (self.first_id - 1 if self.previous_id is None else self.previous_id) == update_id


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A trade; `kind` comes with USD-M futures alone and is `MARKET` for a trade of the order book."""

    symbol: str = field(name="s")
    event_ms: TimeMs = field(name="E")
    traded_ms: TimeMs = field(name="T")
    id: Count = field(name="t")
    price: str = field(name="p")
    quantity: str = field(name="q")
    buyer_is_maker: bool = field(name="m")
    kind: str = field(name="X", default="MARKET")


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask after update `update_id`; spot gives no times."""

    symbol: str = field(name="s")
    update_id: Count = field(name="u")
    bid: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask: str = field(name="a")
    ask_quantity: str = field(name="A")
    event_ms: TimeMs | None = field(name="E", default=None)
    traded_ms: TimeMs | None = field(name="T", default=None)


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The answer of the REST depth request: the book after update `last_id`; it names no symbol."""

    last_id: Count = field(name="lastUpdateId")
    bids: list[LevelText]
    asks: list[LevelText]
    event_ms: TimeMs | None = field(name="E", default=None)
    traded_ms: TimeMs | None = field(name="T", default=None)


class Other(msgspec.Struct, frozen=True, gc=False):
    """A message of a stream that is not used."""

    stream: str


Message = DepthUpdate | Trade | BookTicker | Snapshot | Other


class _Frame(msgspec.Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()
    stream: str = ""
    last_update_id: int | None = field(name="lastUpdateId", default=None)


_frame = msgspec.json.Decoder(_Frame)
_snapshot = msgspec.json.Decoder(Snapshot)
_streams: dict[str, msgspec.json.Decoder[DepthUpdate] | msgspec.json.Decoder[Trade] | msgspec.json.Decoder[BookTicker]]
_streams = {
    "depth": msgspec.json.Decoder(DepthUpdate),
    "trade": msgspec.json.Decoder(Trade),
    "bookTicker": msgspec.json.Decoder(BookTicker),
}


def decode(text: bytes) -> Message:
    """Return the message that one frame (`{"stream", "data"}`) or depth snapshot holds.

    Raises `ValueError` for anything else: no JSON, a missing field, a wrong type, a number out of range.
    """
    try:
        frame = _frame.decode(text)
        if frame.last_update_id is not None:
            return _snapshot.decode(text)
        if not frame.stream:
            raise ValueError("neither a stream's message nor a depth snapshot")
        _, _, stream = frame.stream.partition("@")
        decoder = _streams.get(stream.partition("@")[0])
        return decoder.decode(frame.data) if decoder else Other(frame.stream)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def market_time_ms(message: Message) -> int | None:
    """Return the latest time of the exchange's clock in `message`, if it carries one."""
    if isinstance(message, Other):
        return None
    return max(message.event_ms or 0, message.traded_ms or 0) or None
