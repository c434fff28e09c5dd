"""The engine: a state, and the commands that change it."""

from collections.abc import Sequence

from finalex.exchange.bookings import booking_outcome
from finalex.exchange.decide import decide, find_order
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Done, Frozen, NotFound, Outcome, Placed, Refused
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.events import ExchangeEvent
from finalex.model.orders import OrderStatus


class Engine:
    """Carries out one command after the other on `state`."""

    def __init__(self, state: ExchangeState) -> None:
        self.state = state

    def execute(self, command: Command, now_ms: int) -> tuple[tuple[ExchangeEvent, ...], Outcome]:
        """Decide what `command` leads to, apply it, and return the events and the answer to the sender.

        Raises what `decide` raises, with the state unchanged.
        """
        events = decide(self.state, command, now_ms)
        changed = [order for event in events for order in self.state.apply(event)]
        return events, outcome_of(self.state, command, events, changed)


def outcome_of(
    state: ExchangeState, command: Command, events: Sequence[ExchangeEvent], changed: Sequence[Order]
) -> Outcome:
    """Return what became of `command`, once its `events` are applied to `state` and `changed` these orders.

    A `client_order_id` seen before: the order that had it first, as it is now.
    """
    match command:
        case PlaceOrder():
            return _placed(state, command, changed)
        case CancelOrder():
            if changed:
                return Canceled(tuple(changed))
            return NotFound() if find_order(state, command) is None else Frozen()
        case CancelAllOrders():
            return Canceled(tuple(changed))
        case Credit() | Debit():
            return booking_outcome(state, command, booked=bool(events))
        case SetMarketState():
            return Done(earlier=not events)


def _placed(state: ExchangeState, command: PlaceOrder, changed: Sequence[Order]) -> Outcome:
    if changed:
        own = changed[0].number  # the first change is always the new order's own entry
        order = next(order for order in reversed(changed) if order.number == own)
    else:
        order = _known(state, command)
    return Refused(order) if order.status is OrderStatus.REJECTED else Placed(order)


def _known(state: ExchangeState, command: PlaceOrder) -> Order:
    order = None if command.client_order_id is None else state.outcome(command.user, command.client_order_id)
    if order is None:
        raise ValueError("no order has this client_order_id, and no event made one")
    return order
