"""Order requests of a client and the commands they mean; outcomes and the replies they give."""

from collections.abc import Callable

from finalex.channels.orders import order_data
from finalex.channels.parameters import optional_symbol, require_symbol
from finalex.exchange.outcomes import Canceled, Frozen, NotFound, Outcome, Placed, Refused, TooFast, Unavailable
from finalex.model.commands import CancelAllOrders, CancelOrder, PlaceOrder
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import Data
from finalex.protocol.requests import CLIENT_ORDER_ID_LENGTH_MAX, CancelAllRequest, CancelRequest, OrderRequest
from finalex.session.order_rates import order_rate_error


class OrdersCanceledData(Data, frozen=True, kw_only=True):
    """The ids of the orders that a request canceled, oldest first."""

    order_ids: list[str]


def place_order(request: OrderRequest, user: str, instruments: Instruments) -> PlaceOrder:
    """Return the command that `request` means; raises `RequestError`."""
    instrument = instruments[require_symbol(request.symbol, instruments)]
    _check_combination(request)
    _check_client_order_id(request.client_order_id)
    market = request.type is OrderType.MARKET
    return PlaceOrder(
        user=user,
        symbol=instrument.symbol,
        side=request.side,
        type=request.type,
        quantity=_number("quantity", request.quantity, instrument.parse_quantity),
        price=0 if request.price is None else _number("price", request.price, instrument.parse_price),
        time_in_force=request.time_in_force or (TimeInForce.IOC if market else TimeInForce.GTC),
        post_only=request.post_only,
        client_order_id=request.client_order_id,
    )


def cancel_order(request: CancelRequest, user: str) -> CancelOrder:
    """Return the command that `request` means; raises `RequestError`."""
    if (request.order_id is None) == (request.client_order_id is None):
        raise _invalid("give exactly one of 'order_id' and 'client_order_id'")
    _check_client_order_id(request.client_order_id)
    return CancelOrder(user=user, order_id=request.order_id, client_order_id=request.client_order_id)


def cancel_all_orders(request: CancelAllRequest, user: str, instruments: Instruments) -> CancelAllOrders:
    """Return the command that `request` means; raises `RequestError`."""
    return CancelAllOrders(user=user, symbol=optional_symbol(request.symbol, instruments) or None)


def reply(outcome: Outcome, instruments: Instruments) -> tuple[str, Data]:
    """Return type and data of the reply to an order request; raises `RequestError` for a refusal."""
    match outcome:
        case Placed(order):
            return "order_accepted", order_data(order, instruments[order.symbol])
        case Refused(order):
            reason = order.reason.value if order.reason else ""
            raise RequestError(ErrorCode.ORDER_REJECTED, f"the order breaks the rule '{reason}'", reason)
        case Canceled(orders):
            return "orders_canceled", OrdersCanceledData(order_ids=[order.id for order in orders])
        case Unavailable():
            reason = RejectReason.EXCHANGE_UNAVAILABLE.value
            raise RequestError(ErrorCode.ORDER_REJECTED, "the exchange takes no orders at the moment", reason)
        case TooFast(per_second_max):
            raise order_rate_error(per_second_max)
        case Frozen():
            reason = RejectReason.MARKET_HALTED.value
            raise RequestError(ErrorCode.ORDER_REJECTED, "the market is halted: its orders stay as they are", reason)
        case NotFound():
            raise RequestError(ErrorCode.NOT_FOUND, "this account has no such open order")
        case _:
            raise RequestError(ErrorCode.INTERNAL_ERROR, "the request has no such outcome")


def _check_combination(request: OrderRequest) -> None:
    market = request.type is OrderType.MARKET
    if market and request.price is not None:
        raise _invalid("'price' does not go with a market order")
    if not market and request.price is None:
        raise _invalid("'price' is missing: a limit order needs one")
    if market and request.time_in_force is TimeInForce.GTC:
        raise _invalid("'time_in_force' of a market order is IOC or FOK")
    if request.post_only and (market or request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)):
        raise _invalid("'post_only' goes with a GTC limit order only")


def _check_client_order_id(text: str | None) -> None:
    if text is not None and not (0 < len(text) <= CLIENT_ORDER_ID_LENGTH_MAX and text.isprintable()):
        raise _invalid(f"'client_order_id' is 1 to {CLIENT_ORDER_ID_LENGTH_MAX} printable characters")


def _number(name: str, text: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise _invalid(f"'{name}' {error}") from None


def _invalid(details: str) -> RequestError:
    return RequestError(ErrorCode.INVALID_PARAMS, details)
