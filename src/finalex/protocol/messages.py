"""Messages to a client: the envelope, the data of every type, and their encoding.

Field names and order are the spec's; decimal numbers are text in the instrument's own decimals, times are
milliseconds since 1970 (UTC).
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from finalex.protocol.streams import Stream


class Data(msgspec.Struct, frozen=True, gc=False):
    """The common shape of `data`."""


class TickerData(Data, frozen=True, kw_only=True):
    """The last price and the rolling 24 hours of a symbol; volumes in base and in quote."""

    symbol: str
    price: str
    change_24h: str
    change_percent_24h: str
    volume_24h: str
    quote_volume_24h: str
    high_24h: str
    low_24h: str
    bid: str
    ask: str
    timestamp: int


class BookSnapshotData(Data, frozen=True, kw_only=True):
    """The best `depth` levels of each side, best first; `stale` marks a book that was withdrawn."""

    symbol: str
    depth: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    timestamp: int
    sequence: int
    stale: bool | UnsetType = UNSET


class BookUpdateData(Data, frozen=True, kw_only=True):
    """One price level: `action` is `add`, `update` or `delete`, `quantity` the new total there."""

    symbol: str
    depth: int
    side: str
    price: str
    quantity: str
    action: str
    timestamp: int
    sequence: int


class TradeData(Data, frozen=True, kw_only=True):
    """A public trade; `side` is the taker's."""

    symbol: str
    trade_id: str
    price: str
    quantity: str
    side: str
    timestamp: int


class KlineData(Data, frozen=True, kw_only=True):
    """A candle: `close_time` is its last millisecond, `volume` is in the base."""

    symbol: str
    interval: str
    open_time: int
    close_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    is_closed: bool


class StatusData(Data, frozen=True, kw_only=True):
    """A market: `state` is what it takes, `book` is `live`, or `withdrawn` when its source cannot be trusted.

    `reason` is the operator's, if there is one, or `exchange_unavailable` while no engine can be reached.
    """

    symbol: str
    state: str
    book: str
    reason: str | UnsetType = UNSET
    timestamp: int


class BalanceData(Data, frozen=True, kw_only=True):
    """One currency of an account; `total` is `available` plus `locked`."""

    currency: str
    available: str
    locked: str
    total: str


class AccountData(Data, frozen=True, kw_only=True):
    """All non-zero balances of an account; `sequence` counts the account's messages, as in all private channels."""

    balances: list[BalanceData]
    timestamp: int
    sequence: int


class OrderData(Data, frozen=True, kw_only=True):
    """An order as it is now; `fees` are in `fee_currency`, the currency that the order receives.

    `sequence` comes in the channel alone: a reply to a request is not counted.
    """

    order_id: str
    client_order_id: str | None
    symbol: str
    side: str
    type: str
    time_in_force: str
    post_only: bool
    status: str
    reason: str | UnsetType = UNSET
    quantity: str
    price: str
    filled_quantity: str
    remaining_quantity: str
    average_price: str
    fees: str
    fee_currency: str
    created_at: int
    updated_at: int
    sequence: int | UnsetType = UNSET


class UserTradeData(Data, frozen=True, kw_only=True):
    """A trade of one's own: `side` and `role` are one's own."""

    trade_id: str
    order_id: str
    client_order_id: str | None
    symbol: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str
    role: str
    timestamp: int
    sequence: int


class RateLimitsData(Data, frozen=True, kw_only=True):
    """What a connection may still ask for."""

    subscriptions_remaining: int
    private_subscriptions_remaining: int
    connections_remaining: int


class ConnectionStatusData(Data, frozen=True, kw_only=True):
    """`status` is `connected`, `token_expiring`, `lagging` or `closing`."""

    status: str
    server_time: int
    rate_limits: RateLimitsData | UnsetType = UNSET
    authenticated: bool | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    reconnect_after_ms: int | UnsetType = UNSET


class ErrorData(Data, frozen=True, kw_only=True):
    """`code` is one of `ErrorCode`; `reason` comes with `ORDER_REJECTED` alone."""

    code: str
    message: str
    details: str
    reason: str | UnsetType = UNSET


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The envelope. Only messages of a channel have `channel`; `timestamp` is when the server sent it."""

    id: str | int | float
    type: str
    channel: str | UnsetType = UNSET
    data: Any
    timestamp: int


class Publication(NamedTuple):
    """A message for all subscribers of `streams`, who get it once even if they have several of them.

    `id` and everything else depend on the log alone; `type` and `data` are the message's.
    """

    streams: tuple[Stream, ...]
    id: str
    type: str
    data: Data


_encode = msgspec.json.Encoder().encode


def encode_reply(request_id: str | float, type_: str, data: object, now_ms: int) -> bytes:
    """Return the text of a message that is not of a channel: a reply, an error or a status."""
    return _encode(Message(id=request_id, type=type_, data=data, timestamp=now_ms))


def encode_publication(publication: Publication, now_ms: int) -> bytes:
    """Return the text of a channel's message, the same for every receiver."""
    return _encode(
        Message(
            id=publication.id,
            type=publication.type,
            channel=publication.streams[0].channel,
            data=publication.data,
            timestamp=now_ms,
        )
    )
