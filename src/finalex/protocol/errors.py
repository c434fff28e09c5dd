"""Error codes answer a request; close codes end a connection and say whether to come back."""

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """Every `data.code` of an `error` message; the first six are the spec's."""

    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 (a code, no secret)
    INVALID_CHANNEL = "INVALID_CHANNEL"
    INVALID_SYMBOL = "INVALID_SYMBOL"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    SUBSCRIPTION_LIMIT = "SUBSCRIPTION_LIMIT"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    INVALID_PARAMS = "INVALID_PARAMS"
    INVALID_INTERVAL = "INVALID_INTERVAL"
    INVALID_DEPTH = "INVALID_DEPTH"
    CONNECTION_LIMIT = "CONNECTION_LIMIT"
    ORDER_REJECTED = "ORDER_REJECTED"
    NOT_FOUND = "NOT_FOUND"
    CANCELED = "CANCELED"
    INTERNAL_ERROR = "INTERNAL_ERROR"

    @property
    def message(self) -> str:
        """The sentence that goes with the code."""
        return _MESSAGES[self]


_MESSAGES = {
    ErrorCode.AUTHENTICATION_REQUIRED: "Authentication required for this request",
    ErrorCode.INVALID_TOKEN: "Invalid or expired credentials",
    ErrorCode.INVALID_CHANNEL: "Invalid channel name provided",
    ErrorCode.INVALID_SYMBOL: "Trading pair not found",
    ErrorCode.RATE_LIMIT_EXCEEDED: "Too many messages",
    ErrorCode.SUBSCRIPTION_LIMIT: "Maximum subscriptions reached",
    ErrorCode.INVALID_MESSAGE: "Message could not be understood",
    ErrorCode.INVALID_PARAMS: "A parameter is missing or wrong",
    ErrorCode.INVALID_INTERVAL: "Invalid kline interval",
    ErrorCode.INVALID_DEPTH: "Invalid order book depth",
    ErrorCode.CONNECTION_LIMIT: "Too many connections from this address",
    ErrorCode.ORDER_REJECTED: "The order was refused",
    ErrorCode.NOT_FOUND: "Order not found",
    ErrorCode.CANCELED: "The request was taken back",
    ErrorCode.INTERNAL_ERROR: "Internal error",
}


class RequestError(Exception):
    """A request that cannot be carried out; `details` names what is wrong and what is allowed."""

    def __init__(self, code: ErrorCode, details: str, reason: str | None = None) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
        self.reason = reason


class CloseCode(IntEnum):
    """Every code this server closes with (RFC 6455 section 7.4, the IANA registry, and our 4000)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    UNAUTHORIZED = 3000
    TIMEOUT = 3008
    SLOW_CONSUMER = 4000

    @property
    def reconnect(self) -> bool:
        """Whether a client that was closed with this code should connect again unchanged."""
        return self not in _STAY_AWAY


_STAY_AWAY = {
    CloseCode.NORMAL,
    CloseCode.PROTOCOL_ERROR,
    CloseCode.UNSUPPORTED_DATA,
    CloseCode.INVALID_TEXT,
    CloseCode.POLICY_VIOLATION,
    CloseCode.MESSAGE_TOO_BIG,
    CloseCode.UNAUTHORIZED,
}
