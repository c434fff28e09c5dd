"""The wall clock: the only place that asks what time it is."""

import time

_last_ms = 0
_last_ns = 0


def now_ms() -> int:
    """Return milliseconds since 1970 (UTC), never less than a call before in this process returned.

    It is the system's clock, and not a monotonic one counted up from the start, because tokens expire by it and a
    machine that slept must wake to the present. When the system's clock is set back, this one stands still until
    it is reached again.
    """
    global _last_ms
    _last_ms = max(_last_ms, time.time_ns() // 1_000_000)
    return _last_ms


def now_ns() -> int:
    """Return nanoseconds since 1970 (UTC), never less than a call before in this process returned."""
    global _last_ns
    _last_ns = max(_last_ns, time.time_ns())
    return _last_ns
