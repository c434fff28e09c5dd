"""`kline`: running candles, the end of each, and the history."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.feed import START_MS, Feed, fields, of
from finalex.protocol.messages import KlineData, Publication
from finalex.protocol.streams import HISTORY_MAX, INTERVALS, Stream

MINUTE_MS = 60_000


def one_minute(**settings: int) -> Feed:
    """Return a feed where somebody wants the 1-minute candles alone."""
    return Feed(wanted={Stream("kline", "BTC/USDT", interval="1m")}, **settings)


def shown(publications: list[Publication]) -> list[tuple[str, str, bool]]:
    """Return close, volume and whether it is the end, of each candle."""
    datas = [publication.data for publication in publications]
    return [(d.close, d.volume, d.is_closed) for d in datas if isinstance(d, KlineData)]


def test_a_candle_has_the_format_of_the_protocol() -> None:
    feed = one_minute()
    [published] = feed.batch(feed.traded(4560000, 5), feed.traded(4570000, 5), feed.traded(4567890, 2))
    assert published.id == f"kline:BTC/USDT:1m:{START_MS}:1"
    assert published.streams == (Stream("kline", "BTC/USDT", interval="1m"),)
    assert fields(published.data) == {
        "symbol": "BTC/USDT",
        "interval": "1m",
        "open_time": START_MS,
        "close_time": START_MS + 59_999,
        "open": "45600.00",
        "high": "45700.00",
        "low": "45600.00",
        "close": "45678.90",
        "volume": "0.0012",
        "is_closed": False,
    }


def test_a_candle_ends_at_once_whatever_the_pace_and_the_next_one_follows() -> None:
    feed = one_minute(kline_interval_ms=250)
    feed.after(59_900).batch(feed.traded(100))
    assert shown(feed.batch(feed.traded(110))) == []
    assert shown(feed.after(100).batch()) == [("1.10", "0.0002", True)]
    assert shown(feed.after(149).batch()) == []
    assert shown(feed.after(1).batch()) == [("1.10", "0.0000", False)]
    assert feed.after(1000).batch() == []


def test_a_candle_ends_when_a_trade_is_ahead_of_the_clock() -> None:
    feed = one_minute()
    feed.batch(feed.traded(100))
    published = feed.after(59_000).batch(feed.traded(110, time_ms=START_MS + MINUTE_MS))
    assert shown(published) == [("1.00", "0.0001", True), ("1.10", "0.0001", False)]
    assert feed.after(1_000).batch() == []


def test_every_minute_without_trades_ends_too() -> None:
    feed = one_minute()
    feed.batch(feed.traded(100))
    published = feed.after(5 * MINUTE_MS).batch()
    assert shown(published) == [("1.00", "0.0001", True), *[("1.00", "0.0000", True)] * 4, ("1.00", "0.0000", False)]
    opens = [p.data.open_time for p in published if isinstance(p.data, KlineData)]
    assert opens == [START_MS + minute * MINUTE_MS for minute in range(6)]


def test_a_long_gap_publishes_its_end_and_no_more_than_the_history_holds() -> None:
    feed = one_minute()
    feed.batch(feed.traded(100))
    published = feed.after(90 * 24 * 60 * MINUTE_MS).batch()
    assert len(published) == 1 + HISTORY_MAX + 1
    assert shown(published[:1]) == [("1.00", "0.0001", True)]
    assert feed.opening("kline", symbol="BTC/USDT", history=HISTORY_MAX) == published[1:]


def test_every_interval_that_ends_says_so() -> None:
    feed = Feed()
    feed.batch(feed.traded(100))
    published = of(feed.after(40 * 24 * 60 * MINUTE_MS).batch(), "kline")
    ended = {p.data.interval for p in published if isinstance(p.data, KlineData) and p.data.is_closed}
    assert ended == set(INTERVALS)


def test_only_the_interval_that_has_a_new_candle_changed() -> None:
    feed = Feed()
    feed.after(MINUTE_MS).batch(feed.traded(100))
    published = of(feed.after(MINUTE_MS).batch(), "kline")
    assert [(p.data.interval, p.data.is_closed) for p in published if isinstance(p.data, KlineData)] == [
        ("1m", True),
        ("1m", False),
    ]


def test_there_is_no_candle_before_the_first_trade() -> None:
    assert Feed().opening("kline", symbol="BTC/USDT", history=5) == []


def test_a_new_subscriber_gets_the_history_and_the_running_candle() -> None:
    feed = one_minute()
    for minute in range(4):
        feed.after(MINUTE_MS if minute else 0).batch(feed.traded(100 + minute))
    opening = feed.opening("kline", symbol="BTC/USDT", history=2)
    assert shown(opening) == [("1.01", "0.0001", True), ("1.02", "0.0001", True), ("1.03", "0.0001", False)]
    assert [p for p in feed.seen if p in opening] == opening
    assert shown(feed.opening("kline", symbol="BTC/USDT")) == [("1.03", "0.0001", False)]


def test_late_trades_are_counted() -> None:
    feed = Feed()
    feed.batch(feed.traded(100))
    feed.after(MINUTE_MS).batch(feed.traded(100, time_ms=START_MS))
    assert feed.hub.counters()["late_trades"] == 1


STEPS = st.lists(st.tuples(st.integers(0, 40_000), st.lists(st.integers(100, 110), max_size=2)), max_size=25)


@given(STEPS, st.sampled_from(("1m", "3m", "5m")))
@settings(deadline=None)
def test_a_subscriber_sees_every_end_once_and_the_last_change_always(
    steps: list[tuple[int, list[int]]], interval: str
) -> None:
    feed = Feed(wanted={Stream("kline", "BTC/USDT", interval=interval)}, kline_interval_ms=250)
    running_ms: list[int] = []
    for gap_ms, prices in [*steps, (250, [])]:
        published = feed.after(gap_ms).batch(*map(feed.traded, prices))
        running_ms += [feed.now_ms for *_, is_closed in shown(published) if not is_closed]
    opening = feed.opening("kline", symbol="BTC/USDT", interval=interval, history=HISTORY_MAX)
    ends = [p for p in feed.seen if isinstance(p.data, KlineData) and p.data.is_closed]
    assert ends == opening[:-1]
    assert [p for p in feed.seen if p not in ends][-1:] == opening[-1:]
    assert all(later - sooner >= 250 for sooner, later in pairwise(running_ms))
