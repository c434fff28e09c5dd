"""Who keeps one market's book: a ladder at the touch, depth behind it, and an arbitrageur who clears what is stale."""

import math
from collections.abc import Sequence

from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.model.orders import Side
from finalex.sources.simulation.arbitrage import Arbitrageur
from finalex.sources.simulation.depth import ORDERS_MAX, DepthMaker
from finalex.sources.simulation.ladder import LEVELS, LadderMaker
from finalex.sources.simulation.market import Market
from finalex.sources.simulation.prices import FairPrices

REQUOTES_PER_S = 2.0
"""How often the touch follows the fair price, in a market of activity 1."""

IMPACT = 0.15
"""The share of the distance from fair to middle that the fair price takes over at each requote."""

INERTIA = 0.3
"""The share of the remaining distance that the makers leave for the next requote."""

DISTANCE_MAX = 0.01
"""A middle further away than this log distance counts as this far: nobody believes more at once."""


class Quoting:
    """The makers of one market and their arbitrageur."""

    def __init__(
        self,
        market: Market,
        prices: FairPrices,
        ladder: LadderMaker,
        depth: Sequence[DepthMaker],
        arbitrageur: Arbitrageur,
    ) -> None:
        self._market = market
        self._prices = prices
        self._ladder = ladder
        self._depth = depth
        self._arbitrageur = arbitrageur
        self._turn = 0

    def open(self, state: ExchangeState) -> list[Command]:
        """Return the orders that open the market."""
        fair = self._prices.price(self._market.symbol)
        bid, ask = self._ladder.touch(fair)
        ladder = self._ladder.quote(state, bid, ask, LEVELS)
        depth = [command for maker in self._depth for command in maker.fill(state, fair, ORDERS_MAX)]
        return [*(command for side in ladder for command in side.levels), *depth]

    def step(self, state: ExchangeState, elapsed_s: float, activity: float) -> list[Command]:
        """Return what brings the touch to the fair price, if in `elapsed_s` somebody thinks of it."""
        likely = REQUOTES_PER_S * self._market.activity * activity * elapsed_s
        return self._requote(state) if self._market.rng.random() < likely else []

    def review(self, state: ExchangeState, elapsed_s: float) -> list[Command]:
        """Return what one of the depth's makers, whose turn it is, changes after `elapsed_s` since the last review.

        If a side of the book is empty, the touch comes back too.
        """
        self._turn = (self._turn + 1) % len(self._depth)
        fair = self._prices.price(self._market.symbol)
        commands = self._depth[self._turn].review(state, fair, elapsed_s * len(self._depth))
        empty = any(state.best(self._market.symbol, side) is None for side in Side)
        return self._requote(state) + commands if empty else commands

    def _requote(self, state: ExchangeState) -> list[Command]:
        """Return what brings the touch to the fair price, as far as others' orders let it."""
        tick, user = self._market.tick, self._ladder.user
        bid, ask = self._ladder.touch(self._believed_price(state))
        buying = self._arbitrageur.clear(state, Side.BUY, bid, user)
        selling = self._arbitrageur.clear(state, Side.SELL, ask, user)
        bid = bid if buying.blocked_at is None else min(bid, buying.blocked_at - tick)
        ask = ask if selling.blocked_at is None else max(ask, selling.blocked_at + tick)
        bids, asks = self._ladder.quote(state, bid, ask)
        taking = [clearing.order for clearing in (buying, selling) if clearing.order]
        return [*bids.withdrawals, *asks.withdrawals, *taking, *bids.levels, *asks.levels]

    def _believed_price(self, state: ExchangeState) -> float:
        """Return the price to quote around, once the fair price has taken in what others' trading says."""
        symbol = self._market.symbol
        bid, ask = state.best(symbol, Side.BUY), state.best(symbol, Side.SELL)
        fair = self._prices.price(symbol)
        if bid is None or ask is None:
            return fair
        distance = min(DISTANCE_MAX, max(-DISTANCE_MAX, math.log((bid + ask) / 2 / fair)))
        self._prices.absorb(symbol, IMPACT * distance)
        return fair * math.exp((IMPACT + (1 - IMPACT) * INERTIA) * distance)
