"""What the private channels have in common: streams of a user, with or without a filter by symbol, and numbers."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from finalex.exchange.order import Order
from finalex.protocol.streams import Stream

STREAMS_CACHED_MAX = 4096
"""Pairs of streams kept ready; more are made anew each time."""


@lru_cache(STREAMS_CACHED_MAX)
def user_streams(channel: str, user: str, symbol: str) -> tuple[Stream, Stream]:
    """Return the streams that a message about `symbol` belongs to: that of all symbols, and that of this one."""
    return Stream(channel, user=user), Stream(channel, symbol, user=user)


class OpenOrders(Protocol):
    """Whoever knows the open orders."""

    def open_orders(self, user: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders of `user`, oldest first, of one symbol or of all."""
        ...


class Counts:
    """How many messages each account has had on its private channels; a message's number is its `sequence`.

    They are counted in the order in which they are published, whether or not anybody listens.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, user: str) -> int:
        """Count one more message of `user`, and return its number."""
        number = self._counts[user] = self._counts.get(user, 0) + 1
        return number

    def last(self, user: str) -> int:
        """Return the number of the last message of `user`, 0 before the first."""
        return self._counts.get(user, 0)

    def save(self) -> dict[str, int]:
        """Return everything; it follows no later change."""
        return dict(self._counts)

    def load(self, saved: Mapping[str, int]) -> None:
        """Take over what `save` returned."""
        self._counts.update(saved)
