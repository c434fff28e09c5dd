"""The places that ids name, and the order they are in."""

from itertools import pairwise

import pytest

from finalex.channels.places import LogPlace, OpeningPlace, TradePlace, batch_end, order_place, trade_place
from finalex.protocol.errors import ErrorCode, RequestError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("orders:7-0", LogPlace(7, 0)),
        ("orders:7-12-m", LogPlace(7, 12, "-m")),
        ("orders:7-12-t", LogPlace(7, 12, "-t")),
        ("orders:0-3:snapshot", OpeningPlace(0, 3)),
    ],
)
def test_an_id_of_orders_names_a_place(text: str, place: LogPlace | OpeningPlace) -> None:
    assert order_place(text) == place


@pytest.mark.parametrize("symbol", ["BTC/USDT", ""])
def test_an_id_of_trades_names_a_place(symbol: str) -> None:
    assert trade_place("trades", symbol, "trades:BTC/USDT:17") == TradePlace("BTC/USDT", 17)
    assert trade_place("user_trades", symbol, "user_trades:BTC/USDT:0") == TradePlace("BTC/USDT", 0)


def test_messages_of_one_event_have_an_order() -> None:
    places = [
        LogPlace(6, 9),
        LogPlace(7, 0),
        LogPlace(7, 0, "-m"),
        LogPlace(7, 0, "-t"),
        LogPlace(7, 1),
        LogPlace(8, 0),
    ]
    assert all(before < after for before, after in pairwise(places))


def test_the_end_of_a_batch_is_after_everything_in_it_and_before_the_next() -> None:
    assert LogPlace(7, 10**17, "-t") < batch_end(7) < LogPlace(8, 0)


@pytest.mark.parametrize(
    "text", ["orders:7", "orders:7-0-mt", "orders:07-0", "orders:7-0:snapshot-m", "Orders:7-0", "7-0"]
)
def test_what_is_no_id_is_quoted_beside_an_example(text: str) -> None:
    with pytest.raises(RequestError) as raised:
        order_place(text)
    assert raised.value.code is ErrorCode.INVALID_PARAMS
    assert f"like 'orders:17-0', and '{text}' is none" in raised.value.details


def test_the_example_is_of_the_symbol_that_was_asked_for() -> None:
    with pytest.raises(RequestError) as raised:
        trade_place("trades", "ETH/BTC", "trades:ETH/USDT:17")
    assert "like 'trades:ETH/BTC:17'" in raised.value.details
