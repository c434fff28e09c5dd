"""The makers behind the touch: many patient orders, ever fewer and larger with the distance."""

import math
from collections.abc import Sequence

from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.model.orders import Side
from finalex.sources.simulation.arrivals import poisson
from finalex.sources.simulation.market import Market, cancel

ORDERS_MAX = 220
"""The most open orders of one account; a deeper book has more accounts."""

ADDS_MAX = 25
"""The most new orders a side gets from one account in one review."""

LIFETIME_S = 26.0
"""How long an order stays, on average, if it does not trade."""

SCALE_SHARE = 0.000_6
SCALE_TICKS = 75.0
"""Half of the orders lie within this distance, whichever is more: a share of the price, or ticks."""

EXPONENT = 1.1
"""Beyond that distance orders thin out by this power of it, as in real books."""

DISTANCE_SHARE_MAX = 0.25
"""No order lies further from the fair price than this share of it."""

NEAREST_GAPS = 2.0
"""Patient orders keep this many of the touch's gaps between levels from the fair price."""

ROUND_SHARE = 0.35
"""The share of prices that somebody typed: as round as the distance allows."""


class DepthMaker:
    """One account that keeps `orders_a_side` patient orders on each side."""

    def __init__(self, market: Market, user: str, orders_a_side: int) -> None:
        self.user = user
        self._market = market
        self._orders_a_side = orders_a_side

    def fill(self, state: ExchangeState, fair: float, adds_max: int = ADDS_MAX) -> list[Command]:
        """Return new orders for what each side misses, at most `adds_max` a side."""
        own = state.open_orders(self.user)
        return self._missing(state, _bids(own), len(own), fair, adds_max)

    def review(self, state: ExchangeState, fair: float, elapsed_s: float) -> list[Command]:
        """Return cancels of the orders whose time has come since the last review, and new ones for what is missing."""
        rng = self._market.rng
        own = state.open_orders(self.user)
        gone = rng.sample(own, min(len(own), poisson(rng, len(own) * elapsed_s / LIFETIME_S)))
        missing = self._missing(state, _bids(own) - _bids(gone), len(own) - len(gone), fair, ADDS_MAX)
        return [*map(cancel, gone), *missing]

    def _missing(self, state: ExchangeState, bids: int, total: int, fair: float, adds_max: int) -> list[Command]:
        wanted = min(self._orders_a_side, state.open_orders_max // 2)
        adds = ((Side.BUY, wanted - bids), (Side.SELL, wanted - (total - bids)))
        return [self._order(side, fair) for side, missing in adds for _ in range(min(missing, adds_max))]

    def _order(self, side: Side, fair: float) -> Command:
        market = self._market
        scale = max(SCALE_SHARE * fair, SCALE_TICKS * market.tick)
        far = market.rng.paretovariate(EXPONENT) - 1
        nearest = NEAREST_GAPS * market.gap_ticks(fair) * market.tick
        distance = min(nearest + scale * far, DISTANCE_SHARE_MAX * fair)
        price = self._price(side, fair, distance)
        quantity = market.quantity(market.order_value * math.sqrt(1 + far), price)
        return market.limit(self.user, side, price, quantity)

    def _price(self, side: Side, fair: float, distance: float) -> int:
        market = self._market
        step = market.tick
        if market.rng.random() < ROUND_SHARE:
            step *= 10 ** max(0, int(math.log10(distance / market.tick)))
        exact = fair - distance if side is Side.BUY else fair + distance
        price = math.floor(exact / step) * step if side is Side.BUY else math.ceil(exact / step) * step
        bounds = market.instrument
        return min(max(price, market.above(bounds.price_min)), market.below(bounds.price_max))


def _bids(orders: Sequence[Order]) -> int:
    return [order.side for order in orders].count(Side.BUY)
