"""Credits and debits in the private channels: `account` shows them as any other change."""

from channels.feed import AMOUNT, Market, fields, of
from finalex.model.commands import Debit


def test_a_debit_publishes_the_account() -> None:
    market = Market()
    market.fund("ann")
    [published] = of(
        market.send(Debit(user="ann", currency="BTC", amount=25 * AMOUNT, reference="r")), "account_update"
    )
    assert published.streams[0].user == "ann"
    assert fields(published.data)["balances"][0]["total"] == "75.00000000"
    assert market.opening("account", "ann") == [published]
    assert market.hub.counters()["unknown_symbol_events"] == 0


def test_a_debit_that_was_done_before_or_is_declined_publishes_nothing() -> None:
    market = Market()
    market.fund("ann")
    debit = Debit(user="ann", currency="BTC", amount=25 * AMOUNT, reference="r")
    market.send(debit)
    assert market.send(debit) == []
    assert market.send(Debit(user="ann", currency="BTC", amount=76 * AMOUNT, reference="s")) == []
