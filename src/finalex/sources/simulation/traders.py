"""All simulated traders: what they ask of the exchange, step by step."""

from collections.abc import Iterator, Mapping
from itertools import count
from random import Random

from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.model.events import Traded
from finalex.model.instruments import Instruments
from finalex.sources.simulation.accounts import ARBITRAGEUR, TAKERS, balance, credits_of, maker_name, trader_name
from finalex.sources.simulation.crowd import Crowd
from finalex.sources.simulation.history import past_trades
from finalex.sources.simulation.market import Market
from finalex.sources.simulation.prices import FairPrices
from finalex.sources.simulation.starts import ACTIVITIES, ACTIVITY_DEFAULT, start_values

STEP_MS_MAX = 250
"""A step never stands for more time than this: after a pause the markets go on, they do not catch up."""


class Traders:
    """Simulated traders of all markets; the same seed, states and times give the same commands.

    `start_prices` (units, by symbol) replace where a market starts by itself; raises `ValueError` for a start
    that is impossible. Call `history` (if at all), `open`, then `step` again and again.
    """

    def __init__(self, instruments: Instruments, seed: int, start_prices: Mapping[str, int] | None = None) -> None:
        rng = Random(seed)  # noqa: S311 (a simulation, no secret)
        values = start_values(instruments, start_prices or {})
        self._balances = {currency: balance(values[currency]) for currency in instruments.currencies}
        self._prices = FairPrices(instruments, values, rng)
        self._markets = [
            Market(instrument, ACTIVITIES.get(instrument.symbol, ACTIVITY_DEFAULT), values[instrument.base], rng)
            for instrument in instruments.values()
        ]
        makers, traders = map(maker_name, count(1)), map(trader_name, count(1))
        self._crowds = [Crowd(market, self._prices, makers, traders) for market in self._markets]
        self._stepped_ms = 0

    def history(self, now_ms: int, hours: int) -> Iterator[tuple[int, list[Traded]]]:
        """Iterate what was traded in the last `hours`; prices end where the live market starts. See `past_trades`."""
        return past_trades(self._markets, self._prices, now_ms, hours)

    def open(self, now_ms: int, state: ExchangeState) -> Iterator[list[Command]]:
        """Iterate what opens the markets at `now_ms`: the credits of common accounts, then market by market."""
        self._stepped_ms = now_ms
        yield credits_of([*TAKERS, ARBITRAGEUR], self._balances)
        for crowd in self._crowds:
            yield crowd.open(state, self._balances)

    def step(self, now_ms: int, state: ExchangeState) -> list[Command]:
        """Return what everybody does since the last step, to be carried out in this order."""
        elapsed_s = min(now_ms - self._stepped_ms, STEP_MS_MAX) / 1000
        if elapsed_s <= 0:
            return []
        self._stepped_ms = now_ms
        self._prices.advance(elapsed_s)
        return [command for crowd in self._crowds for command in crowd.step(state, elapsed_s)]
