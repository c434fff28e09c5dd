"""Subscriptions of a client: market data and what happens to one's account."""

import asyncio
import contextlib
import weakref
from operator import attrgetter
from typing import TypeVar

from finalex.client.driver import monotonic_ms
from finalex.client.feeds import Feed
from finalex.client.inbox import INBOX_MAX, Inbox, LatestInbox, Policy
from finalex.client.life import Life
from finalex.client.subscription import Book, Delivery, OnGap, Subscription
from finalex.protocol.messages import (
    AccountData,
    KlineData,
    OrderData,
    StatusData,
    TickerData,
    TradeData,
    UserTradeData,
)
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS, HISTORY_MAX, INTERVAL_DEFAULT, INTERVALS, Stream

T = TypeVar("T")


class Watching(Life):
    """Streams of messages, each of which goes on over the next connection when one is lost."""

    def ticker(
        self, symbol: str, *, policy: Policy = Policy.BLOCK, inbox_max: int = INBOX_MAX, on_gap: OnGap | None = None
    ) -> Subscription[TickerData]:
        """Subscribe to a symbol's ticker: the present one at once, then every change, at most some ten a second.

        After a lost connection the present one comes; what was between is not told.
        """
        return self._subscribe(Stream("ticker", symbol), 0, Inbox(policy, inbox_max), on_gap)

    def trades(
        self,
        symbol: str,
        *,
        snapshot: int = 1,
        policy: Policy = Policy.BLOCK,
        inbox_max: int = INBOX_MAX,
        on_gap: OnGap | None = None,
    ) -> Subscription[TradeData]:
        """Subscribe to a symbol's trades: the last `snapshot` (1 to 1000) first, then every one, in order.

        The ids grow by 1. After a lost connection those that were missed come first; if they are too long ago, there
        is a gap, and `snapshot` trades.
        """
        return self._subscribe(Stream("trades", symbol), snapshot, Inbox(policy, inbox_max), on_gap)

    def klines(
        self,
        symbol: str,
        interval: str = INTERVAL_DEFAULT,
        *,
        history: int = 0,
        policy: Policy = Policy.BLOCK,
        inbox_max: int = INBOX_MAX,
        on_gap: OnGap | None = None,
    ) -> Subscription[KlineData]:
        """Subscribe to a symbol's candles: the last `history` (0 to 1000) closed ones, then the one that runs.

        Every candle comes once more when it has closed, in order and also after a lost connection. `interval` is one
        of `1m` to `1M`; raises `ValueError` for another.
        """
        if interval not in INTERVALS:
            raise ValueError(f"interval must be one of {', '.join(INTERVALS)}")
        return self._subscribe(Stream("kline", symbol, interval=interval), history, Inbox(policy, inbox_max), on_gap)

    def book(self, symbol: str, depth: int = DEPTH_DEFAULT) -> Book:
        """Subscribe to the best `depth` levels of a symbol's order book, kept complete locally.

        `depth` is 5, 10, 20, 50, 100, 200, 500 or 1000; raises `ValueError` for another.
        """
        if depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}")
        feed, delivery = self._ask(Stream("orderbook", symbol, depth=depth), 0, Inbox(Policy.LATEST_ONLY))
        book = Book(feed, delivery, self, None)
        self._watch(book, feed.key)
        return book

    def status(
        self,
        symbol: str | None = None,
        *,
        policy: Policy = Policy.BLOCK,
        inbox_max: int = INBOX_MAX,
        on_gap: OnGap | None = None,
    ) -> Subscription[StatusData]:
        """Subscribe to what a market takes, or all of them: the present status of each at once, then every change.

        `state` is `open`, `post_only`, `cancel_only` or `halted`, `book` is `live` or `withdrawn`. After a lost
        connection the present ones come; what was between is not told. `Policy.LATEST_ONLY` keeps the newest of each
        market. Markets are subscribed to one by one or all at once, not both.
        """
        latest = policy is Policy.LATEST_ONLY
        inbox = LatestInbox(attrgetter("symbol")) if latest else Inbox(policy, inbox_max)
        return self._subscribe(Stream("status", symbol or ""), 0, inbox, on_gap)

    # --- one's own --------------------------------------------------------------------------------------

    def account(
        self, *, policy: Policy = Policy.BLOCK, inbox_max: int = INBOX_MAX, on_gap: OnGap | None = None
    ) -> Subscription[AccountData]:
        """Subscribe to one's own balances: all of them at once and on every change.

        After a lost connection the present ones come; what was between is not told.
        """
        return self._subscribe(Stream("account"), 0, Inbox(policy, inbox_max), on_gap)

    def orders(
        self, *, policy: Policy = Policy.BLOCK, inbox_max: int = INBOX_MAX, on_gap: OnGap | None = None
    ) -> Subscription[OrderData]:
        """Subscribe to one's own orders: those open, oldest first, then every change of any, in order.

        After a lost connection the changes that were missed come first; if they are too long ago, there is a gap, and
        the orders open now.
        """
        return self._subscribe(Stream("orders"), 0, Inbox(policy, inbox_max), on_gap)

    def user_trades(
        self,
        *,
        snapshot: int = 1,
        policy: Policy = Policy.BLOCK,
        inbox_max: int = INBOX_MAX,
        on_gap: OnGap | None = None,
    ) -> Subscription[UserTradeData]:
        """Subscribe to one's own trades of all symbols; as `trades`."""
        return self._subscribe(Stream("user_trades"), snapshot, Inbox(policy, inbox_max), on_gap)

    # --- how it is done --------------------------------------------------------------------------------

    def unsubscribe(self, key: int) -> None:
        """See `Host.unsubscribe`."""
        driver = self._open_driver
        driver.carry_out(self._core.unsubscribe(key))
        delivery = driver.deliveries.pop(key, None)
        if delivery is not None:
            delivery.inbox.clear()
            delivery.finish(StopAsyncIteration())
            driver.relieve()

    def relieve(self) -> None:
        """See `Host.relieve`."""
        self._open_driver.relieve()

    def _subscribe(self, stream: Stream, past: int, inbox: Inbox, on_gap: OnGap | None) -> Subscription[T]:
        feed, delivery = self._ask(stream, past, inbox)
        subscription: Subscription[T] = Subscription(feed, delivery, self, on_gap)
        self._watch(subscription, feed.key)
        return subscription

    def _ask(self, stream: Stream, past: int, inbox: Inbox) -> tuple[Feed, Delivery]:
        if not 0 <= past <= HISTORY_MAX:
            raise ValueError(f"the past is at most {HISTORY_MAX} messages long")
        driver = self._open_driver
        if driver.failure is not None:
            raise driver.failure
        feed, effects = self._core.subscribe(stream, past, monotonic_ms())
        driver.deliveries[feed.key] = delivery = Delivery(inbox)
        driver.carry_out(effects)
        driver.relieve()
        return feed, delivery

    def _watch(self, subscription: object, key: int) -> None:
        """End a subscription when nobody holds it any more."""
        loop = asyncio.get_running_loop()
        weakref.finalize(subscription, _abandon, loop, self, key).atexit = False


def _abandon(loop: asyncio.AbstractEventLoop, client: Watching, key: int) -> None:
    """End a subscription that nobody holds any more; garbage may be collected in any thread."""
    with contextlib.suppress(RuntimeError):  # the loop is closed, and with it everything
        loop.call_soon_threadsafe(client.unsubscribe, key)
