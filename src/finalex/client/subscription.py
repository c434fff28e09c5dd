"""Subscriptions as a user of the client has them: asynchronous iterators."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, cast

from finalex.client.errors import Gap, GapError
from finalex.client.feeds import BookFeed, Feed, State
from finalex.client.inbox import Inbox
from finalex.client.local_book import Level

T = TypeVar("T")

OnGap = Callable[[Gap], object]
"""Called with a gap, at its place among the messages."""


class Delivery:
    """The way from the client to one subscription; it outlives neither."""

    __slots__ = ("arrived", "end", "inbox")

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.arrived = asyncio.Event()
        self.end: Exception | None = None

    def put(self, item: object) -> None:
        """Hand over a message or a gap."""
        self.inbox.put(item)
        self.arrived.set()

    def finish(self, end: Exception) -> None:
        """Let the iteration end, after what waits, with an error; or in order, if it is a `StopAsyncIteration`."""
        self.end = end
        self.arrived.set()


class Host(Protocol):
    """The client, as its subscriptions know it."""

    def unsubscribe(self, key: int) -> None:
        """End a subscription."""

    def relieve(self) -> None:
        """Look again whether there is room for more."""


class Subscription(Generic[T]):
    """Messages of one stream, in order, as an asynchronous iterator.

    Iterating raises `GapError` where messages are missing for good, unless there is `on_gap`; a further step goes on
    behind it. It raises `RequestFailedError` if the server refuses the subscription, `UnreadableMessageError` if a
    message cannot be read and asking again did not help, and `ConnectionClosedError` when the client has ended, after
    what came before. A subscription that nobody holds any more is ended.
    """

    def __init__(self, feed: Feed, delivery: Delivery, host: Host, on_gap: OnGap | None) -> None:
        self._feed = feed
        self._delivery = delivery
        self._host = host
        self._on_gap = on_gap
        self._gaps = 0

    @property
    def state(self) -> State:
        """Whether it is `live`, `stale` (the connection is lost or lags) or `resuming`."""
        return self._feed.state

    @property
    def dropped(self) -> int:
        """How many messages the policy has left out so far."""
        return self._delivery.inbox.dropped

    @property
    def gaps(self) -> int:
        """How many gaps the iteration has come to so far."""
        return self._gaps

    @property
    def waiting(self) -> int:
        """How many messages have come and were not taken yet."""
        return len(self._delivery.inbox)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return cast("T", await self._next())

    async def aclose(self) -> None:
        """End the subscription; iterating ends at once. Again does nothing."""
        self._host.unsubscribe(self._feed.key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _next(self) -> object:
        delivery = self._delivery
        while True:
            while not len(delivery.inbox):
                if delivery.end is not None:
                    raise delivery.end
                delivery.arrived.clear()
                await delivery.arrived.wait()
            full = delivery.inbox.blocks
            item = delivery.inbox.take()
            if full:
                self._host.relieve()
            if not isinstance(item, Gap):
                return item
            self._gaps += 1
            if self._on_gap is None:
                raise GapError(item)
            self._on_gap(item)


class Book(Subscription["Book"]):
    """A symbol's order book, kept complete by itself: an update that is missing is noticed and healed.

    As an iterator it yields itself whenever the book has changed, changes that came together once. The book is as of
    the last message received, also between two steps of an iteration; it is whole while `state` is `live`.
    """

    _feed: BookFeed

    async def __anext__(self) -> "Book":
        await self._next()
        return self

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self._feed.stream.symbol

    @property
    def bids(self) -> list[Level]:
        """The best levels to sell to, best first: price and quantity as decimal text."""
        return self._feed.book.bids.best(self._feed.stream.depth)

    @property
    def asks(self) -> list[Level]:
        """The best levels to buy from, best first: price and quantity as decimal text."""
        return self._feed.book.asks.best(self._feed.stream.depth)

    @property
    def best_bid(self) -> Level | None:
        """The best level to sell to; `None` on an empty side."""
        return next(iter(self._feed.book.bids.best(1)), None)

    @property
    def best_ask(self) -> Level | None:
        """The best level to buy from; `None` on an empty side."""
        return next(iter(self._feed.book.asks.best(1)), None)

    @property
    def sequence(self) -> int:
        """The server's number of the last change in the book."""
        return self._feed.book.sequence

    @property
    def timestamp(self) -> int:
        """When the book last changed, in milliseconds since 1970."""
        return self._feed.book.timestamp

    @property
    def withdrawn(self) -> bool:
        """Whether the market has lost its source, so that the book is empty until it is back."""
        return self._feed.book.stale

    @property
    def breaks(self) -> int:
        """How often an update was missing, and a new snapshot was asked for."""
        return self._feed.book.breaks
