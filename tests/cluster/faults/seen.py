"""What a client under faults was told, in the form in which it is compared with the log."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

Message = dict[str, Any]

CHANNELS = ("trades", "orders", "user_trades")
"""Streams of which a client must see every message once, in order, whatever happens to its connections."""

SYMBOL = "BTC/USDT"
DEPTH = 20


class Account(NamedTuple):
    """A user, a token of it, and the address at which its client finds the exchange."""

    user: str
    token: str
    url: str


def plain(data: object) -> Any:
    """Return the data of a message as it is on the wire."""
    return msgspec.json.decode(msgspec.json.encode(data))


@dataclass
class Seen:
    """What one client was told since the last time that it was asked.

    `placed` has the order id, and `refused` the reason, of each order with a known outcome by its `client_order_id`;
    `abandoned` the orders that were refused for the moment, by which nothing may have happened; `canceled` the ids of
    orders whose cancel was acknowledged. `book` and `balances` are what the client has now, `gaps` what it says that
    it has missed.
    """

    user: str
    placed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)
    told: dict[str, list[Message]] = field(default_factory=lambda: {channel: [] for channel in CHANNELS})
    book: Message = field(default_factory=dict)
    balances: list[Message] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Expected:
    """What a client must have been told since the last time, once all that is in the log has reached it."""

    told: dict[str, list[Message]]
    book: Message
    balances: list[Message]


class Clients(Protocol):
    """Clients of one SDK, which trade all the time but while they rest."""

    @property
    def users(self) -> list[str]:
        """Whose they are."""
        ...

    async def go(self) -> None:
        """Trade."""
        ...

    async def rest(self) -> None:
        """Stop trading, and return once the outcome of everything that was asked is known."""
        ...

    async def take(self, expected: dict[str, Expected]) -> list[Seen]:
        """Wait until everybody has seen as much as is `expected`, for a while at most; return what they have seen."""
        ...
