import pytest

from exchange.venue import Venue
from finalex.exchange.accounts import REFERENCES_MAX, Account, Accounts, Balance
from finalex.exchange.outcomes import Done
from finalex.model.commands import Credit


def test_the_total_is_what_is_available_and_what_is_locked() -> None:
    assert Balance(available=3, locked=4).total == 7


def test_a_change_moves_both_parts_of_a_balance() -> None:
    account = Account()
    account.change("BTC", available=10)
    account.change("BTC", available=-4, locked=4)
    assert account.balance("BTC") == Balance(available=6, locked=4)
    assert account.balance("USDT") == Balance()


def test_a_balance_never_becomes_negative() -> None:
    account = Account()
    account.change("BTC", available=10, locked=5)
    with pytest.raises(ValueError, match="BTC would become negative"):
        account.change("BTC", available=-11, locked=11)
    with pytest.raises(ValueError, match="BTC would become negative"):
        account.change("BTC", available=6, locked=-6)
    assert account.balance("BTC") == Balance(available=10, locked=5)


def test_a_change_by_nothing_makes_no_balance() -> None:
    account = Account()
    account.change("BTC")
    assert dict(account.balances) == {}


def test_balances_can_be_watched_but_not_changed() -> None:
    account = Account()
    balances = account.balances
    account.change("BTC", available=1)
    assert dict(balances) == {"BTC": Balance(available=1)}
    with pytest.raises(TypeError):
        balances["BTC"] = Balance(available=2)  # type: ignore[index]


def test_an_account_remembers_its_newest_credit_references() -> None:
    account = Account()
    for index in range(REFERENCES_MAX + 1):
        account.credit("BTC", 1, f"r{index}")
    assert not account.credited("r0")
    assert account.credited("r1")
    assert account.credited(f"r{REFERENCES_MAX}")


def test_an_account_is_opened_once() -> None:
    accounts = Accounts()
    assert "ann" not in accounts
    assert accounts.get("ann") is None
    account = accounts.open("ann")
    assert accounts.open("ann") is account is accounts["ann"] is accounts.get("ann")
    assert accounts.users == ["ann"]


def test_a_credit_makes_the_account() -> None:
    venue = Venue()
    assert not venue.state.exists("ann")
    assert venue.send(Credit(user="ann", currency="BTC", amount=5, reference="r"))[1] == Done()
    assert venue.state.exists("ann")
    assert venue.state.available("ann", "BTC") == 5


def test_a_credit_with_a_reference_seen_before_does_nothing() -> None:
    venue = Venue()
    venue.send(Credit(user="ann", currency="BTC", amount=5, reference="r"))
    assert venue.send(Credit(user="ann", currency="BTC", amount=5, reference="r")) == ((), Done())
    assert venue.send(Credit(user="ann", currency="USDT", amount=7, reference="r")) == ((), Done())
    venue.send(Credit(user="ann", currency="BTC", amount=3, reference="s"))
    assert venue.state.available("ann", "BTC") == 8
    assert venue.state.available("ann", "USDT") == 0


def test_every_account_has_references_of_its_own() -> None:
    venue = Venue()
    for user in ("ann", "bob"):
        venue.send(Credit(user=user, currency="BTC", amount=5, reference="welcome"))
    assert venue.state.available("bob", "BTC") == 5


@pytest.mark.parametrize("amount", [0, -1])
def test_a_credit_must_be_positive(amount: int) -> None:
    with pytest.raises(ValueError, match="not positive"):
        Venue().send(Credit(user="ann", currency="BTC", amount=amount, reference="r"))
