"""The data of replies that only the session makes."""

from msgspec import UNSET

from finalex.protocol.errors import RequestError
from finalex.protocol.messages import Data, ErrorData, encode_reply
from finalex.protocol.requests import RequestId
from finalex.session.effects import Send


class PongData(Data, frozen=True, kw_only=True):
    """The answer to `ping`."""

    server_time: int


class SubscriptionsData(Data, frozen=True, kw_only=True):
    """All subscriptions of a connection, each as it could be sent again."""

    subscriptions: list[dict[str, str | int]]


class AuthenticatedData(Data, frozen=True, kw_only=True):
    """The answer to `auth`; `expires_at` is `null` for credentials without an end."""

    user: str
    scopes: list[str]
    expires_at: int | None


class CancelOnDisconnectData(Data, frozen=True, kw_only=True):
    """The answer to `cancel_on_disconnect`."""

    enabled: bool


class HeartbeatData(Data, frozen=True, kw_only=True):
    """The last message of each of a connection's subscriptions, and the log's clock (the wall's before it begins)."""

    subscriptions: list[dict[str, str | int | None]]
    timestamp: int


def error_reply(error: RequestError, request_id: RequestId, now_ms: int) -> Send:
    """Return an `error` message."""
    return Send(encode_reply(request_id, "error", error_data(error), now_ms), error.code)


def error_data(error: RequestError) -> ErrorData:
    """Return the `data` of an `error` message, or of an item that failed alone."""
    return ErrorData(code=error.code, message=error.code.message, details=error.details, reason=error.reason or UNSET)
