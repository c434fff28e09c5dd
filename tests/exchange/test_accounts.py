import pytest

from finalex.exchange.accounts import REFERENCES_MAX, Account, Accounts, Balance, Booking


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


def test_an_account_remembers_its_newest_bookings() -> None:
    account = Account()
    for index in range(REFERENCES_MAX + 1):
        account.enter(Booking("BTC", 1 + index), f"r{index}")
    assert account.booking("r0") is None
    assert account.booking("r1") == Booking("BTC", 2)
    assert account.booking(f"r{REFERENCES_MAX}") == Booking("BTC", 1 + REFERENCES_MAX)


def test_an_account_is_opened_once() -> None:
    accounts = Accounts()
    assert "ann" not in accounts
    assert accounts.get("ann") is None
    account = accounts.open("ann")
    assert accounts.open("ann") is account is accounts["ann"] is accounts.get("ann")
    assert accounts.users == ["ann"]
