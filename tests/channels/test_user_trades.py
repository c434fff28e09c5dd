"""`user_trades`: each trade for both sides, and the last ones for a new subscriber."""

import pytest

from channels.feed import Market, fields, of
from finalex.channels.user_trades import Fill, Fills
from finalex.exchange.order import Order
from finalex.model.events import Traded
from finalex.model.orders import OrderStatus, OrderType, Side, TimeInForce
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
    }
    assert fields(taker.data) == common | {
        "order_id": market.order_id,
        "client_order_id": None,
        "side": "buy",
        "fee": "0.00100000",
        "fee_currency": "BTC",
        "role": "taker",
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


def fill(user: str, number: int) -> Fill:
    trade = Traded(symbol="BTC/USDT", trade=number, price=1, quantity=1, side=Side.BUY, time_ms=number)
    order = Order(
        number=number,
        user=user,
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        price=1,
        quantity=1,
        client_order_id=None,
        status=OrderStatus.FILLED,
        created_ms=number,
        updated_ms=number,
    )
    return Fill(trade, order)


def numbers(fills: Fills, user: str) -> list[int]:
    return [kept.trade.trade for kept in fills.last(user, "", 100)]


def test_so_many_fills_are_kept_of_each_user() -> None:
    fills = Fills(user_max=3, fills_max=100)
    for number in range(5):
        fills.add(fill("ann", number))
    assert numbers(fills, "ann") == [2, 3, 4]


def test_past_the_limit_over_all_whoever_has_not_traded_longest_is_forgotten() -> None:
    fills = Fills(user_max=3, fills_max=5)
    for user, number in (("ann", 1), ("bob", 2), ("bob", 3), ("ann", 4), ("cat", 5)):
        fills.add(fill(user, number))
    assert numbers(fills, "bob") == [2, 3]
    fills.add(fill("cat", 6))
    assert (numbers(fills, "ann"), numbers(fills, "bob"), numbers(fills, "cat")) == ([1, 4], [], [5, 6])
    for number in range(7, 10):
        fills.add(fill("cat", number))
    assert (numbers(fills, "ann"), numbers(fills, "cat")) == ([1, 4], [7, 8, 9])
