"""Messages of the server as the client reads them, and requests as it writes them."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from finalex.client.errors import UnreadableMessageError
from finalex.protocol.messages import (
    AccountData,
    BookSnapshotData,
    BookUpdateData,
    ConnectionStatusData,
    ErrorData,
    KlineData,
    OrderData,
    StatusData,
    TickerData,
    TradeData,
    UserTradeData,
)


class Received(msgspec.Struct, tag_field="type", frozen=True, gc=False):
    """The common shape of a message; `timestamp` is when the server sent it, in milliseconds since 1970."""

    id: str | int | float
    timestamp: int


class Ticker(Received, tag="ticker", frozen=True, gc=False):
    """A ticker."""

    data: TickerData


class BookSnapshot(Received, tag="orderbook_snapshot", frozen=True, gc=False):
    """A whole order book."""

    data: BookSnapshotData


class BookUpdate(Received, tag="orderbook_update", frozen=True, gc=False):
    """A change of one level."""

    data: BookUpdateData


class Trade(Received, tag="trade", frozen=True, gc=False):
    """A public trade."""

    data: TradeData


class Kline(Received, tag="kline", frozen=True, gc=False):
    """A candle."""

    data: KlineData


class MarketStatus(Received, tag="status", frozen=True, gc=False):
    """What a market takes, and whether its book can be trusted."""

    data: StatusData


class Account(Received, tag="account_update", frozen=True, gc=False):
    """The balances."""

    data: AccountData


class Order(Received, tag="order_update", frozen=True, gc=False):
    """A new version of an order."""

    data: OrderData


class UserTrade(Received, tag="user_trade", frozen=True, gc=False):
    """A trade of one's own."""

    data: UserTradeData


class HeartbeatRow(msgspec.Struct, frozen=True, gc=False):
    """What was sent last of a subscription; `None` where nothing was yet."""

    channel: str
    symbol: str = ""
    interval: str = ""
    last_id: str | None = None
    sequence: int | None = None


class HeartbeatData(msgspec.Struct, frozen=True, gc=False):
    """What was sent last of each subscription."""

    subscriptions: list[HeartbeatRow]


class Heartbeat(Received, tag="heartbeat", frozen=True, gc=False):
    """What was sent last of each subscription; the id ends with the log's sequence."""

    data: HeartbeatData


class Result(msgspec.Struct, frozen=True, gc=False):
    """What became of one item of a request to subscribe."""

    resumed: bool | UnsetType = UNSET
    error: ErrorData | UnsetType = UNSET


class ResultsData(msgspec.Struct, frozen=True, gc=False):
    """What became of the items of a request, in their order."""

    results: list[Result] = []


class Subscribed(Received, tag="subscribed", frozen=True, gc=False):
    """The reply to a request to subscribe."""

    data: ResultsData


class Status(Received, tag="connection_status", frozen=True, gc=False):
    """What the server says of the connection."""

    data: ConnectionStatusData


class Error(Received, tag="error", frozen=True, gc=False):
    """A request failed, or the connection is about to be closed."""

    data: ErrorData


class OrderAccepted(Received, tag="order_accepted", frozen=True, gc=False):
    """The reply to `place_order`."""

    data: OrderData


class OrdersCanceledData(msgspec.Struct, frozen=True, gc=False):
    """The ids of the orders that a request canceled, oldest first."""

    order_ids: list[str]


class OrdersCanceled(Received, tag="orders_canceled", frozen=True, gc=False):
    """The reply to `cancel_order` and `cancel_all_orders`."""

    data: OrdersCanceledData


class Switched(Received, tag="cancel_on_disconnect", frozen=True, gc=False):
    """The reply to `cancel_on_disconnect`."""


PublicationMessage = Ticker | BookSnapshot | BookUpdate | Trade | Kline | MarketStatus | Account | Order | UserTrade
"""The messages of the channels that can be subscribed to with this client."""

Known = PublicationMessage | Heartbeat | Subscribed | Status | Error | OrderAccepted | OrdersCanceled | Switched

_TYPES = frozenset(
    {
        *("ticker", "orderbook_snapshot", "orderbook_update", "trade", "kline", "status"),
        *("account_update", "order_update", "user_trade", "heartbeat", "subscribed", "connection_status"),
        *("error", "order_accepted", "orders_canceled", "cancel_on_disconnect"),
    }
)


class _Typed(msgspec.Struct, frozen=True, gc=False):
    type: str


_decode: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)
_decode_type = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.Encoder().encode


def decode_message(text: bytes) -> Known | None:
    """Return a message, `None` for one of a type that the client has no use for; raises `UnreadableMessageError`."""
    try:
        return _decode.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = str(error)
    try:
        type_ = _decode_type(text).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableMessageError(problem) from None
    if type_ in _TYPES:
        raise UnreadableMessageError(problem)
    return None


def encode_request(request_id: str, method: str, params: Mapping[str, object]) -> bytes:
    """Return the text of a request."""
    return _encode({"id": request_id, "method": method, "params": params})
