"""The answers of a source that takes no orders."""

from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Done, NotFound, Refused
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, PlaceOrder
from finalex.model.orders import OrderStatus
from finalex.model.rejects import RejectReason
from finalex.sources.port import Reply


def decline(command: Command, reply: Reply, time_ms: int) -> None:
    """Answer `command` at the log's `time_ms`: no order is taken, and none is there to cancel."""
    if isinstance(command, PlaceOrder):
        reply(Refused(_refused(command, time_ms)))
    elif isinstance(command, CancelOrder):
        reply(NotFound())
    else:
        reply(Canceled(()) if isinstance(command, CancelAllOrders) else Done())


def _refused(command: PlaceOrder, time_ms: int) -> Order:
    return Order(
        number=0,
        user=command.user,
        symbol=command.symbol,
        side=command.side,
        type=command.type,
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        price=command.price,
        quantity=command.quantity,
        client_order_id=command.client_order_id,
        status=OrderStatus.REJECTED,
        reject_reason=RejectReason.TRADING_DISABLED,
        created_ms=time_ms,
        updated_ms=time_ms,
    )
