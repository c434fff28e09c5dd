"""The plan: what goes wrong next, and when, as a function of the profile and the seed alone.

It knows neither time nor sockets: faults of a connection come at a message counted from its beginning, so that the
same client meets the same faults at the same messages whenever the seed is the same.
"""

from random import Random

from finalex.chaos.faults import Fault
from finalex.chaos.profiles import Profile


class LinePlan:
    """What happens to connection `number`."""

    def __init__(self, profile: Profile, seed: int, number: int) -> None:
        self._weights = profile.weights
        self._messages = profile.messages
        self._latency_ms = profile.latency_ms
        self._jitter_ms = profile.jitter_ms
        self._chance = _chance(seed, "faults", number)
        self._delays = _chance(seed, "delays", number)
        self._left = self._draw()

    def count(self) -> Fault | None:
        """Count one more message to the client; return what happens when it is sent."""
        if not self._weights:
            return None
        self._left -= 1
        if self._left:
            return None
        self._left = self._draw()
        (fault,) = self._chance.choices(tuple(self._weights), tuple(self._weights.values()))
        return fault

    def delay_ms(self) -> int:
        """Return how much later the next bytes arrive."""
        return self._latency_ms + (self._delays.randint(0, self._jitter_ms) if self._jitter_ms else 0)

    def _draw(self) -> int:
        return self._chance.randint(1, 2 * self._messages - 1)


class ServerPlan:
    """What happens to the whole server."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._refuse_percent = profile.refuse_percent
        self._restart_every_ms = profile.restart_every_ms
        self._handshakes = _chance(seed, "handshakes", 0)
        self._restarts = _chance(seed, "restarts", 0)

    def refuses(self) -> bool:
        """Return whether the next handshake is refused."""
        return self._handshakes.randrange(100) < self._refuse_percent

    def restart_after_ms(self) -> int | None:
        """Return how long until the next restart, or `None` for never."""
        every_ms = self._restart_every_ms
        return self._restarts.randint(every_ms // 2, every_ms + every_ms // 2) if every_ms else None


def _chance(seed: int, what: str, number: int) -> Random:
    return Random(f"finalex chaos {seed} {what} {number}")  # noqa: S311 (a rehearsal, no secret)
