"""The client as bots written for ccxt expect it: `watch_…` methods that return the next news, and ccxt's structures.

    exchange = Exchange({"url": "ws://localhost:8081", "token": token})  # instead of ccxt.pro.binance({…})
    while True:
        book = await exchange.watch_order_book("BTC/USDT")

Everything that `finalex.client` promises holds: it reconnects, and a message that is missing for good raises
`GapError`. Other errors are those of `finalex.client`, too.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, TypeVar

from finalex.client.client import Client, connect
from finalex.client.subscription import Book, Subscription
from finalex.client.unified_structures import (
    Structure,
    unified_balance,
    unified_book,
    unified_candle,
    unified_order,
    unified_own_trade,
    unified_ticker,
    unified_trade,
)
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS

T = TypeVar("T")


class Exchange:
    """A client with ccxt's unified methods; it connects with the first of them, and `close` ends it.

    `config` holds `url`, and `token` or `apiKey`; other keys are options of `finalex.client.connect`. Each stream is
    for one task: two that watch the same one share its news. Methods that return lists return what is new since the
    call before, at least one item, oldest first; `since` (milliseconds) and `limit` (the newest so many) narrow that.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        options = dict(config)
        url, api_key = options.pop("url"), options.pop("apiKey", None)
        self._client = connect(url, api_key=api_key, **options)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._open = False
        self._subscriptions: dict[tuple[str, ...], Any] = {}

    async def close(self) -> None:
        """End the connection."""
        self._subscriptions.clear()
        await self._stack.aclose()

    # --- market data ------------------------------------------------------------------------------------

    async def watch_ticker(self, symbol: str, params: Mapping[str, Any] | None = None) -> Structure:  # noqa: ARG002
        """Return the next ticker of a symbol; of several that wait the newest."""
        client = await self._connected()
        return unified_ticker((await self._news(("ticker", symbol), lambda: client.ticker(symbol)))[-1])

    async def watch_order_book(
        self,
        symbol: str,
        limit: int | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> Structure:
        """Return a symbol's order book when it has changed, with at most `limit` levels a side."""
        client, levels = await self._connected(), limit or DEPTH_DEFAULT
        depth = next((depth for depth in DEPTHS if depth >= levels), DEPTHS[-1])
        book: Book = self._subscription(("book", symbol), lambda: client.book(symbol, depth))
        await anext(book)
        return unified_book(symbol, book.bids[:levels], book.asks[:levels], book.timestamp, book.sequence)

    async def watch_trades(
        self,
        symbol: str,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> list[Structure]:
        """Return a symbol's new trades."""
        client = await self._connected()
        news = self._watching(("trades", symbol), lambda: client.trades(symbol), unified_trade)
        return await _narrowed(news, None, since, limit)

    async def watch_ohlcv(
        self,
        symbol: str,
        timeframe: str = "1m",
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> list[list[float]]:
        """Return a symbol's candles that have changed, each as it is now."""
        client = await self._connected()
        while True:
            news = await self._news(("kline", symbol, timeframe), lambda: client.klines(symbol, timeframe))
            candles = {data.open_time: unified_candle(data) for data in news if data.open_time >= (since or 0)}
            if candles:
                return list(candles.values())[-(limit or len(candles)) :]

    # --- one's own --------------------------------------------------------------------------------------

    async def watch_balance(self, params: Mapping[str, Any] | None = None) -> Structure:  # noqa: ARG002
        """Return one's balances when they have changed."""
        client = await self._connected()
        return unified_balance((await self._news(("account",), client.account))[-1])

    async def watch_orders(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> list[Structure]:
        """Return the changes of one's orders; those of other symbols are left out."""
        client = await self._connected()
        return await _narrowed(self._watching(("orders",), client.orders, unified_order), symbol, since, limit)

    async def watch_my_trades(
        self,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> list[Structure]:
        """Return one's new trades; those of other symbols are left out."""
        client = await self._connected()
        return await _narrowed(
            self._watching(("user_trades",), client.user_trades, unified_own_trade), symbol, since, limit
        )

    # --- orders -----------------------------------------------------------------------------------------

    async def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 (ccxt's word)
        side: str,
        amount: float | str | Decimal,
        price: float | str | Decimal | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Structure:
        """Place an order and return it as it was accepted; a float means the shortest decimal that reads as it.

        `params` may hold `clientOrderId`, `timeInForce` and `postOnly`. See `Client.place_order` for what is raised.
        """
        client, more = await self._connected(), params or {}
        placed = await client.place_order(
            symbol,
            side,
            type,
            _exact(amount),
            None if price is None else _exact(price),
            time_in_force=more.get("timeInForce"),
            post_only=bool(more.get("postOnly", False)),
            client_order_id=more.get("clientOrderId"),
        )
        return unified_order(placed)

    async def cancel_order(
        self,
        id: str,  # noqa: A002 (ccxt's word)
        symbol: str | None = None,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 (ccxt's signature)
    ) -> Structure:
        """Cancel an open order; return what is known of it: its `id`, `symbol` and that its `status` is `canceled`."""
        canceled = await (await self._connected()).cancel_order(id)
        status = "canceled" if id in canceled else None
        return {"id": id, "symbol": symbol, "status": status, "info": {"order_ids": canceled}}

    watchTicker, watchOrderBook, watchTrades, watchOHLCV = watch_ticker, watch_order_book, watch_trades, watch_ohlcv  # noqa: N815
    watchBalance, watchOrders, watchMyTrades = watch_balance, watch_orders, watch_my_trades  # noqa: N815
    createOrder, cancelOrder = create_order, cancel_order  # noqa: N815

    # --- how it is done ---------------------------------------------------------------------------------

    async def _connected(self) -> Client:
        async with self._opening:
            if not self._open:
                await self._stack.enter_async_context(self._client)
                self._open = True
        return self._client

    def _subscription(self, name: tuple[str, ...], subscribe: Callable[[], T]) -> T:
        subscription: T | None = self._subscriptions.get(name)
        if subscription is None:
            subscription = self._subscriptions[name] = subscribe()
        return subscription

    async def _news(self, name: tuple[str, ...], subscribe: Callable[[], Subscription[T]]) -> list[T]:
        """Return what waits in a subscription, at least one message."""
        subscription = self._subscription(name, subscribe)
        news = [await anext(subscription)]
        while subscription.waiting:
            news.append(await anext(subscription))
        return news

    def _watching(
        self, name: tuple[str, ...], subscribe: Callable[[], Subscription[T]], structure: Callable[[T], Structure]
    ) -> Callable[[], Any]:
        async def news() -> list[Structure]:
            return [structure(data) for data in await self._news(name, subscribe)]

        return news


async def _narrowed(
    news: Callable[[], Any], symbol: str | None, since: int | None, limit: int | None
) -> list[Structure]:
    """Wait for news of `symbol` that are not older than `since`; return the newest `limit`."""
    while True:
        items: Iterable[Structure] = await news()
        kept = [item for item in items if symbol in (None, item["symbol"]) and item["timestamp"] >= (since or 0)]
        if kept:
            return kept[-(limit or len(kept)) :]


def _exact(number: float | str | Decimal) -> str | Decimal:
    return number if isinstance(number, str | Decimal) else Decimal(str(number))
