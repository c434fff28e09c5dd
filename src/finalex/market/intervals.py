"""Candle intervals and where they start, in UTC.

Those up to a day start at multiples of themselves since midnight, `3d` at multiples since 1970-01-01, `1w` on
Monday, `1M` with the calendar month. All start on a whole minute. Times are milliseconds since 1970.
"""

from datetime import date

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_MONDAY_MS = 4 * DAY_MS  # 1970-01-01 was a Thursday
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTH = "1M"

_WIDTHS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}

INTERVALS = (*_WIDTHS_MS, _MONTH)
"""Every interval, the shortest first."""


def start_ms(interval: str, time_ms: int) -> int:
    """Return the first millisecond of the `interval` that `time_ms` is in."""
    if interval == _MONTH:
        return _month_start_ms(time_ms)
    offset_ms = _MONDAY_MS if interval == "1w" else 0
    return time_ms - (time_ms - offset_ms) % _WIDTHS_MS[interval]


def end_ms(interval: str, open_ms: int) -> int:
    """Return the first millisecond after the `interval` that starts at `open_ms`."""
    if interval == _MONTH:
        return _month_start_ms(open_ms + 32 * DAY_MS)
    return open_ms + _WIDTHS_MS[interval]


def _month_start_ms(time_ms: int) -> int:
    day = date.fromordinal(_EPOCH_DAY + time_ms // DAY_MS)
    return (day.replace(day=1).toordinal() - _EPOCH_DAY) * DAY_MS
