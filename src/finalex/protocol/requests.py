"""Requests of a client: text in, one typed struct out, or a `RequestError`."""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.protocol.errors import ErrorCode, RequestError

T = TypeVar("T")

RequestId = str | int | float

ID_LENGTH_MAX = 128
CLIENT_ORDER_ID_LENGTH_MAX = 64

ITEMS_MAX = 200
"""Items of one `subscriptions` list."""

PAST_MESSAGES_MAX = 10_000
"""Past messages (`snapshot`, `history`, and `after` as far as memory goes) that one request may ask for altogether."""

_INTEGER_ID_MAX = 2**63 - 1


class Subscription(msgspec.Struct, frozen=True):
    """One item to subscribe to; which parameters mean something depends on the channel.

    `snapshot` is a number of past messages (`trades`, `user_trades`) or a switch (`orders`); `after` is the id of
    the last message that the client has.
    """

    channel: str
    symbol: str | None = None
    depth: int | None = None
    interval: str | None = None
    snapshot: int | bool | None = None
    history: int | None = None
    after: str | None = None


class Subscribe(msgspec.Struct, frozen=True):
    """Subscribe to items; `single` tells that the request had the spec's form with one item."""

    items: tuple[Subscription | RequestError, ...]
    single: bool


class Unsubscribe(Subscribe, frozen=True):
    """Unsubscribe from items."""


class ListSubscriptions(msgspec.Struct, frozen=True):
    """List what this connection is subscribed to."""


class Ping(msgspec.Struct, frozen=True):
    """Ask for a `pong` with the server's time."""


class Authenticate(msgspec.Struct, frozen=True):
    """Log in on an open connection, or replace a token before it expires."""

    token: str | None = None
    api_key: str | None = None


class OrderRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Place an order; numbers are decimal text."""

    symbol: str
    side: Side
    type: OrderType
    quantity: str
    price: str | None = None
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    client_order_id: str | None = None


class CancelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cancel one order, named by one of its two ids."""

    order_id: str | None = None
    client_order_id: str | None = None


class CancelAllRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cancel all open orders, of one symbol or of all."""

    symbol: str | None = None


class CancelOnDisconnect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switch on or off that this connection's open orders are canceled when it ends."""

    enabled: bool


Request = (
    Subscribe
    | Unsubscribe
    | ListSubscriptions
    | Ping
    | Authenticate
    | OrderRequest
    | CancelRequest
    | CancelAllRequest
    | CancelOnDisconnect
)

_METHODS: dict[str, type[Any]] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "list_subscriptions": ListSubscriptions,
    "ping": Ping,
    "auth": Authenticate,
    "place_order": OrderRequest,
    "cancel_order": CancelRequest,
    "cancel_all_orders": CancelAllRequest,
    "cancel_on_disconnect": CancelOnDisconnect,
}

METHODS = tuple(_METHODS)


class Envelope(msgspec.Struct, frozen=True):
    """A request that is at least an object: its id (or `None`), and how to read the rest."""

    id: RequestId | None
    body: dict[str, Any]

    def request(self) -> Request:
        """Return the typed request; raises `RequestError`."""
        method = self.body.get("method")
        kind = _METHODS.get(method) if isinstance(method, str) else None
        if kind is None:
            raise _invalid(f"'method' must be one of: {', '.join(METHODS)}")
        params = self.body.get("params")
        if params is None:
            params = {}
        if not isinstance(params, dict):
            raise _invalid("'params' must be an object")
        if issubclass(kind, Subscribe):
            return _subscribe(kind, params)
        request: Request = _convert(params, kind)
        return request


def decode(text: str) -> Envelope:
    """Return the envelope of one request; raises `RequestError` `INVALID_MESSAGE`.

    Not JSON, a repeated key, NaN or an infinity, nesting too deep, half a surrogate pair, not an object, and an
    id that is no text and no number are all refused.
    """
    try:
        body = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair could not be answered
    except RecursionError:
        raise _invalid("nested too deeply") from None
    except ValueError as error:
        raise _invalid(f"not valid JSON: {str(error)[:200]}") from None
    if not isinstance(body, dict):
        raise _invalid("must be a JSON object")
    return Envelope(_request_id(body.get("id")), body)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key is repeated")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _request_id(value: object) -> RequestId | None:
    if value is None:
        return None
    if isinstance(value, str) and len(value) <= ID_LENGTH_MAX and value.isprintable():
        return value
    if type(value) is int and abs(value) <= _INTEGER_ID_MAX:
        return value
    if isinstance(value, float) and abs(value) != float("inf"):
        return value
    raise _invalid(f"'id' must be a number or a text of at most {ID_LENGTH_MAX} printable characters")


def _subscribe(kind: type[Subscribe], params: dict[str, Any]) -> Subscribe:
    if "subscriptions" not in params:
        return kind((_convert(params, Subscription),), single=True)
    items = params["subscriptions"]
    if not isinstance(items, list) or not 1 <= len(items) <= ITEMS_MAX:
        raise RequestError(ErrorCode.INVALID_PARAMS, f"'subscriptions' must be a list of 1 to {ITEMS_MAX} items")
    decoded = tuple(_item(item) for item in items)
    if sum(_past_messages(item) for item in decoded) > PAST_MESSAGES_MAX:
        details = f"'snapshot' and 'history' of one request may ask for {PAST_MESSAGES_MAX} past messages together"
        raise RequestError(ErrorCode.INVALID_PARAMS, details)
    return kind(decoded, single=False)


def _item(item: object) -> Subscription | RequestError:
    try:
        return _convert(item, Subscription)
    except RequestError as error:
        return error


def _past_messages(item: Subscription | RequestError) -> int:
    if isinstance(item, RequestError):
        return 0
    return max(0, item.history or 0) + max(0, item.snapshot or 0)


def _convert(params: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(params, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise RequestError(ErrorCode.INVALID_PARAMS, _details(str(error), kind)) from None


def _details(problem: str, kind: type[Any]) -> str:
    fields = ", ".join(kind.__struct_fields__)
    return f"{problem[:200].replace('`$.', '`').replace('`', chr(39))} (parameters: {fields})"


def _invalid(details: str) -> RequestError:
    return RequestError(ErrorCode.INVALID_MESSAGE, details)
