"""`trades`: every trade, and the last ones for a new subscriber."""

from channels.feed import Feed, fields, of
from finalex.model.orders import Side
from finalex.protocol.streams import HISTORY_MAX, Stream


def test_a_trade_is_published_as_it_happens() -> None:
    feed = Feed()
    [published] = of(feed.batch(feed.traded(4567890, 5000, trade=987654321, side=Side.SELL)), "trade")
    assert published.streams == (Stream("trades", "BTC/USDT"),)
    assert published.id == "trades:BTC/USDT:987654321"
    assert fields(published.data) == {
        "symbol": "BTC/USDT",
        "trade_id": "987654321",
        "price": "45678.90",
        "quantity": "0.5000",
        "side": "sell",
        "timestamp": feed.now_ms,
    }


def test_every_trade_of_a_batch_is_published() -> None:
    feed = Feed()
    published = feed.batch(*(feed.traded(100, trade=number) for number in (1, 2, 3)))
    assert [p.id for p in of(published, "trade")] == [f"trades:BTC/USDT:{number}" for number in (1, 2, 3)]


def test_a_new_subscriber_gets_the_last_ones_asked_for_and_then_the_next() -> None:
    feed = Feed()
    feed.batch(*(feed.traded(100, trade=number) for number in range(1, 6)))
    assert feed.opening("trades", symbol="BTC/USDT") == []
    assert feed.opening("trades", symbol="BTC/USDT", snapshot=2) == of(feed.seen, "trade")[3:]
    [published] = of(feed.batch(feed.traded(100, trade=6)), "trade")
    assert feed.opening("trades", symbol="BTC/USDT", snapshot=3)[-1] == published


def test_the_last_thousand_are_kept_of_each_symbol() -> None:
    feed = Feed(wanted=())
    feed.batch(*(feed.traded(100, trade=number) for number in range(1, HISTORY_MAX + 3)))
    kept = feed.opening("trades", symbol="BTC/USDT", snapshot=HISTORY_MAX)
    assert (len(kept), kept[0].id, kept[-1].id) == (HISTORY_MAX, "trades:BTC/USDT:3", "trades:BTC/USDT:1002")
    assert feed.opening("trades", symbol="ETH/USDT", snapshot=HISTORY_MAX) == []
