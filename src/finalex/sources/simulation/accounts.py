"""The accounts of simulated traders: real accounts of the exchange, with more than they can ever spend."""

from collections.abc import Iterable, Mapping

from finalex.model.commands import Command, Credit

PREFIX = "sim-"
"""Every simulated trader's user name starts with this; no other user's should."""

BALANCE_MIN = 10**9 * 10**8
BALANCE_MAX = 4 * 10**10 * 10**8
"""What a trader has of a currency at the start, in 10^-8: the most leaves room to win as much again."""

BALANCE_VALUE = 10**9
"""What it is worth in USDT, unless it would be less than the least or more than the most."""

TAKERS = tuple(f"{PREFIX}taker-{number}" for number in range(1, 5))
"""The accounts that take in every market and never rest an order."""

ARBITRAGEUR = f"{PREFIX}arbitrageur-1"


def maker_name(number: int) -> str:
    """Return the user name of a maker; each market has its own makers."""
    return f"{PREFIX}maker-{number}"


def trader_name(number: int) -> str:
    """Return the user name of somebody who sometimes rests an order; each market has its own two."""
    return f"{PREFIX}trader-{number}"


def balance(value: float) -> int:
    """Return how much (10^-8) a trader has of a currency of this value in USDT."""
    return min(BALANCE_MAX, max(BALANCE_MIN, int(BALANCE_VALUE / value * 10**8)))


def credits_of(users: Iterable[str], balances: Mapping[str, int]) -> list[Command]:
    """Return the commands that give each user `balances` (by currency), once and for all."""
    return [
        Credit(user=user, currency=currency, amount=amount, reference=f"simulation:{user}:{currency}")
        for user in users
        for currency, amount in balances.items()
    ]
