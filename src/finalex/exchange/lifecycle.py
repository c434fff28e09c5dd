"""The life of an order: each step takes an event and gives the order as it is after it."""

from msgspec.structs import replace

from finalex.exchange.order import Order
from finalex.model.events import OrderAccepted, OrderEnded, OrderRejected, PaperFilled, Traded
from finalex.model.orders import OrderStatus


def accepted_order(event: OrderAccepted) -> Order:
    """Return the order that entered."""
    return replace(_entered(event, OrderStatus.NEW), locked=event.locked)


def rejected_order(event: OrderRejected) -> Order:
    """Return the order that was refused."""
    return replace(_entered(event, OrderStatus.REJECTED), reject_reason=event.reason)


def filled_order(order: Order, event: Traded | PaperFilled, unlocked: int, fee: int) -> Order:
    """Return `order` after a trade that released `unlocked` of what it had reserved and cost it `fee`."""
    filled = order.filled + event.quantity
    return replace(
        order,
        status=OrderStatus.FILLED if filled == order.quantity else OrderStatus.PARTIALLY_FILLED,
        filled=filled,
        filled_value=order.filled_value + event.price * event.quantity,
        fees=order.fees + fee,
        locked=order.locked - unlocked,
        updated_ms=event.time_ms,
    )


def ended_order(order: Order, event: OrderEnded) -> Order:
    """Return `order` after its end; nothing is reserved for it any more."""
    return replace(order, status=event.reason.status, end_reason=event.reason, locked=0, updated_ms=event.time_ms)


def _entered(event: OrderAccepted | OrderRejected, status: OrderStatus) -> Order:
    return Order(
        number=event.order,
        user=event.user,
        symbol=event.symbol,
        side=event.side,
        type=event.type,
        time_in_force=event.time_in_force,
        post_only=event.post_only,
        price=event.price,
        quantity=event.quantity,
        client_order_id=event.client_order_id,
        status=status,
        created_ms=event.time_ms,
        updated_ms=event.time_ms,
    )
