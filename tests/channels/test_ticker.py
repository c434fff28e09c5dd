"""`ticker`: what it shows, and when."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.feed import Feed, fields, of
from finalex.model.events import BookWithdrawn
from finalex.model.orders import Side
from finalex.protocol.messages import Publication
from finalex.protocol.streams import Stream

HOUR_MS = 3_600_000


def tickers(publications: list[Publication]) -> list[Publication]:
    return of(publications, "ticker")


def test_there_is_no_ticker_before_the_first_trade() -> None:
    feed = Feed()
    assert tickers(feed.batch(feed.reset([(100, 1)], [(200, 1)]))) == []
    assert feed.opening("ticker", symbol="BTC/USDT") == []


def test_a_ticker_has_the_format_of_the_protocol() -> None:
    feed = Feed()
    feed.batch(feed.reset([(4567850, 1)], [(4567900, 1)]))
    feed.after(HOUR_MS).batch(feed.traded(4444434, 10_000))
    feed.after(HOUR_MS).batch(feed.traded(4600000, 12_345))
    [published] = tickers(feed.after(HOUR_MS).batch(feed.traded(4567890, 5_000)))
    assert published.id == f"ticker:BTC/USDT:{feed.hub.sequence}"
    assert published.streams == (Stream("ticker", "BTC/USDT"),)
    assert fields(published.data) == {
        "symbol": "BTC/USDT",
        "price": "45678.90",
        "change_24h": "1234.56",
        "change_percent_24h": "2.78",
        "volume_24h": "2.7345",
        "quote_volume_24h": "124070.79000000",
        "high_24h": "46000.00",
        "low_24h": "44444.34",
        "bid": "45678.50",
        "ask": "45679.00",
        "timestamp": feed.now_ms,
    }


@pytest.mark.parametrize(
    ("first", "last", "change", "percent"),
    [
        (1000, 1000, "0.00", "0.00"),
        (80_000, 80_004, "0.04", "0.01"),
        (80_000, 79_996, "-0.04", "-0.01"),
        (80_000, 80_003, "0.03", "0.00"),
        (80_000, 79_997, "-0.03", "0.00"),
        (100, 1_000, "9.00", "900.00"),
        (1_000, 1, "-9.99", "-99.90"),
    ],
)
def test_the_change_in_percent_is_rounded_half_away_from_zero(first: int, last: int, change: str, percent: str) -> None:
    feed = Feed()
    feed.batch(feed.traded(first), feed.traded(last))
    shown = fields(feed.opening("ticker", symbol="BTC/USDT")[0].data)
    assert (shown["change_24h"], shown["change_percent_24h"]) == (change, percent)


def test_a_missing_side_of_the_book_shows_zero() -> None:
    feed = Feed()
    feed.batch(feed.reset([(100, 1)]), feed.traded(100))
    shown = fields(feed.opening("ticker", symbol="BTC/USDT")[0].data)
    assert (shown["bid"], shown["ask"]) == ("1.00", "0.00")
    feed.batch(BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=feed.now_ms))
    shown = fields(feed.opening("ticker", symbol="BTC/USDT")[0].data)
    assert (shown["bid"], shown["ask"]) == ("0.00", "0.00")


def test_a_new_best_price_is_a_change_and_a_deeper_level_is_none() -> None:
    feed = Feed()
    feed.batch(feed.reset([(100, 1)], [(200, 1)]), feed.traded(100))
    assert tickers(feed.after(1000).batch(feed.levels((Side.BUY, 90, 5), (Side.SELL, 200, 7)))) == []
    [published] = tickers(feed.after(1000).batch(feed.levels((Side.BUY, 110, 5))))
    assert fields(published.data)["bid"] == "1.10"


def test_the_end_of_24_hours_is_a_change() -> None:
    feed = Feed()
    feed.batch(feed.traded(100, 7))
    feed.after(HOUR_MS).batch(feed.traded(150, 2))
    assert tickers(feed.after(23 * HOUR_MS).batch()) == []
    [published] = tickers(feed.after(60_000).batch())
    shown = fields(published.data)
    assert (shown["change_24h"], shown["low_24h"], shown["volume_24h"]) == ("0.00", "1.50", "0.0002")
    [published] = tickers(feed.after(30 * HOUR_MS).batch())
    shown = fields(published.data)
    assert (shown["price"], shown["high_24h"], shown["volume_24h"]) == ("1.50", "1.50", "0.0000")


STEPS = st.lists(st.tuples(st.integers(0, 130), st.lists(st.integers(100, 110), max_size=3)), max_size=30)


@given(STEPS)
@settings(deadline=None)
def test_tickers_are_paced_and_the_last_one_always_comes(steps: list[tuple[int, list[int]]]) -> None:
    feed = Feed(wanted={Stream("ticker", "BTC/USDT")}, ticker_interval_ms=100)
    published_ms: list[int] = []
    current: list[Publication] = []
    for gap_ms, prices in [*steps, (100, [])]:
        published = feed.after(gap_ms).batch(*map(feed.traded, prices))
        published_ms += [feed.now_ms] * len(published)
        current = published or current
        if current and feed.now_ms >= published_ms[-1] + 100:
            assert feed.opening("ticker", symbol="BTC/USDT") == current
    assert current == feed.opening("ticker", symbol="BTC/USDT")
    assert all(later - sooner >= 100 for sooner, later in pairwise(published_ms))


def test_a_ticker_is_as_of_its_last_change_and_never_goes_back() -> None:
    feed = Feed()
    feed.batch(feed.reset([(100, 1)], [(200, 1)]), feed.traded(100, time_ms=feed.now_ms + 500))
    feed.after(100).batch(feed.levels((Side.BUY, 110, 1)))
    shown = [fields(published.data) for published in tickers(feed.seen)]
    assert [(data["bid"], data["timestamp"]) for data in shown] == [
        ("1.00", feed.now_ms + 400),
        ("1.10", feed.now_ms + 400),
    ]


def test_symbols_are_paced_each_for_itself() -> None:
    feed = Feed(wanted={Stream("ticker", "BTC/USDT"), Stream("ticker", "ETH/USDT")})
    feed.batch(feed.traded(100))
    [published] = feed.after(50).batch(feed.traded(110), feed.traded(7, symbol="ETH/USDT"))
    assert fields(published.data)["symbol"] == "ETH/USDT"
    [published] = feed.after(50).batch()
    assert fields(published.data)["price"] == "1.10"
