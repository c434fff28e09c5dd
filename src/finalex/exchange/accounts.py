"""Accounts: who has how much, and how much of it is reserved for open orders."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from finalex.exchange.recent import Recent

FEES_USER = "@fees"
"""The account that collects all fees, so that the sum over all accounts only changes by credits and debits."""

REFERENCES_MAX = 10_000
"""How many references of credits and debits an account remembers; the oldest is forgotten first."""


class Balance(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an account has of one currency, in 10^-8; `locked` is reserved for its open orders."""

    available: int = 0
    locked: int = 0

    @property
    def total(self) -> int:
        """All of it: `available` plus `locked`."""
        return self.available + self.locked


NOTHING = Balance()


class Booking(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What came into an account from outside or, as a negative `amount`, left it: 10^-8 of `currency`."""

    currency: str
    amount: int


class SavedAccount(msgspec.Struct, frozen=True):
    """An account as a snapshot holds it, both in the order of the account."""

    balances: dict[str, Balance]
    bookings: list[tuple[str, Booking]]


class Account:
    """The balances of one user, by currency in order of first arrival, and the bookings it has had."""

    __slots__ = ("_balances", "_references")

    def __init__(self) -> None:
        self._balances: dict[str, Balance] = {}
        self._references: Recent[Booking] = Recent(REFERENCES_MAX)

    @property
    def balances(self) -> Mapping[str, Balance]:
        """A read-only view that follows every change."""
        return MappingProxyType(self._balances)

    def balance(self, currency: str) -> Balance:
        """Return what the account has of `currency`, perhaps nothing."""
        return self._balances.get(currency, NOTHING)

    def change(self, currency: str, *, available: int = 0, locked: int = 0) -> None:
        """Add the two amounts; raises `ValueError`, and changes nothing, if either balance became negative."""
        if not available and not locked:
            return
        old = self.balance(currency)
        new = Balance(old.available + available, old.locked + locked)
        if new.available < 0 or new.locked < 0:
            raise ValueError(f"a balance of {currency} would become negative: {new}")
        self._balances[currency] = new

    def enter(self, booking: Booking, reference: str) -> None:
        """Carry out `booking` and remember it by its `reference`; raises as `change` does."""
        self.change(booking.currency, available=booking.amount)
        self._references.put(reference, booking)

    def booking(self, reference: str) -> Booking | None:
        """Return the booking that had this `reference`, if it is remembered."""
        return self._references.get(reference)

    def canonical(self) -> object:
        """Return the whole account as plain lists, the same for equal accounts."""
        balances = sorted((currency, b.available, b.locked) for currency, b in self._balances.items())
        return [balances, list(self._references.items())]

    def save(self) -> SavedAccount:
        """Return the whole account; it follows no later change."""
        return SavedAccount(dict(self._balances), list(self._references.items()))

    def load(self, saved: SavedAccount) -> None:
        """Take over, into a new account, what `save` returned."""
        self._balances.update(saved.balances)
        for reference, booking in saved.bookings:
            self._references.put(reference, booking)


class Accounts:
    """All accounts by user; an account comes into being when it first receives something."""

    def __init__(self) -> None:
        self._by_user: dict[str, Account] = {}

    def __getitem__(self, user: str) -> Account:
        return self._by_user[user]

    def __contains__(self, user: str) -> bool:
        return user in self._by_user

    @property
    def users(self) -> list[str]:
        """Everyone who has an account, in the order they got it."""
        return list(self._by_user)

    def get(self, user: str) -> Account | None:
        """Return the account of `user`, if there is one."""
        return self._by_user.get(user)

    def open(self, user: str) -> Account:
        """Return the account of `user`, made now if there was none."""
        account = self._by_user.get(user)
        if account is None:
            account = self._by_user[user] = Account()
        return account

    def canonical(self) -> object:
        """Return everything as plain lists, the same for equal accounts."""
        return [(user, account.canonical()) for user, account in sorted(self._by_user.items())]

    def save(self) -> dict[str, SavedAccount]:
        """Return everything, in the order in which the accounts came into being; it follows no later change."""
        return {user: account.save() for user, account in self._by_user.items()}

    def load(self, saved: Mapping[str, SavedAccount]) -> None:
        """Take over, while there are no accounts, what `save` returned."""
        for user, account in saved.items():
            self.open(user).load(account)
