"""The traders of one market together."""

from collections.abc import Iterator, Mapping

from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.sources.simulation.accounts import ARBITRAGEUR, TAKERS, credits_of
from finalex.sources.simulation.arbitrage import Arbitrageur
from finalex.sources.simulation.depth import ORDERS_MAX, DepthMaker
from finalex.sources.simulation.ladder import LadderMaker
from finalex.sources.simulation.market import Market
from finalex.sources.simulation.prices import FairPrices
from finalex.sources.simulation.quoting import Quoting
from finalex.sources.simulation.takers import Takers

BUSY_ACTIVITY = 2.0
DEPTH_MAKERS = 2
DEPTH_MAKERS_BUSY = 3
"""How many accounts keep the depth of a market, and from which activity on there are more."""

REVIEW_S = 0.6
"""The time between two reviews of patient orders."""


class Crowd:
    """Makers, takers and those in between; `makers` and `traders` give the names of new accounts."""

    def __init__(self, market: Market, prices: FairPrices, makers: Iterator[str], traders: Iterator[str]) -> None:
        ladder, buyer, seller = next(makers), next(traders), next(traders)
        depth = [next(makers) for _ in range(DEPTH_MAKERS_BUSY if market.activity >= BUSY_ACTIVITY else DEPTH_MAKERS)]
        self._users = [ladder, *depth, buyer, seller]
        self._market = market
        self._prices = prices
        self._quoting = Quoting(
            market,
            prices,
            LadderMaker(market, ladder),
            [DepthMaker(market, user, ORDERS_MAX // 2) for user in depth],
            Arbitrageur(market, ARBITRAGEUR),
        )
        self._takers = Takers(market, TAKERS, buyer, seller)
        self._unreviewed_s = market.rng.uniform(0, REVIEW_S)

    def open(self, state: ExchangeState, balances: Mapping[str, int]) -> list[Command]:
        """Return the credits of this market's own accounts, out of `balances`, and the orders that open it."""
        instrument = self._market.instrument
        own = {currency: balances[currency] for currency in (instrument.base, instrument.quote)}
        return credits_of(self._users, own) + self._quoting.open(state)

    def step(self, state: ExchangeState, elapsed_s: float) -> list[Command]:
        """Return what everybody does in `elapsed_s`."""
        activity = self._prices.activity(self._market.symbol)
        commands = self._takers.step(state, elapsed_s, activity)
        commands += self._quoting.step(state, elapsed_s, activity)
        self._unreviewed_s += elapsed_s
        return commands + self._review(state) if self._unreviewed_s >= REVIEW_S else commands

    def _review(self, state: ExchangeState) -> list[Command]:
        since_s, self._unreviewed_s = self._unreviewed_s, 0.0
        return self._quoting.review(state, since_s) + self._takers.review(state, since_s)
