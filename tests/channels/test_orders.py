"""`orders`: every version of an order, and the open ones for a new subscriber."""

from typing import Any

import pytest

from channels.feed import Market, fields, of
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side, TimeInForce
from finalex.protocol.messages import OrderData, Publication
from finalex.protocol.streams import Stream


@pytest.fixture
def market() -> Market:
    made = Market()
    made.fund("ann", "bob")
    return made


def versions(publications: list[Publication], user: str) -> list[tuple[str, str, str]]:
    """Return status, filled and remaining quantity of each order update of a user."""
    datas = [p.data for p in publications if p.streams[0].user == user]
    return [(d.status, d.filled_quantity, d.remaining_quantity) for d in datas if isinstance(d, OrderData)]


def unnumbered(publication: Publication) -> dict[str, Any]:
    """Return what the wire shows of an order, without its number among the account's messages."""
    return {name: value for name, value in fields(publication.data).items() if name != "sequence"}


def test_an_order_update_has_the_format_of_the_protocol(market: Market) -> None:
    market.place("ann", Side.SELL, 10_000, 1000)
    market.place("ann", Side.SELL, 5_000, 1050)
    published = of(market.place("bob", Side.BUY, 20_000, 1100, client_order_id="mine"), "order_update")
    updated = [publication for publication in published if publication.streams[0].user == "bob"]
    assert updated[-1].streams == (Stream("orders", user="bob"), Stream("orders", "BTC/USDT", user="bob"))
    assert updated[-1].id == f"orders:{market.hub.sequence}-2-t"
    assert fields(updated[-1].data) == {
        "order_id": market.order_id,
        "client_order_id": "mine",
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "time_in_force": "GTC",
        "post_only": False,
        "status": "partially_filled",
        "quantity": "2.0000",
        "price": "11.00",
        "filled_quantity": "1.5000",
        "remaining_quantity": "0.5000",
        "average_price": "10.17",
        "fees": "0.00300000",
        "fee_currency": "BTC",
        "created_at": market.now_ms,
        "updated_at": market.now_ms,
        "sequence": 6,
    }


def test_every_version_is_published_maker_before_taker(market: Market) -> None:
    assert versions(market.place("ann", Side.SELL, 10_000, 1000), "ann") == [("new", "0.0000", "1.0000")]
    published = market.place("bob", Side.BUY, 15_000, 1000, time_in_force=TimeInForce.IOC)
    assert versions(published, "bob") == [
        ("new", "0.0000", "1.5000"),
        ("partially_filled", "1.0000", "0.5000"),
        ("expired", "1.0000", "0.5000"),
    ]
    assert versions(published, "ann") == [("filled", "1.0000", "0.0000")]
    sequence = market.hub.sequence
    assert [publication.id for publication in of(published, "order_update")] == [
        f"orders:{sequence}-0",
        f"orders:{sequence}-1-m",
        f"orders:{sequence}-1-t",
        f"orders:{sequence}-2",
    ]


def test_an_order_that_rests_is_published_once(market: Market) -> None:
    assert len(of(market.place("ann", Side.BUY, 10_000, 1000), "order_update")) == 1


def test_a_refused_order_is_published_with_its_reason(market: Market) -> None:
    [published] = of(market.place("ann", Side.BUY, 10_000, 1001), "order_update")
    shown = fields(published.data)
    assert (shown["status"], shown["reason"]) == ("rejected", "price_not_on_tick")


def test_a_canceled_order_says_so(market: Market) -> None:
    market.place("ann", Side.BUY, 10_000, 1000)
    [published] = of(market.send(CancelAllOrders(user="ann")), "order_update")
    shown = fields(published.data)
    assert (shown["status"], shown["reason"], shown["updated_at"]) == ("canceled", "canceled", market.now_ms)
    assert market.opening("orders", "ann") == []


def test_before_the_first_fill_there_are_zeros_and_no_nulls(market: Market) -> None:
    published = market.place("bob", Side.SELL, 10_000, 1000) + market.place("ann", Side.BUY, 10_000)
    shown = [fields(publication.data) for publication in of(published, "order_update")]
    market_order = shown[1]
    assert (market_order["type"], market_order["price"]) == ("market", "0.00")
    assert (market_order["average_price"], market_order["fees"]) == ("0.00", "0.00000000")
    assert [data["fee_currency"] for data in shown[:2]] == ["USDT", "BTC"]


def test_a_new_subscriber_gets_the_open_orders_oldest_first(market: Market) -> None:
    for price in (1000, 900, 950):
        market.place("ann", Side.BUY, 10_000, price)
    market.place("bob", Side.BUY, 10_000, 800)
    opening = market.opening("orders", "ann")
    assert [fields(publication.data)["price"] for publication in opening] == ["10.00", "9.00", "9.50"]
    assert [publication.id for publication in opening] == [
        f"orders:{market.hub.sequence}-{number}:snapshot" for number in (1, 2, 3)
    ]
    assert market.opening("orders", "ann", snapshot=True) == opening
    assert market.opening("orders", "ann", snapshot=False) == []
    assert market.opening("orders", "cat") == []


def test_a_symbol_filters(market: Market) -> None:
    market.place("ann", Side.BUY, 10_000, 1000)
    market.wanted = {Stream("orders", "ETH/USDT", user="ann")}
    [published] = market.place("ann", Side.BUY, 1, 10, symbol="ETH/USDT")
    assert fields(published.data)["symbol"] == "ETH/USDT"
    assert market.place("ann", Side.BUY, 10_000, 1000) == []
    assert [unnumbered(p) for p in market.opening("orders", "ann", symbol="ETH/USDT")] == [unnumbered(published)]
    assert len(market.opening("orders", "ann")) == 3


def test_opening_state_and_updates_leave_nothing_out_and_tell_nothing_twice(market: Market) -> None:
    for price in (1000, 900):
        market.place("ann", Side.BUY, 10_000, price)
    held = {fields(p.data)["order_id"]: unnumbered(p) for p in market.opening("orders", "ann")}
    market.seen.clear()
    market.place("bob", Side.SELL, 5_000, 1000)
    market.place("ann", Side.BUY, 10_000, 800)
    for publication in of(market.seen, "order_update"):
        if publication.streams[0].user == "ann":
            held[fields(publication.data)["order_id"]] = unnumbered(publication)
    assert list(held.values()) == [unnumbered(p) for p in market.opening("orders", "ann")]
    updates = of(market.seen, "order_update")
    assert len({publication.id for publication in updates}) == len(updates)
