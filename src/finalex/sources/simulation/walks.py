"""A wandering log price: quiet times, busy times and trends, drawn back to where it started over days."""

import math
from random import Random
from typing import NamedTuple

DAY_S = 86_400.0

HALF_LIFE_S = 1.5 * DAY_S
"""After this time without news, half of a walk's distance from its start is gone."""

DISTANCE_MAX = 0.5
"""A walk never gets further than this log distance from its start."""


class Regime(NamedTuple):
    """A mood of the market; all but the mean duration are factors of the ordinary."""

    volatility: float
    activity: float
    trend: float
    duration_s: float
    weight: float
    """How often, compared to the others, this regime follows another."""


REGIMES = (
    Regime(volatility=0.35, activity=0.6, trend=0.2, duration_s=600, weight=3),
    Regime(volatility=0.8, activity=1.0, trend=0.6, duration_s=900, weight=5),
    Regime(volatility=1.5, activity=1.4, trend=1.2, duration_s=420, weight=3),
    Regime(volatility=3.0, activity=2.2, trend=2.0, duration_s=75, weight=1),
)
"""From quiet to storm; weighted by weight × duration, the mean square of `volatility` is near 1."""

TREND_DURATION_S = 900.0
"""A trend of factor 1 moves within this time as far, typically, as half of the noise does."""


class Walk:
    """One log price relative to its start, moving by regimes that follow each other at random."""

    def __init__(self, rng: Random, volatility_daily: float) -> None:
        self._rng = rng
        self._volatility = volatility_daily / math.sqrt(DAY_S)
        self._reversion = math.log(2) / HALF_LIFE_S
        self.value = 0.0
        self._switch()

    @property
    def activity(self) -> float:
        """How busy the present regime is; ordinary is 1."""
        return self._regime.activity

    def advance(self, elapsed_s: float) -> None:
        """Let `elapsed_s` pass; exact enough up to steps of a minute."""
        self._left_s -= elapsed_s
        if self._left_s <= 0:
            self._switch()
        noise = self._noise * math.sqrt(elapsed_s) * self._rng.gauss(0, 1)
        self.move(noise + (self._trend - self._reversion * self.value) * elapsed_s)

    def move(self, distance: float) -> None:
        """Move by a log `distance`, never further from the start than `DISTANCE_MAX`."""
        self.value = min(DISTANCE_MAX, max(-DISTANCE_MAX, self.value + distance))

    def _switch(self) -> None:
        regime = self._rng.choices(REGIMES, [regime.weight for regime in REGIMES])[0]
        self._regime = regime
        self._left_s = self._rng.expovariate(1 / regime.duration_s)
        self._noise = self._volatility * regime.volatility
        self._trend = self._rng.gauss(0, 0.5) * regime.trend * self._volatility / math.sqrt(TREND_DURATION_S)
