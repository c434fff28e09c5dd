"""Events of an external engine that cannot follow: each is refused with a reason, and changes nothing."""

from typing import Any

import pytest

from finalex.sources.external_events import BadMessageError
from support.external_gateway import Gateway

CREDIT = {"event": "credited", "user": "ann", "currency": "USDT", "amount": "100", "reference": "r"}
BUY = {
    "event": "order_accepted",
    "order": 1,
    "user": "ann",
    "symbol": "ETH/USDT",
    "side": "buy",
    "type": "limit",
    "time_in_force": "GTC",
    "post_only": False,
    "price": "2.0",
    "quantity": "0.10",
    "locked": "0.2",
    "client_order_id": "c",
}
RESTED = {"event": "order_rested", "order": 1, "symbol": "ETH/USDT", "side": "buy", "price": "2.0", "quantity": "0.10"}
ENDED = {
    "event": "order_ended",
    "order": 1,
    "user": "ann",
    "symbol": "ETH/USDT",
    "side": "buy",
    "price": "2.0",
    "quantity": "0.10",
    "rested": True,
    "reason": "canceled",
}
SELL_CREDIT = {"event": "credited", "user": "bob", "currency": "ETH", "amount": "5", "reference": "r"}
SELL = BUY | {"order": 2, "user": "bob", "side": "sell", "locked": "0.1", "client_order_id": None}
TRADE = {
    "event": "traded",
    "symbol": "ETH/USDT",
    "trade": 1,
    "price": "2.0",
    "quantity": "0.04",
    "side": "sell",
    "maker_order": 1,
    "taker_order": 2,
    "maker": "ann",
    "taker": "bob",
    "maker_fee": "0.00001",
    "taker_fee": "0",
}
RESET = {"event": "book_reset", "symbol": "BTC/USDT", "bids": [["2.0", "0.10"]], "asks": [["2.2", "0.10"]]}
BEGUN: list[dict[str, Any]] = [CREDIT, SELL_CREDIT, BUY, RESTED, RESET]


def test_a_trade_of_two_orders_moves_what_it_says() -> None:
    gateway = Gateway()
    gateway.tell([*BEGUN, SELL, TRADE])

    gateway.check()
    assert gateway.ledger.state.available("ann", "ETH") == 3_999_000
    assert gateway.ledger.state.available("bob", "USDT") == 8_000_000


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([CREDIT], "ann has had a booking with this reference"),
        ([CREDIT | {"reference": "s", "currency": "XRP"}], "currency 'XRP' is in no market"),
        ([CREDIT | {"reference": "s", "amount": "0"}], "amount must be above 0"),
        ([CREDIT | {"reference": "s", "amount": "92233720368"}], "ann would have more USDT than can be counted"),
        ([CREDIT | {"reference": "s", "user": "@fees"}], "users that begin with @ are the exchange's own"),
        ([CREDIT | {"event": "debited", "reference": "s", "amount": "199.9"}], "ann has less USDT available"),
        ([BUY | {"order": 1}], "order must be 2 or more: numbers grow"),
        ([BUY | {"order": 2}], "ann has an open order with this client_order_id"),
        ([SELL | {"price": "2.1"}], "price must be a multiple of the tick size 0.2"),
        ([SELL | {"price": "60.0"}], "price must be 0.1 to 6.0"),
        ([SELL | {"quantity": "0.01"}], "quantity must be a multiple of the lot size 0.02"),
        ([SELL | {"locked": "0.2"}], "locked must be price × quantity for a buy, the quantity for a sell"),
        ([SELL | {"user": "cat"}], "cat has less available than the order locks"),
        ([SELL | {"type": "market"}], "price of a market order must be 0"),
        ([RESTED], "order 1 rests already"),
        ([RESTED | {"order": 9}], "order 9 is not open"),
        ([ENDED | {"quantity": "0.08"}], "order 1 has another quantity left"),
        ([ENDED | {"rested": False}], "order 1 is in the book"),
        ([ENDED | {"user": "bob"}], "order 1 belongs to another user"),
        ([TRADE], "order 2 is not open"),
        ([SELL, TRADE | {"trade": 2}], "trade must be 1: it grows by 1 per symbol"),
        ([SELL, TRADE | {"quantity": "0.12"}], "quantity must be above 0 and not above 0.10"),
        ([SELL, TRADE | {"price": "2.2"}], "price must be the maker's"),
        ([SELL, TRADE | {"maker_fee": "0.05"}], "the fee of order 1 is more than it gets"),
        ([SELL | {"price": "2.2"}, TRADE], "price is worse than the limit of order 2"),
        ([SELL, RESTED | {"order": 2, "side": "sell"}], "the order would cross the book"),
        ([TRADE | {"maker_order": 0, "taker_order": 0}], "order 0 is not open"),
        ([RESET | {"symbol": "ETH/USDT"}], "the market is one of orders: it has open orders, and no levels"),
        ([RESET | {"asks": [["2.0", "0.10"]]}], "the book is crossed: its best bid is not below its best ask"),
        ([RESET | {"bids": [["1.8", "0.10"], ["2.0", "0.10"]]}], "bids must come best first, each price once"),
        ([RESTED | {"symbol": "BTC/USDT"}], "the market is one of levels: use order_waits"),
        ([RESTED | {"event": "order_waits"}], "the market is one of orders: use order_rested"),
        ([TRADE | {"symbol": "BTC/USDT"}], "a trade in a market of levels names no orders: order_filled tells"),
        (
            [{"event": "levels_changed", "symbol": "ETH/BTC", "changes": [["buy", "2.0", "0"]]}],
            "the market has no levels yet: book_reset comes first",
        ),
    ],
)
def test_what_cannot_follow_is_refused_with_a_reason(told: list[dict[str, Any]], expected: str) -> None:
    gateway = Gateway()
    gateway.tell(BEGUN)
    before = gateway.ledger.state.state_hash()

    with pytest.raises(BadMessageError) as caught:
        gateway.tell([CREDIT | {"reference": "first"}, *told])

    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"events[{len(told)}] ({told[-1]['event']}): ")
    assert gateway.ledger.state.state_hash() == before
    gateway.tell([CREDIT | {"reference": "first"}])
