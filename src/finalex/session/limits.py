"""What one connection may ask for."""

from collections import deque
from enum import Enum, auto

import msgspec

WINDOW_MS = 60_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The spec's limits of a connection."""

    public_subscriptions_max: int = 100
    private_subscriptions_max: int = 50
    messages_per_minute_max: int = 1000


class Verdict(Enum):
    """What to do with a message."""

    ACCEPT = auto()
    REFUSE = auto()
    """Over the limit: answer with an error, once a minute."""
    DROP = auto()
    """Over the limit, and said so within the last minute."""
    FLOOD = auto()
    """More than twice the limit within a minute: close."""


class MessageRate:
    """A sliding window: at most `per_minute_max` accepted messages in any 60 seconds, to the millisecond."""

    __slots__ = ("_accepted_ms", "_dropped_ms", "_per_minute_max", "_told_ms")

    def __init__(self, per_minute_max: int) -> None:
        self._per_minute_max = per_minute_max
        self._accepted_ms: deque[int] = deque()
        self._dropped_ms: deque[int] = deque()
        self._told_ms: int | None = None

    def take(self, now_ms: int) -> Verdict:
        """Count one message that came at `now_ms` (never going back)."""
        self._forget(now_ms - WINDOW_MS)
        if len(self._accepted_ms) < self._per_minute_max:
            self._accepted_ms.append(now_ms)
            return Verdict.ACCEPT
        self._dropped_ms.append(now_ms)
        if len(self._dropped_ms) > self._per_minute_max:
            return Verdict.FLOOD
        if self._told_ms is not None and now_ms - self._told_ms < WINDOW_MS:
            return Verdict.DROP
        self._told_ms = now_ms
        return Verdict.REFUSE

    def _forget(self, until_ms: int) -> None:
        for times_ms in (self._accepted_ms, self._dropped_ms):
            while times_ms and times_ms[0] <= until_ms:
                times_ms.popleft()
