"""The arbitrageur: takes what others offer on the wrong side of the price that everybody believes in."""

from typing import NamedTuple

from finalex.exchange.state import ExchangeState
from finalex.model.commands import PlaceOrder
from finalex.model.orders import Side, TimeInForce
from finalex.sources.simulation.market import Market

VALUE_MAX = 25.0
"""The most taken at once, in makers' median orders: a larger wall holds the price until it is eaten."""


class Clearing(NamedTuple):
    """An order that takes what is in the way, if anything is; `blocked_at` is the best price that stays."""

    order: PlaceOrder | None
    blocked_at: int | None


class Arbitrageur:
    """One account that never rests an order."""

    def __init__(self, market: Market, user: str) -> None:
        self._market = market
        self._user = user
        self._quantity_max = market.usual_quantity(VALUE_MAX * market.order_value)

    def clear(self, state: ExchangeState, side: Side, price: int, withdrawing: str) -> Clearing:
        """Return how to take what rests opposite to `side` at `price` or better.

        What `withdrawing` has there is left out: that user withdraws it before this order arrives.
        """
        quantity = 0
        for order in state.resting(self._market.symbol, side.opposite):
            if order.price > price if side is Side.BUY else order.price < price:
                break
            if order.user == withdrawing:
                continue
            if quantity + order.remaining > self._quantity_max:
                return Clearing(self._take(side, order.price, self._quantity_max), order.price)
            quantity += order.remaining
        return Clearing(self._take(side, price, quantity) if quantity else None, None)

    def _take(self, side: Side, price: int, quantity: int) -> PlaceOrder:
        allowed = self._market.allowed_quantity(quantity, price)
        return self._market.limit(self._user, side, price, allowed, TimeInForce.IOC)
