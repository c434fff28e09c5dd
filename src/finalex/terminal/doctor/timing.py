"""Times: how long answers take, how far the server's clock is off, how late messages arrive."""

from collections.abc import Sequence

from finalex.terminal.doctor.findings import Finding, found, skipped

LATENCY_MS_MAX = 1_000
SKEW_MS_MAX = 1_000
DELAY_MS_MAX = 1_000
"""Beyond these a check fails."""

SAMPLES_MAX = 100_000
"""So many delays are kept; later ones are left out."""

_NS = 1_000_000


def percentile(ordered: Sequence[int], percent: int) -> int:
    """Return the smallest of some ordered numbers that `percent` of 100 are not above."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def spread_text(samples_ns: Sequence[int]) -> str:
    """Return percentiles in milliseconds."""
    ordered = sorted(samples_ns)
    named = [f"p{percent} {_ms(percentile(ordered, percent))}" for percent in (50, 90, 99)]
    return f"{', '.join(named)}, max {_ms(ordered[-1])} ms"


class Timing:
    """Samples of one conversation; all times are of the client's clock, in nanoseconds since 1970."""

    def __init__(self) -> None:
        self.round_trips_ns: list[int] = []
        self.unanswered = 0
        self._offset_ns = 0
        self._best_ns: int | None = None
        self._delays_ns: list[int] = []

    def take_pong(self, sent_ns: int, came_ns: int, server_time_ms: object) -> None:
        """Take an answer to a ping; the quickest says most about the server's clock."""
        round_trip_ns = came_ns - sent_ns
        self.round_trips_ns.append(round_trip_ns)
        if isinstance(server_time_ms, int) and (self._best_ns is None or round_trip_ns < self._best_ns):
            self._best_ns = round_trip_ns
            self._offset_ns = server_time_ms * _NS - (sent_ns + round_trip_ns // 2)

    def take_message(self, timestamp_ms: object, came_ns: int) -> None:
        """Take a message that the server sent at `timestamp_ms` of its clock."""
        if isinstance(timestamp_ms, int) and len(self._delays_ns) < SAMPLES_MAX:
            self._delays_ns.append(came_ns - timestamp_ms * _NS)

    def findings(self) -> list[Finding]:
        """Return what the times say."""
        return [self._latency(), self._clock(), self._delivery()]

    def _latency(self) -> Finding:
        count = len(self.round_trips_ns)
        if self.unanswered:
            return found("ping", f"{self.unanswered} of {count + self.unanswered} pings were not answered", "")
        if not count:
            return skipped("ping", "no ping was sent")
        slow = percentile(sorted(self.round_trips_ns), 99) > LATENCY_MS_MAX * _NS
        details = f"{spread_text(self.round_trips_ns)} ({count} pings)"
        return found("ping", f"slow: {details}" if slow else None, details)

    def _clock(self) -> Finding:
        if self._best_ns is None:
            return skipped("clock", "no pong told the server's time")
        apart = abs(self._offset_ns)
        side = "ahead of" if self._offset_ns > 0 else "behind"
        details = f"{_ms(apart)} ms {side} this machine's (± {_ms(self._best_ns // 2 + _NS)} ms)"
        return found("clock", details if apart > SKEW_MS_MAX * _NS else None, details)

    def _delivery(self) -> Finding:
        if not self._delays_ns or self._best_ns is None:
            return skipped("delivery", "no message to measure")
        delays = [max(0, delay + self._offset_ns) for delay in self._delays_ns]
        details = f"{spread_text(delays)} ({len(delays)} messages)"
        slow = percentile(sorted(delays), 99) > DELAY_MS_MAX * _NS
        return found("delivery", f"late: {details}" if slow else None, details)


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / _NS:.1f}"
