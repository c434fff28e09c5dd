"""What every field of the protocol's structs means, and what it can be beyond its type."""

from collections.abc import Mapping
from typing import Final

from finalex.model.orders import EndReason, OrderStatus, OrderType, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState
from finalex.protocol.errors import ErrorCode
from finalex.protocol.requests import CLIENT_ORDER_ID_LENGTH_MAX
from finalex.protocol.streams import DEPTHS, INTERVALS
from finalex.reference.forms import Field
from finalex.session.auth import SCOPES

DECIMAL: Final = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
SYMBOL: Final = {"pattern": "^[A-Za-z0-9]+/[A-Za-z0-9]+$"}
_CURRENCY: Final = {"pattern": "^[A-Za-z0-9]+$"}
_UUID: Final = {"format": "uuid"}
_COUNT: Final = {"minimum": 0}
_LEVEL: Final = {"type": "array", "items": {"type": "string", **DECIMAL}, "minItems": 2, "maxItems": 2}
_CLIENT_ORDER_ID: Final = {"minLength": 1, "maxLength": CLIENT_ORDER_ID_LENGTH_MAX}


def _one_of(*values: str | int) -> Mapping[str, object]:
    return {"enum": [str(value) if isinstance(value, str) else value for value in values]}


FIELDS: Final[Mapping[str, Field]] = {
    # the envelope
    "id": Field("The request's own id in a reply; in a channel's message the same for every receiver."),
    "type": Field("Which message it is."),
    "channel": Field("The channel; only messages of a channel have it."),
    "data": Field("What the message says; its fields depend on `type`."),
    "Message.timestamp": Field("When the server sent the message, in milliseconds since 1970 (UTC).", _COUNT),
    # all channels
    "symbol": Field("The trading pair, as base/quote.", SYMBOL),
    "timestamp": Field("When it happened, in milliseconds since 1970 (UTC).", _COUNT),
    "sequence": Field("Counts the account's messages in all private channels from 1, without a gap.", _COUNT),
    # ticker
    "price": Field("The price in the quote currency.", DECIMAL),
    "TickerData.price": Field("The price of the last trade.", DECIMAL),
    "change_24h": Field("How much the price has changed in 24 hours.", DECIMAL),
    "change_percent_24h": Field("The same in percent.", DECIMAL),
    "volume_24h": Field("What was traded in 24 hours, in the base currency.", DECIMAL),
    "quote_volume_24h": Field("What was traded in 24 hours, in the quote currency.", DECIMAL),
    "high_24h": Field("The highest price in 24 hours.", DECIMAL),
    "low_24h": Field("The lowest price in 24 hours.", DECIMAL),
    "bid": Field("The best price that somebody would buy at; zero if nobody would.", DECIMAL),
    "ask": Field("The best price that somebody would sell at; zero if nobody would.", DECIMAL),
    # orderbook
    "depth": Field("How many levels of each side the subscription shows.", _one_of(*DEPTHS)),
    "bids": Field("Levels to buy, each a price and a quantity, the highest price first.", {"items": _LEVEL}),
    "asks": Field("Levels to sell, each a price and a quantity, the lowest price first.", {"items": _LEVEL}),
    "BookSnapshotData.sequence": Field("The next update has this number plus 1.", _COUNT),
    "BookUpdateData.sequence": Field("The number before plus 1: after a gap subscribe again.", _COUNT),
    "stale": Field("Whether the market has lost its source; the book is then empty. Missing means no."),
    "BookUpdateData.side": Field("Which side the level is on.", _one_of(*Side)),
    "BookUpdateData.price": Field("The price of the level.", DECIMAL),
    "BookUpdateData.quantity": Field("The level's new total quantity; zero with `delete`.", DECIMAL),
    "action": Field("What happens to the level.", _one_of("add", "update", "delete")),
    # trades
    "trade_id": Field("The trade's number in its market: the one before plus 1.", {"pattern": "^[0-9]+$"}),
    "quantity": Field("How much, in the base currency.", DECIMAL),
    "side": Field("Which way the order trades.", _one_of(*Side)),
    "TradeData.side": Field("The side of the taker, who met an order that waited.", _one_of(*Side)),
    # kline
    "interval": Field("The length of the candle.", _one_of(*INTERVALS)),
    "open_time": Field("When the candle begins, in milliseconds since 1970 (UTC).", _COUNT),
    "close_time": Field("The candle's last millisecond.", _COUNT),
    "open": Field("The first price.", DECIMAL),
    "high": Field("The highest price.", DECIMAL),
    "low": Field("The lowest price.", DECIMAL),
    "close": Field("The last price.", DECIMAL),
    "volume": Field("What was traded, in the base currency.", DECIMAL),
    "is_closed": Field("Whether the candle has ended: each ends with one such message."),
    # status
    "StatusData.state": Field("What the market takes.", _one_of(*MarketState)),
    "book": Field(
        "`withdrawn` when the market has lost its source; the book is then empty.", _one_of("live", "withdrawn")
    ),
    "StatusData.reason": Field("Why, in the operator's words; missing if nothing was said."),
    # account
    "currency": Field("The currency.", _CURRENCY),
    "available": Field("What can be used for orders.", DECIMAL),
    "locked": Field("What open orders hold.", DECIMAL),
    "total": Field("`available` plus `locked`.", DECIMAL),
    "balances": Field("All balances that are not zero."),
    # orders
    "order_id": Field("The order's id.", _UUID),
    "CancelRequest.order_id": Field("The order's id; give this or `client_order_id`.", _UUID),
    "client_order_id": Field("The id that the client gave the order; `null` if it gave none.", _CLIENT_ORDER_ID),
    "OrderRequest.client_order_id": Field(
        "An id of your own, of printable characters: asking again with one that was used gives the first outcome.",
        _CLIENT_ORDER_ID,
    ),
    "CancelRequest.client_order_id": Field("The id that you gave the order.", _CLIENT_ORDER_ID),
    "OrderData.type": Field("How the order is priced.", _one_of(*OrderType)),
    "OrderRequest.type": Field("How the order is priced.", _one_of(*OrderType)),
    "time_in_force": Field(
        "Until canceled (`GTC`), at once as far as possible (`IOC`), at once and wholly or not at all (`FOK`).",
        _one_of(*TimeInForce),
    ),
    "OrderRequest.time_in_force": Field(
        "`GTC` if missing; a market order is `IOC` (if missing) or `FOK`.", _one_of(*TimeInForce)
    ),
    "post_only": Field("Whether the order is refused rather than trade at once; with a `GTC` limit order only."),
    "status": Field("Where the order is in its life; the last four are final.", _one_of(*OrderStatus)),
    "reason": Field("Why the order was refused or has ended.", _one_of(*RejectReason, *EndReason)),
    "OrderData.quantity": Field("How much was ordered, in the base currency.", DECIMAL),
    "OrderData.price": Field("The limit; zero for a market order.", DECIMAL),
    "OrderRequest.quantity": Field("How much, in the base currency: a multiple of the lot size.", DECIMAL),
    "OrderRequest.price": Field("The limit, a multiple of the tick size; not with a market order.", DECIMAL),
    "filled_quantity": Field("How much has been traded.", DECIMAL),
    "remaining_quantity": Field("`quantity` minus `filled_quantity`.", DECIMAL),
    "average_price": Field("The average price of what has been traded; zero before the first fill.", DECIMAL),
    "fees": Field("All fees so far, in `fee_currency`.", DECIMAL),
    "fee_currency": Field("The currency that is received: base for a buy, quote for a sell.", _CURRENCY),
    "created_at": Field("When the order was placed, in milliseconds since 1970 (UTC).", _COUNT),
    "updated_at": Field("When the order changed last, in milliseconds since 1970 (UTC).", _COUNT),
    "OrderData.sequence": Field("As in all private channels; a reply to a request has none.", _COUNT),
    "order_ids": Field("The ids of the canceled orders, oldest first.", {"items": {"type": "string", **_UUID}}),
    "CancelAllRequest.symbol": Field("Of this market alone; of all if missing.", SYMBOL),
    "CancelOnDisconnect.enabled": Field("Whether open orders placed here are canceled when the connection ends."),
    "enabled": Field("What it is now."),
    # user_trades
    "UserTradeData.trade_id": Field(
        "`trade_` and the number of the public trade or, for a fill on paper, its own.", {"pattern": "^trade_[0-9]+$"}
    ),
    "UserTradeData.side": Field("Your own side.", _one_of(*Side)),
    "fee": Field("The fee of this trade, in `fee_currency`.", DECIMAL),
    "role": Field("Whether your order waited in the book or met one.", _one_of("maker", "taker")),
    # the connection
    "ConnectionStatusData.status": Field(
        "The state of the connection.", _one_of("connected", "token_expiring", "lagging", "closing")
    ),
    "server_time": Field("The server's clock, in milliseconds since 1970 (UTC).", _COUNT),
    "rate_limits": Field("What this connection may still ask for."),
    "RateLimitsData.subscriptions_remaining": Field("How many more public subscriptions.", _COUNT),
    "private_subscriptions_remaining": Field("How many more private subscriptions.", _COUNT),
    "connections_remaining": Field("How many more connections from this address.", _COUNT),
    "authenticated": Field("Whether the connection is logged in."),
    "expires_at": Field("When the credentials end, in milliseconds since 1970 (UTC); `null` for never.", _COUNT),
    "reconnect_after_ms": Field("With `closing`: come back after so many milliseconds.", _COUNT),
    # errors
    "code": Field("Which error.", _one_of(*ErrorCode)),
    "message": Field("What kind of error, in words."),
    "details": Field("What exactly is wrong, and what is allowed."),
    "ErrorData.reason": Field("With `ORDER_REJECTED`: which rule.", _one_of(*RejectReason)),
    # replies about subscriptions
    "SubscriptionData.channel": Field("The channel."),
    "SubscribedData.channel": Field("The channel."),
    "ResultData.channel": Field("The channel, if one was named."),
    "ResultData.symbol": Field("The symbol, as it was asked for; `null` if there was none and the item failed."),
    "BeatData.channel": Field("The channel."),
    "resumed": Field("With `after`: whether everything missed since follows."),
    "subscriptions_remaining": Field("How many more subscriptions of this kind there may be.", _COUNT),
    "results": Field("One result for each item, in the same order."),
    "error": Field("Why this item failed; the others are not affected."),
    "subscriptions": Field("All subscriptions of the connection."),
    "last_id": Field("The `id` of the last message that was sent; `null` if none was yet."),
    "BeatData.sequence": Field("Its `sequence`, for order books and private channels.", _COUNT),
    "last_event_time": Field("When that happened, in milliseconds since 1970 (UTC).", _COUNT),
    "HeartbeatData.timestamp": Field("The market's clock, in milliseconds since 1970 (UTC).", _COUNT),
    # credentials
    "token": Field("A JSON Web Token (HS256, RS256, ES256 or EdDSA) with `sub`, `exp` and `scope`."),
    "api_key": Field("An API key; give this or a token."),
    "user": Field("Who is logged in."),
    "scopes": Field("What the credentials allow.", {"items": {"type": "string", "enum": [*SCOPES]}}),
}


def field_of(owner: str, name: str) -> Field:
    """Return what the reference says of a field of the struct called `owner`; raises `KeyError` if it says nothing."""
    return FIELDS[key_of(owner, name)]


def key_of(owner: str, name: str) -> str:
    """Return the row of `FIELDS` that is about a field: one for this struct alone goes before one for all."""
    own = f"{owner}.{name}"
    return own if own in FIELDS else name
