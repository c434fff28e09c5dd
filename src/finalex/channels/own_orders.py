"""The open orders of one account, followed through its own events alone."""

from collections.abc import Iterable

from finalex.exchange.funds import settle
from finalex.exchange.lifecycle import accepted_order, ended_order, filled_order, rejected_order
from finalex.exchange.order import Order
from finalex.model.events import (
    AnyEvent,
    Credited,
    Debited,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    PaperFilled,
    Traded,
)
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderStatus


class OwnOrders:
    """What the exchange's state would say of the orders of `user`, without any other account, book or balance.

    What becomes of an order follows from the events that name it. `orders` are those open at the start, oldest first.
    """

    def __init__(self, instruments: Instruments, user: str, orders: Iterable[Order]) -> None:
        self.user = user
        self._instruments = instruments
        self._open = {order.number: order for order in orders}

    def concerns(self, event: AnyEvent) -> bool:
        """Whether `event` is about this account."""
        match event:
            case Traded():
                return self.user in (event.maker, event.taker) and event.symbol in self._instruments
            case OrderAccepted() | OrderRejected() | OrderEnded() | PaperFilled():
                return event.user == self.user and event.symbol in self._instruments
            case Credited() | Debited():
                return event.user == self.user
            case _:
                return False

    def apply(self, event: AnyEvent) -> tuple[Order, ...]:
        """Take in an event that `concerns` this account, and return the orders it changed."""
        match event:
            case OrderAccepted():
                return (self._keep(accepted_order(event)),)
            case OrderRejected():
                return (rejected_order(event),)
            case OrderEnded():
                return (ended_order(self._open.pop(event.order), event),)
            case PaperFilled():
                return (self._fill(event.order, event, event.fee),)
            case Traded():
                sides = (
                    (event.maker, event.maker_order, event.maker_fee),
                    (event.taker, event.taker_order, event.taker_fee),
                )
                return tuple(self._fill(number, event, fee) for user, number, fee in sides if user == self.user)
            case _:
                return ()

    def open_orders(self, user: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders, oldest first, of one symbol or of all; `user` is this account."""
        return [order for order in self._open.values() if order.user == user and symbol in (None, order.symbol)]

    def _fill(self, number: int, trade: Traded | PaperFilled, fee: int) -> Order:
        order = self._open[number]
        unlocked = settle(self._instruments[trade.symbol], order, trade.price, trade.quantity).unlocked
        return self._keep(filled_order(order, trade, unlocked, fee))

    def _keep(self, order: Order) -> Order:
        if order.status is OrderStatus.FILLED:
            del self._open[order.number]
        else:
            self._open[order.number] = order
        return order
