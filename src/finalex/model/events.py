"""Events: what happened. The log holds nothing else, and everything a client sees is a view of it.

Prices and quantities are integers in the instrument's units, amounts in 10^-8 of their currency, times in
milliseconds since 1970 (UTC). Each event carries all that a view needs to apply it.
"""

import msgspec

from finalex.model.orders import EndReason, OrderType, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState


class Event(msgspec.Struct, frozen=True, tag=True, tag_field="event", array_like=True, gc=False):
    """The common shape: a struct tagged with its own name.

    Encoded it is an array, the name and then the fields in their order: a new field goes to the end, with a default.
    """


class OrderAccepted(Event, frozen=True, kw_only=True):
    """An order entered the exchange; `locked` is the amount reserved: quote for a buy, base for a sell."""

    order: int
    user: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price: int
    quantity: int
    locked: int
    client_order_id: str | None
    time_ms: int


class OrderRejected(Event, frozen=True, kw_only=True):
    """An order was refused: the known outcome of its `client_order_id`."""

    order: int
    user: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price: int
    quantity: int
    client_order_id: str | None
    reason: RejectReason
    time_ms: int


class OrderRested(Event, frozen=True, kw_only=True):
    """What is left of an accepted order joined the book, behind all others at its price."""

    order: int
    symbol: str
    side: Side
    price: int
    quantity: int
    time_ms: int


class OrderEnded(Event, frozen=True, kw_only=True):
    """An order ended unfilled by `quantity`; `rested` tells whether that quantity leaves the book."""

    order: int
    user: str
    symbol: str
    side: Side
    price: int
    quantity: int
    rested: bool
    reason: EndReason
    time_ms: int


class Traded(Event, frozen=True, kw_only=True):
    """A trade. `side` is the taker's; `trade` grows by exactly 1 per symbol.

    The orders, users and fees (amounts of what each side receives) are empty for a market from outside. The
    maker's quantity leaves the book at `price` when the maker is an order of this exchange.
    """

    symbol: str
    trade: int
    price: int
    quantity: int
    side: Side
    time_ms: int
    maker_order: int = 0
    taker_order: int = 0
    maker: str = ""
    taker: str = ""
    maker_fee: int = 0
    taker_fee: int = 0


class Credited(Event, frozen=True, kw_only=True):
    """An account received `amount` from outside; an account exists from its first credit."""

    user: str
    currency: str
    amount: int
    reference: str
    time_ms: int


class Debited(Event, frozen=True, kw_only=True):
    """`amount` left an account for outside."""

    user: str
    currency: str
    amount: int
    reference: str
    time_ms: int


Level = tuple[int, int]
"""A price and the total quantity at it, in units."""

LevelChange = tuple[Side, int, int]
"""A side, a price and the new total quantity there; zero removes the level."""


class BookReset(Event, frozen=True, kw_only=True):
    """The whole book of a market from outside, best level first on both sides."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    time_ms: int


class LevelsChanged(Event, frozen=True, kw_only=True):
    """Levels of a market from outside changed together: between them the book has no meaning."""

    symbol: str
    changes: list[LevelChange]
    time_ms: int


class BookWithdrawn(Event, frozen=True, kw_only=True):
    """The book of a market from outside can no longer be trusted; it stays empty until a `BookReset`."""

    symbol: str
    reason: str
    time_ms: int


class MarketStateChanged(Event, frozen=True, kw_only=True):
    """A market is in another state from here on, or in the same for another `reason`."""

    symbol: str
    state: MarketState
    reason: str
    time_ms: int


class PaperRested(Event, frozen=True, kw_only=True):
    """What is left of an accepted order waits on paper: in no book, behind `ahead` of the outside's at its price."""

    order: int
    symbol: str
    side: Side
    price: int
    quantity: int
    ahead: int
    time_ms: int


class PaperFilled(Event, frozen=True, kw_only=True):
    """An order was filled on paper by a market from outside, which knows nothing of it: it is no public trade.

    `trade` grows by exactly 1 per symbol, apart from the numbers of public trades. `side` is the order's; `maker` tells
    whether the order had waited. `level` is the price of the outside's level whose quantity is used up by this, 0 if
    that is a trade's.
    """

    symbol: str
    trade: int
    order: int
    user: str
    side: Side
    price: int
    quantity: int
    maker: bool
    fee: int
    level: int
    time_ms: int


ExchangeEvent = (
    OrderAccepted
    | OrderRejected
    | OrderRested
    | OrderEnded
    | Traded
    | Credited
    | Debited
    | MarketStateChanged
    | PaperRested
    | PaperFilled
)
AnyEvent = ExchangeEvent | BookReset | LevelsChanged | BookWithdrawn


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one append put into the log: all of it happened, or none.

    `sequence` grows by exactly 1 per batch, from 1. `time_ms` is the log's clock and never goes back; a batch
    without events only records that time has passed.
    """

    sequence: int
    time_ms: int
    events: tuple[AnyEvent, ...]
