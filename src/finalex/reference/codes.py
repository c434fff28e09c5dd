"""What the error codes, the reasons of refused orders and the close codes mean, in a sentence each."""

from collections.abc import Mapping
from typing import Final

from finalex.model.orders import EndReason
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import CloseCode, ErrorCode

ERRORS: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.AUTHENTICATION_REQUIRED: "A private channel or an order without credentials, or without the scope.",
    ErrorCode.INVALID_TOKEN: "A token or API key that is wrong, has expired, was given twice, or is of another user.",
    ErrorCode.INVALID_CHANNEL: "The channel does not exist.",
    ErrorCode.INVALID_SYMBOL: "The symbol does not exist; `details` names the nearest one.",
    ErrorCode.RATE_LIMIT_EXCEEDED: "Too many messages: said once, then they are dropped until there is room again.",
    ErrorCode.SUBSCRIPTION_LIMIT: "Too many subscriptions on this connection.",
    ErrorCode.INVALID_MESSAGE: "Not JSON, not an object, a repeated key, a bad `id`, or an unknown method.",
    ErrorCode.INVALID_PARAMS: "A parameter is missing or wrong; `details` names it and what is allowed.",
    ErrorCode.INVALID_INTERVAL: "A kline interval that does not exist.",
    ErrorCode.INVALID_DEPTH: "An order book depth that does not exist.",
    ErrorCode.CONNECTION_LIMIT: "Too many connections from this address; the connection is closed with 1008.",
    ErrorCode.ORDER_REJECTED: "The order breaks a rule; `reason` says which.",
    ErrorCode.NOT_FOUND: "The account has no such open order.",
    ErrorCode.CANCELED: "A subscription with `after` was unsubscribed before it could be resumed.",
    ErrorCode.INTERNAL_ERROR: "A fault of the server. Whether an order was taken is not known: ask again with the same "
    "`client_order_id`.",
}

REJECTIONS: Final[Mapping[RejectReason, str]] = {
    RejectReason.TRADING_DISABLED: "This server's source takes no orders.",
    RejectReason.EXCHANGE_UNAVAILABLE: "Nothing can be made durable at the moment: try again later.",
    RejectReason.ORDER_RATE: "The account places too many orders a second: try again a moment later.",
    RejectReason.BOOK_STALE: "The market is traded on paper, and its book is withdrawn at the moment: try again later.",
    RejectReason.MARKET_HALTED: "The market is halted: it takes no orders, and open ones stay as they are.",
    RejectReason.MARKET_CANCEL_ONLY: "Orders of the market can only be canceled for now.",
    RejectReason.MARKET_POST_ONLY: "The market takes only post-only orders for now.",
    RejectReason.PRICE_OUT_OF_BOUNDS: "The price is below the instrument's lowest or above its highest.",
    RejectReason.PRICE_NOT_ON_TICK: "The price is no multiple of the tick size.",
    RejectReason.QUANTITY_OUT_OF_BOUNDS: "The quantity is below the smallest or above the largest.",
    RejectReason.QUANTITY_NOT_ON_LOT: "The quantity is no multiple of the lot size.",
    RejectReason.NOTIONAL_TOO_SMALL: "Price × quantity is below the smallest value.",
    RejectReason.NOTIONAL_TOO_LARGE: "Price × quantity is above the largest value.",
    RejectReason.PRICE_OUTSIDE_BAND: "It could trade at a price that is too much worse than that of the last trade.",
    RejectReason.TOO_MANY_OPEN_ORDERS: "The account has as many open orders as it may have.",
    RejectReason.POST_ONLY_WOULD_TAKE: "A post-only order would trade at once.",
    RejectReason.NO_LIQUIDITY: "A market order met an empty book.",
    RejectReason.INSUFFICIENT_FUNDS: "The account has not enough available.",
}

ENDS: Final[Mapping[EndReason, str]] = {
    EndReason.CANCELED: "Canceled on request; the status is `canceled`.",
    EndReason.UNFILLED: "The rest of an IOC or market order, or a FOK order that could not be filled wholly; the "
    "status is `expired`.",
    EndReason.SELF_TRADE: "It would have traded with an order of the same account; the status is `expired`, and what "
    "it had traded before stands.",
}

CLOSES: Final[Mapping[CloseCode, str]] = {
    CloseCode.NORMAL: "Closed normally.",
    CloseCode.GOING_AWAY: "Going away.",
    CloseCode.PROTOCOL_ERROR: "A frame broke the WebSocket protocol.",
    CloseCode.UNSUPPORTED_DATA: "A binary frame: send text.",
    CloseCode.INVALID_TEXT: "Text that is not UTF-8, or a compressed message that is corrupt.",
    CloseCode.POLICY_VIOLATION: "A limit was broken.",
    CloseCode.MESSAGE_TOO_BIG: "A message above the largest size.",
    CloseCode.INTERNAL_ERROR: "A fault of the server.",
    CloseCode.SERVICE_RESTART: "The server restarts: come back after `reconnect_after_ms`.",
    CloseCode.TRY_AGAIN_LATER: "The server is overloaded: come back later.",
    CloseCode.UNAUTHORIZED: "The credentials are wrong or have expired: come back with new ones.",
    CloseCode.TIMEOUT: "A ping was not answered in time.",
    CloseCode.SLOW_CONSUMER: "Too slow, messages piled up: come back with fewer subscriptions.",
}
