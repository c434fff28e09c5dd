"""The rolling 24 hours of one symbol's trades, by the minute."""

from collections import deque

import msgspec

from finalex.market.intervals import DAY_MS, MINUTE_MS

BUCKETS_MAX = 2 * DAY_MS // MINUTE_MS
"""Minutes with trades that are kept: the 1,441 of a window, and room for trades ahead of the log's clock.

If that is full too, a trade counts into the newest minute.
"""


class SavedMinute(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The trades of one minute as a snapshot holds them; `value` is the sum of price × quantity."""

    minute_ms: int
    open: int
    high: int
    low: int
    volume: int
    value: int


class SavedDay(msgspec.Struct, frozen=True, kw_only=True):
    """A window as a snapshot holds it: where it opens, the last price, and the minutes with trades, oldest first."""

    open_ms: int
    last: int
    minutes: list[SavedMinute]


class _Bucket:
    """The trades of one minute; `value` is the sum of price × quantity."""

    __slots__ = ("high", "low", "minute_ms", "open", "value", "volume")

    def __init__(self, minute_ms: int, price: int) -> None:
        self.minute_ms = minute_ms
        self.open = self.high = self.low = price
        self.volume = self.value = 0


class RollingDay:
    """The last price, and open, high, low, volume and value of the trades of the last 24 hours.

    The window opens 24 hours before the minute that the log's clock is in, so it is up to 59,999 ms wider than 24
    hours; that is how Binance defines its rolling windows (`GET /api/v3/ticker`: "openTime always starts on a
    minute, while the closeTime is the current time"). Trades ahead of the clock count at once. `open` is the
    first trade in the window; without any, open, high and low are the last price. A trade earlier than one
    before it counts into that one's minute.

    All numbers are exact: prices and `volume` in the instrument's units, `value` the sum of price × quantity in
    their units. A trade costs a few comparisons; `roll` looks at the kept minutes, at most once a minute.
    """

    def __init__(self) -> None:
        self.last = 0
        self.high = 0
        self.low = 0
        self.volume = 0
        self.value = 0
        self._buckets: deque[_Bucket] = deque()
        self._open_ms = 0

    @property
    def open(self) -> int:
        """The price of the first trade in the window, or the last price."""
        return self._buckets[0].open if self._buckets else self.last

    def add(self, price: int, quantity: int, time_ms: int) -> None:
        """Count a trade."""
        bucket = self._bucket(price, time_ms)
        if price > bucket.high:
            bucket.high = price
        elif price < bucket.low:
            bucket.low = price
        value = price * quantity
        bucket.volume += quantity
        bucket.value += value
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += quantity
        self.value += value

    def roll(self, now_ms: int) -> bool:
        """Move the window to the log's clock and return whether a trade left it."""
        self._open_ms = now_ms - now_ms % MINUTE_MS - DAY_MS
        left: list[_Bucket] = []
        while self._buckets and self._buckets[0].minute_ms < self._open_ms:
            left.append(self._buckets.popleft())
        if not left:
            return False
        self.volume -= sum(bucket.volume for bucket in left)
        self.value -= sum(bucket.value for bucket in left)
        self._measure()
        return True

    def save(self) -> SavedDay:
        """Return everything; it follows no later change."""
        minutes = [
            SavedMinute(minute_ms=b.minute_ms, open=b.open, high=b.high, low=b.low, volume=b.volume, value=b.value)
            for b in self._buckets
        ]
        return SavedDay(open_ms=self._open_ms, last=self.last, minutes=minutes)

    def load(self, saved: SavedDay) -> None:
        """Take over, into a new window, what `save` returned."""
        self._open_ms, self.last = saved.open_ms, saved.last
        for minute in saved.minutes:
            bucket = _Bucket(minute.minute_ms, minute.open)
            bucket.high, bucket.low, bucket.volume, bucket.value = minute.high, minute.low, minute.volume, minute.value
            self._buckets.append(bucket)
        self.volume = sum(minute.volume for minute in saved.minutes)
        self.value = sum(minute.value for minute in saved.minutes)
        self._measure()

    def _measure(self) -> None:
        """Find the highest and the lowest price of all kept minutes."""
        self.high = max((bucket.high for bucket in self._buckets), default=self.last)
        self.low = min((bucket.low for bucket in self._buckets), default=self.last)

    def _bucket(self, price: int, time_ms: int) -> _Bucket:
        """Return the bucket for a trade; the first one of a window that was empty starts its high and low."""
        minute_ms = max(time_ms - time_ms % MINUTE_MS, self._open_ms)
        if self._buckets and (self._buckets[-1].minute_ms >= minute_ms or len(self._buckets) == BUCKETS_MAX):
            return self._buckets[-1]
        if not self._buckets:
            self.high = self.low = price
        bucket = _Bucket(minute_ms, price)
        self._buckets.append(bucket)
        return bucket
