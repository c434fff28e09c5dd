"""The rolling 24 hours against adding up all trades each time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.market import ticker
from finalex.market.ticker import RollingDay

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
START_MS = 1_700_000_000_000

Trade = tuple[int, int, int]
Values = tuple[int, int, int, int, int, int]


def values(day: RollingDay) -> Values:
    return day.last, day.open, day.high, day.low, day.volume, day.value


def slow_values(trades: list[Trade], now_ms: int) -> Values:
    """Return what the window from 24 hours before the minute of `now_ms` on shows."""
    if not trades:
        return 0, 0, 0, 0, 0, 0
    last = trades[-1][0]
    inside = [trade for trade in trades if trade[2] >= now_ms // MINUTE_MS * MINUTE_MS - DAY_MS]
    prices = [price for price, _, _ in inside] or [last]
    volume = sum(quantity for _, quantity, _ in inside)
    return last, prices[0], max(prices), min(prices), volume, sum(price * quantity for price, quantity, _ in inside)


GAPS = st.one_of(
    st.integers(0, 5_000),
    st.integers(0, 4 * HOUR_MS),
    st.sampled_from((0, 1, MINUTE_MS, 12 * HOUR_MS, DAY_MS - 1, DAY_MS, DAY_MS + MINUTE_MS, 3 * DAY_MS)),
)
STEPS = st.tuples(GAPS, st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(0, 90_000)), max_size=3))


@given(st.lists(STEPS, min_size=1, max_size=30))
@settings(deadline=None)
def test_the_window_equals_adding_up_all_trades(steps: list[tuple[int, list[tuple[int, int, int]]]]) -> None:
    day, trades, now_ms = RollingDay(), list[Trade](), START_MS
    for gap_ms, arriving in steps:
        now_ms += gap_ms
        before = values(day)
        assert day.roll(now_ms) == (before != values(day))
        for price, quantity, ahead_ms in arriving:
            time_ms = max(now_ms + ahead_ms, trades[-1][2] if trades else 0)
            trades.append((price, quantity, time_ms))
            day.add(*trades[-1])
            assert values(day) == slow_values(trades, now_ms)
        assert values(day) == slow_values(trades, now_ms)


def test_the_window_opens_on_a_minute() -> None:
    day = RollingDay()
    opened_ms = START_MS // MINUTE_MS * MINUTE_MS
    day.roll(opened_ms)
    day.add(100, 1, opened_ms)
    assert not day.roll(opened_ms + DAY_MS + 59_999)
    assert day.roll(opened_ms + DAY_MS + 60_000)


def test_a_day_without_trades_shows_the_last_price() -> None:
    day = RollingDay()
    day.roll(START_MS)
    day.add(100, 1, START_MS)
    day.add(120, 1, START_MS)
    assert day.roll(START_MS + 2 * DAY_MS)
    assert values(day) == (120, 120, 120, 120, 0, 0)
    assert not day.roll(START_MS + 3 * DAY_MS)


def test_a_trade_of_an_earlier_minute_counts_into_the_newest() -> None:
    day = RollingDay()
    day.add(100, 1, START_MS + MINUTE_MS)
    day.add(90, 2, START_MS)
    assert values(day) == (90, 100, 100, 90, 3, 280)
    day.roll(START_MS + DAY_MS + MINUTE_MS)
    assert day.volume == 3


def test_a_trade_from_before_the_window_counts_into_its_first_minute() -> None:
    day = RollingDay()
    day.roll(START_MS)
    day.add(100, 1, START_MS - 2 * DAY_MS)
    assert not day.roll(START_MS)
    assert day.roll(START_MS + MINUTE_MS)


def test_minutes_ahead_of_the_clock_are_bounded() -> None:
    day = RollingDay()
    for minute in range(ticker.BUCKETS_MAX + 10):
        day.add(100, 1, START_MS + minute * MINUTE_MS)
    assert day.volume == ticker.BUCKETS_MAX + 10
    day.roll(START_MS + (ticker.BUCKETS_MAX - 1) * MINUTE_MS + DAY_MS)
    assert day.volume == 11
