"""`account`: all non-zero balances, once after each batch that changed them."""

from channels.feed import AMOUNT, Market, credited, fields, of
from finalex.model.commands import CancelAllOrders
from finalex.model.orders import Side
from finalex.protocol.messages import Publication
from finalex.protocol.streams import Stream


def of_user(publications: list[Publication], user: str) -> list[Publication]:
    return [publication for publication in of(publications, "account_update") if publication.streams[0].user == user]


def test_an_account_update_has_the_format_of_the_protocol() -> None:
    market = Market()
    market.fund("ann")
    [published] = of_user(market.place("ann", Side.SELL, 50_000, 1000), "ann")
    assert published.id == f"account:{market.hub.sequence}"
    assert published.streams == (Stream("account", user="ann"),)
    assert fields(published.data) == {
        "balances": [
            {"currency": "BTC", "available": "95.00000000", "locked": "5.00000000", "total": "100.00000000"},
            {"currency": "USDT", "available": "100000.00000000", "locked": "0.00000000", "total": "100000.00000000"},
        ],
        "timestamp": market.now_ms,
        "sequence": 4,
    }


def test_a_batch_that_changes_an_account_often_publishes_it_once() -> None:
    market = Market()
    market.fund("ann", "bob")
    for price in (1000, 1050, 1100):
        market.place("ann", Side.SELL, 10_000, price)
    published = market.place("bob", Side.BUY, 30_000, 1100)
    assert len(of(published, "trade")) == 3
    assert [len(of_user(published, user)) for user in ("ann", "bob")] == [1, 1]
    balances = fields(of_user(published, "bob")[0].data)["balances"]
    assert balances[0]["total"] == "102.99400000"


def test_an_empty_account_has_no_balances_and_is_as_of_now() -> None:
    market = Market()
    market.after(5).batch()
    [published] = market.opening("account", "ann")
    assert published.id == "account:1"
    assert fields(published.data) == {"balances": [], "timestamp": market.now_ms, "sequence": 0}


def test_a_new_subscriber_gets_the_balances_as_of_their_last_change() -> None:
    market = Market()
    market.fund("ann", "bob")
    [published] = of_user(market.place("ann", Side.SELL, 50_000, 1000), "ann")
    market.place("bob", Side.BUY, 50_000, 900)
    market.after(1000).batch()
    assert market.opening("account", "ann") == [published]
    [published] = of_user(market.send(CancelAllOrders(user="ann")), "ann")
    assert market.opening("account", "ann") == [published]


def test_a_balance_that_became_zero_is_left_out() -> None:
    market = Market()
    market.fund("ann", "bob")
    market.place("ann", Side.SELL, 1_000_000, 1000)
    market.place("bob", Side.BUY, 1_000_000, 1000)
    assert [b["currency"] for b in fields(market.opening("account", "ann")[0].data)["balances"]] == ["USDT"]


def test_currencies_come_in_the_order_of_the_instruments_and_others_after() -> None:
    market = Market()
    for currency in ("ZZZ", "ETH", "AAA", "USDT", "BTC"):
        market.batch(credited("ann", currency, AMOUNT, market.now_ms))
    balances = fields(market.opening("account", "ann")[0].data)["balances"]
    assert [balance["currency"] for balance in balances] == ["BTC", "USDT", "ETH", "AAA", "ZZZ"]


def test_a_refused_order_changes_no_account() -> None:
    market = Market()
    market.fund("ann")
    assert of_user(market.place("ann", Side.SELL, 10_000, 1001), "ann") == []
