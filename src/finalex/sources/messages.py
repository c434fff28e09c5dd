"""The vocabulary of market data from outside, into which every format of recordings is decoded.

Updates and snapshots of a book are numbered as Binance numbers them; a format whose updates are numbered one by one is
the special case in which each has one id. Prices and quantities are decimal text, times milliseconds since 1970.
The names of the fields in JSON, for the messages that are Binance's own, are those of its documentation.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

ID_MAX = 2**62
TIME_MS_MAX = 2**48

Count = Annotated[int, Meta(ge=0, le=ID_MAX)]
TimeMs = Annotated[int, Meta(gt=0, le=TIME_MS_MAX)]
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
    """The whole book after update `last_id`. Binance's, the answer of the REST depth request, names no symbol."""

    last_id: Count = field(name="lastUpdateId")
    bids: list[LevelText]
    asks: list[LevelText]
    event_ms: TimeMs | None = field(name="E", default=None)
    traded_ms: TimeMs | None = field(name="T", default=None)
    symbol: str = field(name="s", default="")


class Other(msgspec.Struct, frozen=True, gc=False):
    """A message that is not used."""

    stream: str


class Contents(msgspec.Struct, frozen=True, gc=False):
    """What a recording is about, as it says itself: the symbols whose books or trades are in it."""

    symbols: tuple[str, ...]


class Stale(msgspec.Struct, frozen=True, gc=False):
    """The recorded exchange had no book to show until its next snapshot."""

    symbol: str
    event_ms: TimeMs | None


class TimeOnly(msgspec.Struct, frozen=True, gc=False):
    """A message that is used for its time alone: the recorded exchange's clock had reached it."""

    event_ms: TimeMs


class Hole(msgspec.Struct, frozen=True, gc=False):
    """The recorder lost its connection: whatever was sent until the next message is not in the recording."""

    reason: str


Message = DepthUpdate | Trade | BookTicker | Snapshot | Contents | Stale | TimeOnly | Hole | Other


def market_time_ms(message: Message) -> int | None:
    """Return the latest time of the exchange's clock in `message`, if it carries one."""
    match message:
        case DepthUpdate() | Trade() | BookTicker() | Snapshot():
            return max(message.event_ms or 0, message.traded_ms or 0) or None
        case Stale() | TimeOnly():
            return message.event_ms
        case _:
            return None


def market_of(message: Message) -> str | None:
    """Return what the recorded exchange calls the market of `message`; empty if it is that of the whole recording.

    `None` is for a message that is not of one market.
    """
    match message:
        case DepthUpdate() | Trade() | BookTicker() | Snapshot() | Stale():
            return message.symbol
        case _:
            return None
