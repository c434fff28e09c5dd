"""The client without `async`: for threads, scripts and notebooks.

    with connect("ws://localhost:8081") as client:
        for ticker in client.ticker("BTC/USDT"):
            print(ticker.price)

A thread of its own runs the asynchronous client; every method may be called from any thread, and blocks.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from finalex.client import client as asynchronous
from finalex.client.errors import ConnectionClosedError
from finalex.client.feeds import State
from finalex.client.local_book import Level
from finalex.client.subscription import Book, Subscription
from finalex.client.trading import Amount
from finalex.protocol.messages import (
    AccountData,
    KlineData,
    OrderData,
    StatusData,
    TickerData,
    TradeData,
    UserTradeData,
)
from finalex.protocol.streams import DEPTH_DEFAULT, INTERVAL_DEFAULT

T = TypeVar("T")


def connect(url: str, **options: Any) -> "SyncClient":
    """Return a client of the server at `url`, to be used as a context manager; as `finalex.client.connect`."""
    return SyncClient(asynchronous.connect(url, **options))


class _LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="finalex-client", daemon=True)
        self._thread.start()
        self._over = False

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns in the loop's thread."""

        async def run() -> T:
            return function()

        return self.wait(run())

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin with `coroutine`; its outcome comes in the future."""
        if self._over:
            coroutine.close()
            raise ConnectionClosedError("the client was closed")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what `coroutine` returns; it is cancelled if the wait is interrupted."""
        future = self.start(coroutine)
        try:
            return future.result()
        except CancelledError:
            raise ConnectionClosedError("the client was closed") from None
        finally:
            future.cancel()

    def stop(self) -> None:
        """End the thread; whoever waits is told."""
        self._over = True
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class SyncSubscription(Generic[T]):
    """Messages of one stream, in order, as an iterator that blocks; raises what the asynchronous one does."""

    def __init__(self, subscription: Subscription[T], thread: _LoopThread) -> None:
        self._subscription = subscription
        self._thread = thread
        self._pending: Future[T] | None = None

    @property
    def state(self) -> State:
        """Whether it is `live`, `stale` or `resuming`."""
        return self._subscription.state

    @property
    def dropped(self) -> int:
        """How many messages the policy has left out so far."""
        return self._subscription.dropped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self.next()

    def next(self, timeout_s: float | None = None) -> T:
        """Return the next message; raises `TimeoutError` if none comes within `timeout_s`.

        Neither that nor an interrupt loses a message: the next call goes on waiting for the same one.
        """
        pending = self._pending = self._pending or self._thread.start(self._subscription.__anext__())
        wait([pending], timeout_s)
        if not pending.done():
            raise TimeoutError(f"no message within {timeout_s} s")
        self._pending = None
        try:
            return pending.result()
        except StopAsyncIteration:
            raise StopIteration from None
        except CancelledError:
            raise ConnectionClosedError("the client was closed") from None

    def close(self) -> None:
        """End the subscription."""
        self._thread.wait(self._subscription.aclose())


class SyncBook(SyncSubscription[Book]):
    """A symbol's order book; see `finalex.client.Book`."""

    def __init__(self, book: Book, thread: _LoopThread) -> None:
        super().__init__(book, thread)
        self._book = book

    @property
    def bids(self) -> list[Level]:
        """The best levels to sell to, best first: price and quantity as decimal text."""
        return self._thread.call(lambda: self._book.bids)

    @property
    def asks(self) -> list[Level]:
        """The best levels to buy from, best first: price and quantity as decimal text."""
        return self._thread.call(lambda: self._book.asks)


class SyncClient:
    """A client that blocks; its methods are those of `finalex.client.Client`, which say what they do."""

    def __init__(self, client: asynchronous.Client) -> None:
        self._client = client
        self._thread: _LoopThread

    def __enter__(self) -> Self:
        self._thread = _LoopThread()
        try:
            self._thread.wait(self._client.__aenter__())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.wait(self._client.__aexit__(None, None, None))
        self._thread.stop()

    def ticker(self, symbol: str, **options: Any) -> SyncSubscription[TickerData]:
        """Subscribe to a symbol's ticker."""
        return self._open(lambda: self._client.ticker(symbol, **options))

    def trades(self, symbol: str, **options: Any) -> SyncSubscription[TradeData]:
        """Subscribe to a symbol's trades."""
        return self._open(lambda: self._client.trades(symbol, **options))

    def klines(self, symbol: str, interval: str = INTERVAL_DEFAULT, **options: Any) -> SyncSubscription[KlineData]:
        """Subscribe to a symbol's candles."""
        return self._open(lambda: self._client.klines(symbol, interval, **options))

    def book(self, symbol: str, depth: int = DEPTH_DEFAULT) -> SyncBook:
        """Subscribe to a symbol's order book."""
        return SyncBook(self._thread.call(lambda: self._client.book(symbol, depth)), self._thread)

    def status(self, symbol: str | None = None, **options: Any) -> SyncSubscription[StatusData]:
        """Subscribe to what a market takes, or all of them."""
        return self._open(lambda: self._client.status(symbol, **options))

    def account(self, **options: Any) -> SyncSubscription[AccountData]:
        """Subscribe to one's own balances."""
        return self._open(lambda: self._client.account(**options))

    def orders(self, **options: Any) -> SyncSubscription[OrderData]:
        """Subscribe to one's own orders."""
        return self._open(lambda: self._client.orders(**options))

    def user_trades(self, **options: Any) -> SyncSubscription[UserTradeData]:
        """Subscribe to one's own trades."""
        return self._open(lambda: self._client.user_trades(**options))

    def place_order(
        self,
        symbol: str,
        side: str,
        type: str,  # noqa: A002 (the protocol's word)
        quantity: Amount,
        price: Amount | None = None,
        **options: Any,
    ) -> OrderData:
        """Place an order and return it as it was accepted."""
        return self._thread.wait(self._client.place_order(symbol, side, type, quantity, price, **options))

    def cancel_order(self, order_id: str | None = None, **options: Any) -> list[str]:
        """Cancel an open order."""
        return self._thread.wait(self._client.cancel_order(order_id, **options))

    def cancel_all_orders(self, symbol: str | None = None, **options: Any) -> list[str]:
        """Cancel all open orders."""
        return self._thread.wait(self._client.cancel_all_orders(symbol, **options))

    def cancel_on_disconnect(self, enabled: bool = True, **options: Any) -> None:
        """Have the server cancel open orders whenever a connection ends, or stop that."""
        self._thread.wait(self._client.cancel_on_disconnect(enabled, **options))

    def _open(self, subscribe: Callable[[], Subscription[T]]) -> SyncSubscription[T]:
        return SyncSubscription(self._thread.call(subscribe), self._thread)
