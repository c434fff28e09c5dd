"""Matching: which resting orders a new order meets, by price, then by time."""

from typing import NamedTuple

from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.commands import PlaceOrder
from finalex.model.instruments import Instrument
from finalex.model.orders import EndReason, OrderType, Side, TimeInForce


class Fill(NamedTuple):
    """A part of a resting order that the new order takes, at the resting order's price."""

    maker: Order
    quantity: int


class Match(NamedTuple):
    """What becomes of a new order at once.

    `fills` come in the order in which they trade. `rest` is the quantity left after them: it ends for the reason
    `end` or, with `None`, joins the book (if it is not zero). `last_price` is that of the last order it met or
    would have met, 0 if none.
    """

    fills: list[Fill]
    rest: int
    end: EndReason | None
    last_price: int


def crosses(command: PlaceOrder, price: int) -> bool:
    """Whether the new order trades with the other side at `price`."""
    if command.type is OrderType.MARKET:
        return True
    return command.price >= price if command.side is Side.BUY else command.price <= price


def match_order(state: ExchangeState, command: PlaceOrder) -> Match:
    """Return what becomes of a new order; takes a step per resting order it meets.

    An order never trades with one of its own account: its fills before that stand and the rest ends
    (`SELF_TRADE`). A FOK order that cannot be filled wholly before that ends with no fill (`UNFILLED`).
    """
    best = state.best(command.symbol, command.side.opposite)
    if best is None or not crosses(command, best):  # most orders meet no one: they need no look into the queues
        return Match([], command.quantity, end_of(command, met_own=False), 0)
    fills: list[Fill] = []
    rest, last_price, met_own = command.quantity, 0, False
    for maker in state.resting(command.symbol, command.side.opposite):
        if not rest or not crosses(command, maker.price):
            break
        last_price = maker.price
        if maker.user == command.user:
            met_own = True
            break
        quantity = min(rest, maker.remaining)
        fills.append(Fill(maker, quantity))
        rest -= quantity
    if rest and command.time_in_force is TimeInForce.FOK:
        return Match([], command.quantity, EndReason.UNFILLED, last_price)
    return Match(fills, rest, end_of(command, met_own=met_own), last_price)


def end_of(command: PlaceOrder, *, met_own: bool) -> EndReason | None:
    """Return why what is left of an order after its fills ends, or `None` if it may join the book."""
    if met_own:
        return EndReason.SELF_TRADE
    return None if may_rest(command) else EndReason.UNFILLED


def may_rest(command: PlaceOrder) -> bool:
    """Whether what is not filled at once joins the book; a market order's never does."""
    return command.type is OrderType.LIMIT and command.time_in_force is TimeInForce.GTC


def cost(instrument: Instrument, fills: list[Fill]) -> int:
    """Return what `fills` are worth together, as an amount of the quote."""
    return sum(instrument.notional(maker.price, quantity) for maker, quantity in fills)
