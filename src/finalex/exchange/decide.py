"""Decisions: which events a command leads to. Nothing here changes the state; `ExchangeState.apply` does."""

from finalex.exchange.bookings import decide_booking
from finalex.exchange.funds import fee, received
from finalex.exchange.halts import Halt, lets_cancel
from finalex.exchange.matching import Fill
from finalex.exchange.order import Order
from finalex.exchange.rules import Placement, broken_rule
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.events import (
    ExchangeEvent,
    MarketStateChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    Traded,
)
from finalex.model.orders import EndReason, order_number
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState


def decide(state: ExchangeState, command: Command, now_ms: int) -> tuple[ExchangeEvent, ...]:
    """Return what happens, in order, when `command` arrives at `now_ms`; the same for the same state, always.

    An accepted order: `OrderAccepted`, its trades, then `OrderRested` or `OrderEnded` if something is left of it.
    A refused one: `OrderRejected`. No event at all: a `client_order_id` or reference seen before, nothing to cancel or
    in a halted market, a market already in that state, or a credit or debit that is declined. Raises `KeyError` for a
    symbol that is not traded here and `ValueError` for an amount that is not positive.
    """
    match command:
        case PlaceOrder():
            return _place(state, command, now_ms)
        case CancelOrder():
            order = find_order(state, command)
            free = order is not None and lets_cancel(state.halt(order.symbol), command)
            return (_cancel(state, order, now_ms),) if order is not None and free else ()
        case CancelAllOrders():
            orders = state.open_orders(command.user, command.symbol)
            free_orders = (order for order in orders if state.halt(order.symbol).state is not MarketState.HALTED)
            return tuple(_cancel(state, order, now_ms) for order in free_orders)
        case SetMarketState():
            return _halt(state, command, now_ms)
        case Credit() | Debit():
            return decide_booking(state, command, now_ms)


def find_order(state: ExchangeState, command: CancelOrder) -> Order | None:
    """Return the open order that `command` names: by exactly its own id and by its own user only."""
    if command.order_id is not None:
        number = order_number(command.order_id)
        order = None if number is None else state.order(number)
        return order if order is not None and (order.user, order.id) == (command.user, command.order_id) else None
    if command.client_order_id is None:
        return None
    order = state.outcome(command.user, command.client_order_id)
    return None if order is None else state.order(order.number)


def _halt(state: ExchangeState, command: SetMarketState, now_ms: int) -> tuple[ExchangeEvent, ...]:
    if command.symbol not in state.instruments:
        raise KeyError(command.symbol)
    if state.halt(command.symbol) == Halt(command.state, command.reason):
        return ()
    return (MarketStateChanged(symbol=command.symbol, state=command.state, reason=command.reason, time_ms=now_ms),)


def _place(state: ExchangeState, command: PlaceOrder, now_ms: int) -> tuple[ExchangeEvent, ...]:
    if is_known(state, command):
        return ()
    placement = Placement(state, command)
    reason = broken_rule(placement)
    if reason is not None:
        return (rejection(placement, reason, now_ms),)
    accepted = acceptance(placement, now_ms)
    return (accepted, *_trades(placement, accepted), *_remainder(placement, accepted))


def is_known(state: ExchangeState, command: PlaceOrder) -> bool:
    """Whether an order with this `client_order_id` was placed before."""
    return command.client_order_id is not None and state.outcome(command.user, command.client_order_id) is not None


def rejection(placement: Placement, reason: RejectReason, now_ms: int) -> OrderRejected:
    """Return the event that the order is refused."""
    command = placement.command
    return OrderRejected(
        order=placement.state.next_order,
        user=command.user,
        symbol=command.symbol,
        side=command.side,
        type=command.type,
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        price=command.price,
        quantity=command.quantity,
        client_order_id=command.client_order_id,
        reason=reason,
        time_ms=now_ms,
    )


def acceptance(placement: Placement, now_ms: int) -> OrderAccepted:
    """Return the event that the order enters."""
    command = placement.command
    return OrderAccepted(
        order=placement.state.next_order,
        user=command.user,
        symbol=command.symbol,
        side=command.side,
        type=command.type,
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        price=command.price,
        quantity=command.quantity,
        locked=placement.locked,
        client_order_id=command.client_order_id,
        time_ms=now_ms,
    )


def _trades(placement: Placement, taker: OrderAccepted) -> list[Traded]:
    first = placement.state.next_trade(taker.symbol)
    return [_trade(placement, taker, fill, first + index) for index, fill in enumerate(placement.match.fills)]


def _trade(placement: Placement, taker: OrderAccepted, fill: Fill, number: int) -> Traded:
    instrument, maker = placement.instrument, fill.maker
    taken = received(instrument, taker.side, maker.price, fill.quantity)
    made = received(instrument, maker.side, maker.price, fill.quantity)
    return Traded(
        symbol=taker.symbol,
        trade=number,
        price=maker.price,
        quantity=fill.quantity,
        side=taker.side,
        time_ms=taker.time_ms,
        maker_order=maker.number,
        taker_order=taker.order,
        maker=maker.user,
        taker=taker.user,
        maker_fee=fee(made, instrument.maker_fee_ppm),
        taker_fee=fee(taken, instrument.taker_fee_ppm),
    )


def _remainder(placement: Placement, accepted: OrderAccepted) -> tuple[ExchangeEvent, ...]:
    rest, end = placement.match.rest, placement.match.end
    if not rest:
        return ()
    if end is None:
        return (_rest(accepted, rest),)
    return (ending(accepted, rest, end),)


def ending(accepted: OrderAccepted, rest: int, end: EndReason) -> OrderEnded:
    """Return the event that the `rest` of a new order ends."""
    return OrderEnded(
        order=accepted.order,
        user=accepted.user,
        symbol=accepted.symbol,
        side=accepted.side,
        price=accepted.price,
        quantity=rest,
        rested=False,
        reason=end,
        time_ms=accepted.time_ms,
    )


def _rest(accepted: OrderAccepted, quantity: int) -> OrderRested:
    return OrderRested(
        order=accepted.order,
        symbol=accepted.symbol,
        side=accepted.side,
        price=accepted.price,
        quantity=quantity,
        time_ms=accepted.time_ms,
    )


def _cancel(state: ExchangeState, order: Order, now_ms: int) -> OrderEnded:
    return OrderEnded(
        order=order.number,
        user=order.user,
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        quantity=order.remaining,
        rested=not state.paper.waiting.has(
            order
        ),  # between two commands an open order is in the book, or waits on paper
        reason=EndReason.CANCELED,
        time_ms=now_ms,
    )
