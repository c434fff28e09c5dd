"""What the fan-out moves, for the metrics: how much in each channel, how large ticks are, how old what leaves is."""

from collections import Counter
from collections.abc import Callable

from finalex.metrics import Metrics


class Traffic:
    """Counts publications as they come, and once a tick how old the oldest of it is when it is written.

    So a message costs two additions here, whoever receives it.
    """

    __slots__ = ("_metrics", "_now_ms", "_since_ms", "_tick")

    def __init__(self, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._metrics = metrics
        self._now_ms = now_ms
        self._tick: Counter[str] = Counter()
        self._since_ms: int | None = None

    def note_publication(self, channel: str, receivers: int) -> None:
        """A message goes to so many."""
        self._tick[channel] += 1
        self._metrics.deliveries[channel] += receivers

    def note_time(self, since_ms: int | None) -> None:
        """What was published happened at `since_ms`; `None` if that is no time of today's."""
        if self._since_ms is None:
            self._since_ms = since_ms

    def note_written(self) -> None:
        """All that was published is written."""
        if not self._tick:
            return
        metrics = self._metrics
        since_ms, self._since_ms = self._since_ms, None
        metrics.tick_messages.observe(self._tick.total())
        metrics.publications.update(self._tick)
        if since_ms is not None:
            latency_s = max(0, self._now_ms() - since_ms) / 1000
            for channel, messages in self._tick.items():
                metrics.latency_s[channel].observe(latency_s, messages)
        self._tick.clear()
