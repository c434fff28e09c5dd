"""The latent fair prices that simulated traders believe in."""

import math
from collections.abc import Mapping
from random import Random

from finalex.model.instruments import Instrument, Instruments
from finalex.sources.simulation.starts import STEADY, start_price
from finalex.sources.simulation.walks import Walk

MARKET_VOLATILITY_DAILY = 0.015
"""Of the factor that moves all currencies together."""

OWN_VOLATILITY_DAILY = 0.012
"""Of what moves one currency alone; that of the first one is a third of it, for it is most of the market."""

BETA = 1.2
"""How much more than the first currency the others follow the common factor."""


STEP_S = 0.1
"""Fair prices move in steps of at least this length."""


MARGIN_TICKS = 50
"""A price keeps this far from the bounds of orders, so that there is room for quotes on both sides."""


class FairPrices:
    """The fair price of every symbol, from one wandering value per currency: crosses agree by construction."""

    def __init__(self, instruments: Instruments, values: Mapping[str, float], rng: Random) -> None:
        self._market = Walk(rng, MARKET_VOLATILITY_DAILY)
        self._walks: dict[str, Walk] = {}
        self._betas: dict[str, float] = {}
        for currency in instruments.currencies:
            if currency not in STEADY:
                first = not self._walks
                self._betas[currency] = 1.0 if first else BETA
                self._walks[currency] = Walk(rng, OWN_VOLATILITY_DAILY / (3 if first else 1))
        self._pairs = {symbol: (i.base, i.quote) for symbol, i in instruments.items()}
        self._activities: dict[str, float] = {}
        self._waiting_s = 0.0
        self._starts = {symbol: start_price(instrument, values) for symbol, instrument in instruments.items()}
        self._ranges = {symbol: self._range(instrument) for symbol, instrument in instruments.items()}
        self._note_activities()

    def advance(self, elapsed_s: float) -> None:
        """Let time pass for all currencies; they move once `STEP_S` have come together."""
        self._waiting_s += elapsed_s
        if self._waiting_s < STEP_S:
            return
        for walk in (self._market, *self._walks.values()):
            walk.advance(self._waiting_s)
        self._waiting_s = 0.0
        self._note_activities()

    def price(self, symbol: str) -> float:
        """Return the fair price in units of the instrument, clear of the instrument's bounds."""
        base, quote = self._pairs[symbol]
        lowest, highest = self._ranges[symbol]
        return min(highest, max(lowest, self._starts[symbol] * math.exp(self._moved(base) - self._moved(quote))))

    def activity(self, symbol: str) -> float:
        """Return how busy the market is now; ordinary is about 1."""
        return self._activities[symbol]

    def absorb(self, symbol: str, distance: float) -> None:
        """Let somebody's trading move the fair price by a log `distance` (and every other price of the base)."""
        walk = self._walks.get(self._pairs[symbol][0])
        if walk:
            walk.move(distance)

    def _range(self, instrument: Instrument) -> tuple[float, float]:
        start, margin = self._starts[instrument.symbol], MARGIN_TICKS * instrument.tick_size
        return min(start, instrument.price_min + margin), max(start, instrument.price_max - margin)

    def _note_activities(self) -> None:
        for symbol, (base, _) in self._pairs.items():
            walk = self._walks.get(base)
            self._activities[symbol] = self._market.activity * (walk.activity if walk else 1.0)

    def _moved(self, currency: str) -> float:
        walk = self._walks.get(currency)
        return walk.value + self._betas[currency] * self._market.value if walk else 0.0
