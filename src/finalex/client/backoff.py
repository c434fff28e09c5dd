"""How long to wait before connecting again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """The specification's back-off: `first_ms`, times `factor` with each failure, up to `max_ms`.

    Each wait is longer or shorter by up to the share `jitter` of itself, so that clients that were lost together do
    not come back together.
    """

    first_ms: int = 1_000
    factor: int = 2
    max_ms: int = 30_000
    jitter: float = 0.25

    def delay_ms(self, failures: int, chance: float) -> int:
        """Return how long to wait after so many failures in a row (from 0); `chance` is from 0 to 1."""
        steady_ms = self.first_ms
        for _ in range(failures):
            if steady_ms >= self.max_ms:
                break
            steady_ms *= self.factor
        varied = min(steady_ms, self.max_ms) * (1 + self.jitter * (2 * chance - 1))
        return min(round(varied), self.max_ms)
