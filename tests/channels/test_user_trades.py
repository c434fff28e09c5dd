"""`user_trades`: each trade for both sides, and the last ones for a new subscriber."""

import pytest

from channels.feed import Market, fields, of
from finalex.model.orders import Side
from finalex.protocol.streams import Stream


@pytest.fixture
def market() -> Market:
    made = Market()
    made.fund("ann", "bob")
    return made


def test_both_sides_get_theirs_in_the_format_of_the_protocol(market: Market) -> None:
    market.place("ann", Side.SELL, 10_000, 1000, client_order_id="hers")
    maker_order = market.order_id
    maker, taker = of(market.place("bob", Side.BUY, 5_000, 1000), "user_trade")
    assert maker.streams == (Stream("user_trades", user="ann"), Stream("user_trades", "BTC/USDT", user="ann"))
    assert taker.streams == (Stream("user_trades", user="bob"), Stream("user_trades", "BTC/USDT", user="bob"))
    assert maker.id == taker.id == "user_trades:BTC/USDT:1"
    common = {
        "trade_id": "trade_1",
        "symbol": "BTC/USDT",
        "quantity": "0.5000",
        "price": "10.00",
        "timestamp": market.now_ms,
    }
    assert fields(maker.data) == common | {
        "order_id": maker_order,
        "client_order_id": "hers",
        "side": "sell",
        "fee": "0.00500000",
        "fee_currency": "USDT",
        "role": "maker",
        "sequence": 6,
    }
    assert fields(taker.data) == common | {
        "order_id": market.order_id,
        "client_order_id": None,
        "side": "buy",
        "fee": "0.00100000",
        "fee_currency": "BTC",
        "role": "taker",
        "sequence": 5,
    }


def test_a_trade_from_outside_is_nobodys(market: Market) -> None:
    assert of(market.batch(market.traded(1000)), "user_trade") == []


def test_a_new_subscriber_gets_the_last_ones_asked_for(market: Market) -> None:
    market.place("ann", Side.SELL, 100_000, 1000)
    market.seen.clear()
    for _ in range(4):
        market.place("bob", Side.BUY, 5_000, 1000)
    own = [p for p in of(market.seen, "user_trade") if p.streams[0].user == "bob"]
    assert len(own) == 4
    assert market.opening("user_trades", "bob") == []
    assert market.opening("user_trades", "bob", snapshot=2) == own[2:]
    assert market.opening("user_trades", "bob", snapshot=1000) == own
    assert market.opening("user_trades", "cat", snapshot=1000) == []


def test_a_symbol_filters(market: Market) -> None:
    market.place("ann", Side.BUY, 1, 10, symbol="ETH/USDT")
    market.place("ann", Side.SELL, 10_000, 1000)
    market.wanted = {Stream("user_trades", "BTC/USDT", user="bob")}
    [published] = market.place("bob", Side.BUY, 10_000, 1000)
    assert market.opening("user_trades", "bob", symbol="BTC/USDT", snapshot=9) == [published]
    assert market.opening("user_trades", "bob", symbol="ETH/USDT", snapshot=9) == []
