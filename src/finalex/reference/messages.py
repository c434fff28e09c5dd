"""Every type of message from the server, in the order in which the reference shows them."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import Data, ErrorData, Message
from finalex.reference import examples
from finalex.reference.examples import NOW_MS, SYMBOL
from finalex.reference.forms import ServerMessage
from finalex.reference.shapes import (
    BeatData,
    HeartbeatData,
    ResultData,
    ResultsData,
    SubscribedData,
    SubscriptionData,
    SubscriptionsData,
)
from finalex.session.orders import OrdersCanceledData
from finalex.session.replies import AuthenticatedData, CancelOnDisconnectData, PongData

_NO_SYMBOL: Final = ErrorData(
    code=ErrorCode.INVALID_SYMBOL,
    message=ErrorCode.INVALID_SYMBOL.message,
    details="Symbol 'BTC-USDT' does not exist; did you mean 'BTC/USDT'?",
)

_RESULTS: Final = ResultsData(
    results=[
        ResultData(channel="orderbook", symbol=SYMBOL, depth=20, subscriptions_remaining=99),
        ResultData(channel="trades", symbol="BTC-USDT", error=_NO_SYMBOL),
    ]
)

_BEAT: Final = HeartbeatData(
    subscriptions=[
        BeatData(
            channel="orderbook",
            symbol=SYMBOL,
            depth=20,
            last_id="orderbook:BTC/USDT:20:123456790",
            sequence=123456790,
            last_event_time=NOW_MS,
        ),
        BeatData(channel="trades", symbol=SYMBOL, last_id=None, last_event_time=None),
    ],
    timestamp=NOW_MS,
)


def _message(type_: str, title: str, summary: str, *shown: Message) -> ServerMessage:
    return ServerMessage(kind=type_, title=title, summary=summary, examples=shown)


def _published(type_: str, title: str, summary: str, id_: str, data: Data) -> ServerMessage:
    """Return a message of the channel that its id begins with."""
    channel = id_.partition(":")[0]
    return _message(
        type_, title, summary, Message(id=id_, type=type_, channel=channel, data=data, timestamp=NOW_MS + 2)
    )


def _reply(type_: str, title: str, summary: str, id_: str, *data: Data) -> ServerMessage:
    shown = (Message(id=id_, type=type_, channel=UNSET, data=each, timestamp=NOW_MS + 2) for each in data)
    return _message(type_, title, summary, *shown)


_ALL: Final = (
    _published(
        "ticker",
        "Ticker",
        "The last price and the rolling 24 hours of a market.",
        "ticker:BTC/USDT:4711",
        examples.TICKER,
    ),
    _published(
        "orderbook_snapshot",
        "Order book snapshot",
        "The best levels of each side, best first.",
        "orderbook:BTC/USDT:20:123456789:snapshot",
        examples.BOOK,
    ),
    _published(
        "orderbook_update",
        "Order book update",
        "One price level that is new, has changed or is gone.",
        "orderbook:BTC/USDT:20:123456790",
        examples.LEVEL,
    ),
    _published("trade", "Trade", "One trade of a market.", "trades:BTC/USDT:987654321", examples.TRADE),
    _published(
        "kline",
        "Candle",
        "A candle as it is now, or as it ended.",
        "kline:BTC/USDT:1m:1672531200000:4711",
        examples.KLINE,
    ),
    _published("status", "Market status", "A market as it is now.", "status:BTC/USDT:4711", examples.STATUS),
    _published("account_update", "Account", "All balances of the account.", "account:4711", examples.ACCOUNT),
    _published("order_update", "Order", "One of your orders, as it is now.", "orders:4711-0-t", examples.ORDER),
    _published(
        "user_trade", "Own trade", "One of your own trades.", "user_trades:BTC/USDT:123456789", examples.USER_TRADE
    ),
    _published("heartbeat", "Heartbeat", "What was sent last of each subscription.", "heartbeat:4711", _BEAT),
    _reply(
        "connection_status",
        "Connection status",
        "The first message of every connection, and later whatever happens to it.",
        "server-1",
        examples.CONNECTED,
        examples.CLOSING,
    ),
    _reply(
        "subscribed",
        "Subscribed",
        "The reply to `subscribe`: one result, or a list of them if a list was asked for.",
        "sub_001",
        SubscribedData(channel="ticker", symbol=SYMBOL, subscriptions_remaining=99),
        _RESULTS,
    ),
    _reply(
        "unsubscribed",
        "Unsubscribed",
        "The reply to `unsubscribe`, in the same two forms.",
        "unsub_001",
        SubscribedData(channel="ticker", symbol=SYMBOL, subscriptions_remaining=100),
        ResultsData(results=[ResultData(channel="ticker", symbol=SYMBOL, subscriptions_remaining=100)]),
    ),
    _reply(
        "subscriptions",
        "Subscriptions",
        "The reply to `list_subscriptions`.",
        "list_001",
        SubscriptionsData(subscriptions=[SubscriptionData(channel="ticker", symbol=SYMBOL)]),
    ),
    _reply("pong", "Pong", "The reply to `ping`.", "ping_001", PongData(server_time=NOW_MS + 2)),
    _reply(
        "authenticated",
        "Authenticated",
        "The reply to `auth`.",
        "auth_001",
        AuthenticatedData(user="alice", scopes=["read", "trade"], expires_at=NOW_MS + 3_600_000),
    ),
    _reply(
        "order_accepted",
        "Order accepted",
        "The reply to `place_order`: the order after what it traded at once; sent when that is durable.",
        "order_001",
        examples.ACCEPTED,
    ),
    _reply(
        "orders_canceled",
        "Orders canceled",
        "The reply to `cancel_order` and `cancel_all_orders`.",
        "cancel_001",
        OrdersCanceledData(order_ids=[examples.ORDER_ID]),
    ),
    _reply(
        "cancel_on_disconnect",
        "Cancel on disconnect",
        "The reply to `cancel_on_disconnect`.",
        "switch_001",
        CancelOnDisconnectData(enabled=True),
    ),
    _reply(
        "error",
        "Error",
        "A request that failed, with its `id`; or what ends the connection.",
        "sub_001",
        examples.NO_CHANNEL,
        examples.NO_FUNDS,
    ),
)

SERVER_MESSAGES: Final[Mapping[str, ServerMessage]] = {message.kind: message for message in _ALL}
"""Every message from the server by its type."""
