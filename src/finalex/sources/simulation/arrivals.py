"""When takers come: in clusters, because a trade brings more trades."""

import math
from random import Random

BRANCHING = 0.6
"""How many further arrivals one arrival brings about, on average, itself and through those it brought."""

DECAY_PER_S = 2.5
"""How fast the excitement after an arrival fades."""

ARRIVALS_MAX = 25
"""The most arrivals of one step."""


def poisson(rng: Random, mean: float) -> int:
    """Return a Poisson number (Knuth's method), at most `ARRIVALS_MAX`."""
    limit = math.exp(-mean)
    count = 0
    product = rng.random()
    while product > limit and count < ARRIVALS_MAX:
        count += 1
        product *= rng.random()
    return count


class Arrivals:
    """A self-exciting (Hawkes) process with an exponential kernel; `rate_per_s` is its mean rate."""

    def __init__(self, rng: Random, rate_per_s: float) -> None:
        self._rng = rng
        self._base_per_s = rate_per_s * (1 - BRANCHING)
        self._excitement_per_s = 0.0

    def count(self, elapsed_s: float, activity: float) -> int:
        """Let `elapsed_s` pass and return how many arrived; `activity` scales those that come by themselves."""
        self._excitement_per_s *= math.exp(-DECAY_PER_S * elapsed_s)
        count = poisson(self._rng, (self._base_per_s * activity + self._excitement_per_s) * elapsed_s)
        self._excitement_per_s += count * BRANCHING * DECAY_PER_S
        return count
