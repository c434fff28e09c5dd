"""The maker at the touch: a narrow spread, some levels behind it, and always after the fair price."""

from typing import NamedTuple

from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, PlaceOrder
from finalex.model.orders import Side
from finalex.sources.simulation.market import Market, cancel

LEVELS = 16
"""How many levels a side of the ladder has; the ones behind are somebody else's."""

ADDS_MAX = 6
"""The most new levels a side gets at once: a swept book refills over several requotes."""

HALF_SPREAD_TICKS = 0.5
HALF_SPREAD_TICKS_MAX = 5.0
"""How far a quote keeps from the fair price: the mean of an exponential, and the most."""


class SideChanges(NamedTuple):
    """What a side of the ladder needs; the withdrawals of both sides come before the new levels of either."""

    withdrawals: list[CancelOrder]
    levels: list[PlaceOrder]


class LadderMaker:
    """One account that quotes both sides around the fair price, post-only."""

    def __init__(self, market: Market, user: str) -> None:
        self.user = user
        self._market = market

    def touch(self, fair: float) -> tuple[int, int]:
        """Return where bid and ask belong now; bid below ask, both on the grid."""
        market = self._market
        bid = market.below(fair - self._half_spread())
        return bid, max(market.above(fair + self._half_spread()), bid + market.tick)

    def quote(
        self, state: ExchangeState, bid: int, ask: int, adds_max: int = ADDS_MAX
    ) -> tuple[SideChanges, SideChanges]:
        """Return what brings the bids and the asks in order when their best prices belong there."""
        own = state.open_orders(self.user)
        bids = sorted((order for order in own if order.side is Side.BUY), key=_price, reverse=True)
        asks = sorted((order for order in own if order.side is Side.SELL), key=_price)
        stale_bids = sum(order.price > bid for order in bids)
        stale_asks = sum(order.price < ask for order in asks)
        return (
            self._change(Side.BUY, bid, bids[:stale_bids], bids[stale_bids:], adds_max),
            self._change(Side.SELL, ask, asks[:stale_asks], asks[stale_asks:], adds_max),
        )

    def _change(self, side: Side, top: int, stale: list[Order], kept: list[Order], adds_max: int) -> SideChanges:
        """Return the changes of one side; `kept` are the orders at `top` or behind it, best first."""
        distances = self._new_distances(top, [abs(order.price - top) for order in kept], adds_max)
        surplus = max(0, len(kept) + len(distances) - LEVELS)
        gone = stale + kept[len(kept) - surplus :]
        return SideChanges([cancel(order) for order in gone], self._levels(side, top, distances))

    def _new_distances(self, top: int, kept: list[int], adds_max: int) -> list[int]:
        """Return the distances from the top of the levels to add: at the top, up to the kept ones, behind them."""
        gap_ticks = self._market.gap_ticks(top)
        nearest, farthest = (kept[0], kept[-1]) if kept else (0, 0)
        distances = [0] if not kept or nearest > self._market.tick else []
        distance = self._gap(gap_ticks)
        while distance < nearest and len(distances) < adds_max:
            distances.append(distance)
            distance += self._gap(gap_ticks)
        while len(kept) + len(distances) < LEVELS and len(distances) < adds_max:
            farthest += self._gap(gap_ticks)
            distances.append(farthest)
        return distances

    def _levels(self, side: Side, top: int, distances: list[int]) -> list[PlaceOrder]:
        market = self._market
        prices = [top - distance if side is Side.BUY else top + distance for distance in distances]
        return [
            market.limit(self.user, side, price, market.quantity(market.order_value, price), post_only=True)
            for price in prices
            if market.in_bounds(price)
        ]

    def _gap(self, gap_ticks: float) -> int:
        return max(1, round(self._market.rng.expovariate(1 / gap_ticks))) * self._market.tick

    def _half_spread(self) -> float:
        ticks = self._market.rng.expovariate(1 / HALF_SPREAD_TICKS)
        return min(HALF_SPREAD_TICKS_MAX, ticks) * self._market.tick


def _price(order: Order) -> int:
    return order.price
