"""A histogram as Prometheus has it: how many values were at most each of some bounds."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts values by `bounds`, which rise; what is above the last is counted too."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value`, so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    @property
    def sum(self) -> float:
        """All values added up."""
        return self._sum

    def buckets(self) -> list[tuple[str, float]]:
        """Return for each bound, as text, how many values were not above it; the last is `+Inf`."""
        counted = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            counted += count
            buckets.append((bound, counted))
        return buckets
