"""Those who trade at once, and those who sometimes wait: clustered arrivals, small orders, now and then a sweep."""

from collections.abc import Sequence
from enum import Enum, auto
from itertools import accumulate

from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, PlaceOrder
from finalex.model.orders import Side, TimeInForce
from finalex.sources.simulation.arrivals import Arrivals, poisson
from finalex.sources.simulation.market import Market, cancel

TAKERS_PER_S = 1.9
"""The mean arrivals in a market of activity 1."""

SIDE_PERSISTENCE = 0.7
"""How likely the next taker trades the same way: large orders come in pieces."""

VALUE_SHARE = 0.12
"""The median size of a taker, as a share of a maker's."""

SWEEP_LEVELS_MIN = 3
SWEEP_LEVELS_MAX = 14
"""How many levels a sweep takes."""

SLACK_TICKS_MAX = 3
"""How many ticks beyond the best price an IOC order still pays."""

PATIENCE_S = 20.0
"""How long an order that rests waits, on average, before its owner gives up."""


class Kind(Enum):
    """What a taker does."""

    MARKET = auto()
    IOC = auto()
    """A limit a few ticks beyond the best price; what is left ends."""
    CROSSING = auto()
    """A limit at the other side's best price; what is left rests."""
    PASSIVE = auto()
    """A post-only limit that joins its own side's best price."""
    SWEEP = auto()
    """The whole of the first few levels."""


KINDS = {Kind.MARKET: 0.48, Kind.IOC: 0.22, Kind.CROSSING: 0.15, Kind.PASSIVE: 0.135, Kind.SWEEP: 0.015}
"""How often takers do what."""

_KINDS = list(KINDS)
_WEIGHTS = list(accumulate(KINDS.values()))


class Takers:
    """The takers of one market.

    `takers` never rest orders. `buyer` and `seller` do, and as each has its side they never meet their own.
    """

    def __init__(self, market: Market, takers: Sequence[str], buyer: str, seller: str) -> None:
        self._market = market
        self._takers = takers
        self._owners = {Side.BUY: buyer, Side.SELL: seller}
        self._arrivals = Arrivals(market.rng, TAKERS_PER_S * market.activity)
        self._side = Side.BUY

    def step(self, state: ExchangeState, elapsed_s: float, activity: float) -> list[Command]:
        """Return the orders of those who arrived."""
        count = self._arrivals.count(elapsed_s, activity)
        orders = [self._order(state) for _ in range(count)] if count else []
        return [order for order in orders if order is not None]

    def review(self, state: ExchangeState, elapsed_s: float) -> list[Command]:
        """Return the cancels of those who gave up waiting since the last review."""
        rng = self._market.rng
        commands: list[Command] = []
        for user in self._owners.values():
            own = state.open_orders(user, self._market.symbol)
            leaving = min(len(own), poisson(rng, len(own) * elapsed_s / PATIENCE_S))
            commands += [cancel(order) for order in rng.sample(own, leaving)]
        return commands

    def _order(self, state: ExchangeState) -> PlaceOrder | None:
        """Return the next taker's order, or `None` on an empty book."""
        market, rng = self._market, self._market.rng
        if rng.random() > SIDE_PERSISTENCE:
            self._side = self._side.opposite
        side = self._side
        best, own_best = state.best(market.symbol, side.opposite), state.best(market.symbol, side)
        if best is None or own_best is None:
            return None
        taker = rng.choice(self._takers)
        quantity = market.quantity(market.order_value * VALUE_SHARE, best)
        match rng.choices(_KINDS, cum_weights=_WEIGHTS)[0]:
            case Kind.MARKET:
                return market.market_order(taker, side, quantity)
            case Kind.IOC:
                slack = rng.randint(0, SLACK_TICKS_MAX) * market.tick
                price = best + slack if side is Side.BUY else best - slack
                return market.limit(taker, side, price, quantity, TimeInForce.IOC)
            case Kind.CROSSING:
                return market.limit(self._owners[side], side, best, quantity)
            case Kind.PASSIVE:
                return market.limit(self._owners[side], side, own_best, quantity, post_only=True)
            case Kind.SWEEP:
                return self._sweep(state, taker, side)

    def _sweep(self, state: ExchangeState, taker: str, side: Side) -> PlaceOrder:
        market = self._market
        levels_max = market.rng.randint(SWEEP_LEVELS_MIN, SWEEP_LEVELS_MAX)
        levels = price = quantity = 0
        for order in state.resting(market.symbol, side.opposite):
            levels += order.price != price
            if levels > levels_max:
                break
            price = order.price
            quantity += order.remaining
        return market.limit(taker, side, price, market.allowed_quantity(quantity, price), TimeInForce.IOC)
