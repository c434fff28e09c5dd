"""Every request besides the subscriptions to single channels: its parameters, its reply, its errors."""

from collections.abc import Mapping
from typing import Final

from finalex.protocol import requests
from finalex.protocol.errors import ErrorCode
from finalex.reference import examples
from finalex.reference.examples import SYMBOL
from finalex.reference.forms import Method

ALWAYS: Final = (ErrorCode.INVALID_MESSAGE, ErrorCode.RATE_LIMIT_EXCEEDED)
"""Errors that every request can get."""

_DENIED: Final = ErrorCode.AUTHENTICATION_REQUIRED
_PARAMS: Final = ErrorCode.INVALID_PARAMS

UNSUBSCRIBING: Final = (
    _DENIED,
    ErrorCode.INVALID_CHANNEL,
    ErrorCode.INVALID_SYMBOL,
    ErrorCode.INVALID_DEPTH,
    ErrorCode.INVALID_INTERVAL,
    _PARAMS,
)
"""Errors that a request to unsubscribe can get."""

SUBSCRIBING: Final = (*UNSUBSCRIBING, ErrorCode.SUBSCRIPTION_LIMIT, ErrorCode.CANCELED)
"""Errors that a request to subscribe can get."""

_ITEMS: Final = {
    "subscriptions": [
        {"channel": "orderbook", "symbol": SYMBOL, "depth": 20},
        {"channel": "trades", "symbol": SYMBOL, "snapshot": 50},
    ]
}

_ALL: Final = (
    Method(
        name="subscribe",
        title="Subscribe to several",
        summary="Subscribe to several channels in one request; the form for a single one is with each channel.",
        example=_ITEMS,
        reply="subscribed",
        errors=SUBSCRIBING,
        notes=("A bad item fails alone: its result has an `error`.",),
    ),
    Method(
        name="unsubscribe",
        title="Unsubscribe from several",
        summary="End several subscriptions in one request. What is not subscribed is no error.",
        example=_ITEMS,
        reply="unsubscribed",
        errors=UNSUBSCRIBING,
    ),
    Method(
        name="list_subscriptions",
        title="List subscriptions",
        summary="List what this connection is subscribed to, in a form that can be sent again.",
        example={},
        reply="subscriptions",
    ),
    Method(
        name="ping",
        title="Ping",
        summary="Ask for the server's time. Browsers, which cannot send ping frames, can measure latency with it.",
        example={},
        reply="pong",
    ),
    Method(
        name="auth",
        title="Log in",
        summary="Log in on an open connection, or replace a token before it expires. Give a token or an API key.",
        params=requests.Authenticate,
        example={"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."},
        reply="authenticated",
        errors=(ErrorCode.INVALID_TOKEN, _PARAMS),
    ),
    Method(
        name="place_order",
        title="Place an order",
        summary="Place an order. The reply is sent when the outcome is durable.",
        scope="trade",
        params=requests.OrderRequest,
        example={
            "symbol": SYMBOL,
            "side": "buy",
            "type": "limit",
            "quantity": "1.00000000",
            "price": "45678.90",
            "client_order_id": examples.CLIENT_ORDER_ID,
        },
        reply="order_accepted",
        errors=(_DENIED, ErrorCode.INVALID_SYMBOL, _PARAMS, ErrorCode.ORDER_REJECTED, ErrorCode.INTERNAL_ERROR),
        notes=(
            "A `client_order_id` that the account has used before gets the outcome of the first order: after a lost "
            "connection ask again with the same one, and nothing is traded twice.",
        ),
    ),
    Method(
        name="cancel_order",
        title="Cancel an order",
        summary="Cancel one order, named by one of its two ids.",
        scope="trade",
        params=requests.CancelRequest,
        example={"order_id": examples.ORDER_ID},
        reply="orders_canceled",
        errors=(_DENIED, _PARAMS, ErrorCode.NOT_FOUND, ErrorCode.ORDER_REJECTED, ErrorCode.INTERNAL_ERROR),
    ),
    Method(
        name="cancel_all_orders",
        title="Cancel all orders",
        summary="Cancel all open orders, of one market or of all.",
        scope="trade",
        params=requests.CancelAllRequest,
        example={"symbol": SYMBOL},
        reply="orders_canceled",
        errors=(_DENIED, ErrorCode.INVALID_SYMBOL, _PARAMS, ErrorCode.ORDER_REJECTED, ErrorCode.INTERNAL_ERROR),
    ),
    Method(
        name="cancel_on_disconnect",
        title="Cancel on disconnect",
        summary="Switch on or off that open orders placed over this connection are canceled when it ends.",
        scope="trade",
        params=requests.CancelOnDisconnect,
        example={"enabled": True},
        reply="cancel_on_disconnect",
        errors=(_DENIED, _PARAMS),
    ),
)

METHODS: Final[Mapping[str, Method]] = {method.name: method for method in _ALL}
"""Every request by its method."""
