"""Candles of every interval against the exchange's own and against counting by hand."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.market.candles import Candle, Candles
from finalex.market.intervals import INTERVALS
from support.recordings import recording

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START_MS = 1_709_164_799_000
"""2024-02-28 23:59:59: a leap day and the end of a month are near."""


class Trade(NamedTuple):
    price: int
    quantity: int
    time_ms: int


def prices(candle: Candle) -> tuple[int, int, int, int, int]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume


def test_candles_of_recorded_trades_equal_the_exchanges_own() -> None:
    trades = json.loads(recording("klines/kraken_http_trades.json").read_text(), parse_float=Decimal)
    recorded = json.loads(recording("klines/kraken_http_ohlc.json").read_text())
    candles = Candles(history_max=1000)
    for price, quantity, time_s, *_ in trades["result"]["XBTUSDT"]:
        units = int(Decimal(price) * 10), int(Decimal(quantity) * 10**8)
        candles.add(*units, int(time_s * 1000), sequence=1)
    built = {candle.open_ms: prices(candle) for candle in candles.history("1m", 1000)[1:]}
    own = {
        row[0] * 1000: (*(int(Decimal(price) * 10) for price in row[1:5]), int(Decimal(row[6]) * 10**8))
        for row in recorded["result"]["XBTUSDT"]
    }
    assert len(built) == 409
    assert sum(volume == 0 for *_, volume in built.values()) == 137
    assert {open_ms: own[open_ms] for open_ms in built} == built
    assert candles.late_trades == 0


def slow_start(interval: str, time_ms: int) -> int:
    """Return where an interval starts, by the calendar."""
    moment = EPOCH + timedelta(milliseconds=time_ms)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    count, unit = int(interval[:-1]), interval[-1]
    starts: dict[str, Callable[[], datetime]] = {
        "m": lambda: moment.replace(minute=moment.minute - moment.minute % count, second=0, microsecond=0),
        "h": lambda: midnight.replace(hour=moment.hour - moment.hour % count),
        "d": lambda: midnight - timedelta(days=(moment.date() - date(1970, 1, 1)).days % count),
        "w": lambda: midnight - timedelta(days=moment.weekday()),
        "M": lambda: midnight.replace(day=1),
    }
    return int((starts[unit]() - EPOCH) / timedelta(milliseconds=1))


def slow_candles(interval: str, trades: list[Trade], now_ms: int, count: int) -> list[tuple[int, ...]]:
    """Return open time and values of the last `count` candles, the running one included, from all trades each."""
    opens = [slow_start(interval, now_ms)]
    while opens[-1] > trades[0].time_ms and len(opens) < count:
        opens.append(slow_start(interval, opens[-1] - 1))
    rows: list[tuple[int, ...]] = []
    end_ms = now_ms + 1
    for open_ms in opens:
        inside = [trade for trade in trades if open_ms <= trade.time_ms < end_ms]
        before = [trade.price for trade in trades if trade.time_ms < open_ms][-1:]
        traded = [trade.price for trade in inside] or before
        volume = sum(trade.quantity for trade in inside)
        rows.append((open_ms, traded[0], max(traded), min(traded), traded[-1], volume))
        end_ms = open_ms
    return rows[::-1]


GAPS = st.one_of(
    st.integers(0, 90_000),
    st.integers(0, 3 * HOUR_MS),
    st.sampled_from((0, 1, 999, 1000, MINUTE_MS, HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 31 * DAY_MS, 400 * DAY_MS)),
)
STEPS = st.tuples(GAPS, st.one_of(st.none(), st.tuples(st.integers(90, 110), st.integers(1, 5))))


@given(st.lists(STEPS, min_size=1, max_size=25))
@settings(deadline=None)
def test_every_interval_equals_counting_by_hand(steps: list[tuple[int, tuple[int, int] | None]]) -> None:
    history_max, now_ms = 20, START_MS
    candles, trades = Candles(history_max), list[Trade]()
    closed: list[Candle] = []
    for sequence, (gap_ms, trade) in enumerate(steps):
        now_ms += gap_ms
        if trade is None:
            closed += candles.advance(now_ms, sequence)
        else:
            trades.append(Trade(*trade, now_ms))
            closed += candles.add(*trades[-1], sequence)
    for interval in INTERVALS:
        running = candles.current(interval)
        if running is None:
            assert not trades
            continue
        kept = [*candles.history(interval, history_max), running]
        rows = slow_candles(interval, trades, now_ms, history_max + 1)
        assert [(candle.open_ms, *prices(candle)) for candle in kept] == rows
        ended = [candle for candle in closed if candle.interval == interval]
        assert ended[-history_max:] == kept[:-1]
        assert sorted({candle.open_ms for candle in ended}) == [candle.open_ms for candle in ended]


def test_a_candle_ends_when_the_clock_reaches_its_end() -> None:
    candles = Candles(10)
    candles.add(100, 1, 5_000, sequence=1)
    assert candles.advance(59_999, sequence=2) == []
    assert candles.advance(60_000, sequence=3) == [Candle("1m", 0, 59_999, 100, 100, 100, 100, 1, 3)]
    assert candles.current("1m") == Candle("1m", 60_000, 119_999, 100, 100, 100, 100, 0, 3)


def test_a_candle_ends_when_a_trade_of_a_later_minute_arrives() -> None:
    candles = Candles(10)
    candles.add(100, 1, 5_000, sequence=1)
    assert candles.add(90, 2, 60_000, sequence=2) == [Candle("1m", 0, 59_999, 100, 100, 100, 100, 1, 2)]
    assert candles.advance(60_000, sequence=3) == []
    assert candles.current("1m") == Candle("1m", 60_000, 119_999, 90, 90, 90, 90, 2, 2)


def test_an_hour_opens_with_its_first_trade_and_not_with_an_empty_minute() -> None:
    candles = Candles(10)
    candles.add(100, 1, HOUR_MS - 1, sequence=1)
    candles.advance(HOUR_MS + 2 * MINUTE_MS, sequence=2)
    candles.add(90, 1, HOUR_MS + 2 * MINUTE_MS, sequence=3)
    hour = candles.current("1h")
    assert hour is not None
    assert prices(hour) == (90, 90, 90, 90, 1)


def test_a_trade_of_an_earlier_minute_counts_into_the_running_one() -> None:
    candles = Candles(10)
    candles.add(100, 1, 5_000, sequence=1)
    candles.advance(MINUTE_MS, sequence=2)
    candles.add(80, 2, 59_000, sequence=3)
    running = candles.current("1m")
    assert running is not None
    assert (running.open_ms, *prices(running)) == (MINUTE_MS, 80, 80, 80, 80, 2)
    assert candles.late_trades == 1


def test_a_first_trade_behind_the_clock_counts_into_the_clocks_minute() -> None:
    candles = Candles(10)
    candles.advance(3 * MINUTE_MS, sequence=1)
    candles.add(100, 1, MINUTE_MS, sequence=2)
    running = candles.current("1m")
    assert running is not None
    assert running.open_ms == 3 * MINUTE_MS
    assert candles.late_trades == 1


def test_years_without_trades_are_bounded_work_and_keep_the_newest_candles() -> None:
    candles = Candles(history_max=50)
    candles.add(100, 1, START_MS, sequence=1)
    closed = candles.advance(START_MS + 4000 * DAY_MS, sequence=2)
    minutes = [candle for candle in closed if candle.interval == "1m"]
    assert len(closed) <= 51 * len(INTERVALS)
    assert len(minutes) == 51
    assert prices(minutes[0]) == (100, 100, 100, 100, 1)
    running = candles.current("1m")
    assert running is not None
    assert [candle.open_ms for candle in minutes[1:]] == [running.open_ms - n * MINUTE_MS for n in range(50, 0, -1)]


def test_without_a_trade_there_is_no_candle() -> None:
    candles = Candles(10)
    assert candles.advance(START_MS, sequence=1) == []
    assert candles.current("1m") is None
    assert candles.history("1m", 10) == []


def test_history_is_the_last_ones_oldest_first() -> None:
    candles = Candles(10)
    for minute in range(5):
        candles.add(minute + 1, 1, minute * MINUTE_MS, sequence=minute)
    assert [candle.close for candle in candles.history("1m", 2)] == [3, 4]
    assert [candle.close for candle in candles.history("1m", 9)] == [1, 2, 3, 4]
    assert candles.history("1m", 0) == []
