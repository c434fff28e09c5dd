"""Candles of every interval from one symbol's trades.

Only real trades count: a candle's open is its first trade, and a candle without trades has open, high, low and
close at the previous close and volume 0. The series start with the first trade.

A trade changes only the candle of its minute; the longer ones take in a minute when it is over, and are merged with
the running minute when somebody looks. A candle ends when the log's clock reaches its end or a trade of a later
minute arrives, whichever is first. A trade of an earlier minute than the running one cannot be counted where it
belongs any more (that candle is closed and published): it counts into the running minute, and in `late_trades`.
"""

from collections import deque
from itertools import islice
from typing import NamedTuple

import msgspec

from finalex.market.intervals import INTERVALS, end_ms, start_ms

MINUTE = INTERVALS[0]


class Candle(NamedTuple):
    """A candle; prices and volume in the instrument's units, times in milliseconds since 1970 (UTC).

    `close_ms` is its last millisecond, `sequence` the batch of the log that changed it last.
    """

    interval: str
    open_ms: int
    close_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    sequence: int


class SavedRun(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A candle in the making as a snapshot holds it, without the running minute's trades if it is a longer one."""

    open_ms: int
    sequence: int
    traded: bool
    open: int
    high: int
    low: int
    volume: int


class SavedCandles(msgspec.Struct, frozen=True, kw_only=True):
    """All candles of one symbol as a snapshot holds them, each interval's closed ones oldest first."""

    clock_ms: int
    close: int
    sequence: int
    late_trades: int
    runs: dict[str, SavedRun]
    history: dict[str, list[Candle]]


class Candles:
    """All candles of one symbol, with the last `history_max` closed ones of each interval.

    After a gap of many intervals at most `history_max` empty candles are made of each, the newest: all before them
    would leave the history at once. So the work for any gap is bounded.
    """

    def __init__(self, history_max: int) -> None:
        self.late_trades = 0
        self._history_max = history_max
        self._history = {interval: deque[Candle](maxlen=history_max) for interval in INTERVALS}
        self._runs: dict[str, _Run] = {}
        self._minute = _Run(MINUTE, 0, 0)
        self._clock_ms = 0
        self._close = 0
        self._sequence = 0

    def add(self, price: int, quantity: int, time_ms: int, sequence: int) -> list[Candle]:
        """Count a trade, and return the candles that ended because it is of a later minute, as `advance` does."""
        closed: list[Candle] = []
        if not self._runs:
            first_ms = max(time_ms, self._clock_ms)
            self._runs = {interval: _Run(interval, first_ms, sequence) for interval in INTERVALS}
            self._minute = self._runs[MINUTE]
        elif time_ms >= self._minute.end_ms:
            closed = self._roll(time_ms, sequence)
        if time_ms < self._minute.open_ms:
            self.late_trades += 1
        self._minute.add(price, quantity)
        self._close = price
        self._sequence = sequence
        return closed

    def advance(self, now_ms: int, sequence: int) -> list[Candle]:
        """Take note of the log's clock and return the candles that it ended, those of one interval oldest first."""
        self._clock_ms = now_ms
        return self._roll(now_ms, sequence) if self._runs and now_ms >= self._minute.end_ms else []

    def current(self, interval: str) -> Candle | None:
        """Return the running candle, or `None` before the first trade."""
        run = self._runs.get(interval)
        if run is None:
            return None
        if run is not self._minute:
            run = run.with_minute(self._minute)
        return run.candle(self._close, max(run.sequence, self._sequence))

    def history(self, interval: str, count: int) -> list[Candle]:
        """Return the last `count` closed candles (or all there are), oldest first."""
        closed = self._history[interval]
        return list(islice(closed, max(0, len(closed) - count), None))

    def save(self) -> SavedCandles:
        """Return everything; it follows no later change."""
        return SavedCandles(
            clock_ms=self._clock_ms,
            close=self._close,
            sequence=self._sequence,
            late_trades=self.late_trades,
            runs={interval: run.save() for interval, run in self._runs.items()},
            history={interval: list(closed) for interval, closed in self._history.items()},
        )

    def load(self, saved: SavedCandles) -> None:
        """Take over, into new candles, what `save` returned."""
        self._clock_ms, self._close, self._sequence = saved.clock_ms, saved.close, saved.sequence
        self.late_trades = saved.late_trades
        for interval, closed in saved.history.items():
            self._history[interval].extend(closed)
        self._runs = {interval: _Run.load(interval, run) for interval, run in saved.runs.items()}
        self._minute = self._runs.get(MINUTE, self._minute)

    def _roll(self, now_ms: int, sequence: int) -> list[Candle]:
        """End every candle whose time is over at `now_ms`, and start the ones that `now_ms` is in."""
        minute = self._minute
        closed: list[Candle] = []
        for interval, run in self._runs.items():
            if run is not minute:
                run.take_in(minute)
            if run.end_ms <= now_ms:
                ended = [run, *self._empty_runs(run, now_ms)]
                candles = [each.candle(self._close, sequence) for each in ended]
                self._history[interval].extend(candles)
                closed += candles
                self._runs[interval] = _Run(interval, now_ms, sequence)
        self._minute = self._runs[MINUTE]
        return closed

    def _empty_runs(self, last: "_Run", now_ms: int) -> "list[_Run]":
        """Return the candles without trades between `last` and the one that `now_ms` is in, oldest first."""
        runs: list[_Run] = []
        open_ms = start_ms(last.interval, now_ms)
        while open_ms > last.end_ms and len(runs) < self._history_max:
            runs.append(_Run(last.interval, open_ms - 1, 0))
            open_ms = runs[-1].open_ms
        return runs[::-1]


class _Run:
    """A candle in the making: the trades so far, but for those of the running minute if it is a longer one.

    `end_ms` is the first millisecond after it, `sequence` the batch that started it; the prices mean nothing
    before there was a trade.
    """

    __slots__ = ("end_ms", "high", "interval", "low", "open", "open_ms", "sequence", "traded", "volume")

    def __init__(self, interval: str, time_ms: int, sequence: int) -> None:
        self.interval = interval
        self.open_ms = start_ms(interval, time_ms)
        self.end_ms = end_ms(interval, self.open_ms)
        self.sequence = sequence
        self.traded = False
        self.open = self.high = self.low = self.volume = 0

    def add(self, price: int, quantity: int) -> None:
        """Count a trade."""
        if not self.traded:
            self.traded = True
            self.open = self.high = self.low = price
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.volume += quantity

    def take_in(self, minute: "_Run") -> None:
        """Count all trades of a minute."""
        if not minute.traded:
            return
        if not self.traded:
            self.traded = True
            self.open, self.high, self.low = minute.open, minute.high, minute.low
        else:
            self.high = max(self.high, minute.high)
            self.low = min(self.low, minute.low)
        self.volume += minute.volume

    def with_minute(self, minute: "_Run") -> "_Run":
        """Return another run that has counted the trades of a minute too; this one has not."""
        run = object.__new__(_Run)
        run.interval, run.open_ms, run.end_ms, run.sequence = self.interval, self.open_ms, self.end_ms, self.sequence
        run.traded, run.open, run.high, run.low = self.traded, self.open, self.high, self.low
        run.volume = self.volume
        run.take_in(minute)
        return run

    def candle(self, close: int, sequence: int) -> Candle:
        """Return the candle as it is now; `close` is the last trade's price, whether or not it was in here."""
        opened, high, low = (self.open, self.high, self.low) if self.traded else (close, close, close)
        return Candle(self.interval, self.open_ms, self.end_ms - 1, opened, high, low, close, self.volume, sequence)

    def save(self) -> SavedRun:
        """Return everything but the interval."""
        return SavedRun(
            open_ms=self.open_ms,
            sequence=self.sequence,
            traded=self.traded,
            open=self.open,
            high=self.high,
            low=self.low,
            volume=self.volume,
        )

    @staticmethod
    def load(interval: str, saved: SavedRun) -> "_Run":
        """Return what `save` was called on."""
        run = _Run(interval, saved.open_ms, saved.sequence)
        run.traded, run.open, run.high, run.low = saved.traded, saved.open, saved.high, saved.low
        run.volume = saved.volume
        return run
