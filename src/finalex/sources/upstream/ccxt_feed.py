"""Upstreams by means of ccxt, which speaks with more than a hundred exchanges.

ccxt keeps the books: it takes the snapshot, applies the updates, checks their sequence and checksums, and raises when
they do not fit. What it hands out is its own book as it is then, in floats; see `numerals` for why that is exact.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from finalex.model.orders import Side
from finalex.sources.upstream.connections import Connections
from finalex.sources.upstream.mirror import LEVELS_MAX
from finalex.sources.upstream.numerals import decimal_text
from finalex.sources.upstream.port import FeedError, LevelText, MarketBook, MarketTrade, UpstreamError

KEEP_ALIVE_MS_MAX = 10_000
"""A connection is asked at least so often whether it is still there; two answers that do not come end it."""

REASON_LENGTH_MAX = 200

T = TypeVar("T")

_ABILITIES = ("watchOrderBook", "watchTrades")


def open_feed(name: str) -> "CcxtFeed":
    """Return the exchange that ccxt calls `name`, not connected yet; within an event loop.

    Raises `UpstreamError` if ccxt is not installed, or cannot stream the books and trades of such an exchange.
    """
    try:
        library = import_module("ccxt.pro")
    except ImportError:
        raise UpstreamError(
            "An upstream needs the library ccxt, which is not installed: pip install 'finalex[upstream]'."
        ) from None
    if name not in library.exchanges:
        raise UpstreamError(f"ccxt can stream no exchange '{name}', but: {', '.join(library.exchanges)}.")
    return CcxtFeed(getattr(library, name)({"newUpdates": True}))


class CcxtFeed:
    """One exchange of ccxt, `exchange`, as a `MarketFeed`.

    A symbol is the spot market that ccxt calls so, or else the linear perpetual whose contract is one of its base.
    Raises `UpstreamError` for an exchange that does not stream books and trades.
    """

    def __init__(self, exchange: Any) -> None:
        self.name: str = exchange.id
        self._exchange = exchange
        self._connections = Connections(exchange)
        self._markets: dict[str, str] = {}
        lacking = [ability for ability in _ABILITIES if not exchange.has.get(ability)]
        if lacking:
            raise UpstreamError(f"ccxt cannot {' and '.join(lacking)} of '{self.name}'.")
        keep_alive_ms = exchange.streaming.get("keepAlive") or KEEP_ALIVE_MS_MAX
        exchange.streaming = {**exchange.streaming, "keepAlive": min(keep_alive_ms, KEEP_ALIVE_MS_MAX)}

    async def open(self, symbols: Collection[str]) -> Collection[str]:
        """See `MarketFeed.open`."""
        markets = await self._ask(self._exchange.load_markets)
        try:
            found = {symbol: _market_of(symbol, markets) for symbol in symbols}
        except Exception as error:
            raise FeedError(f"the markets cannot be read: {_explain(error)}") from None
        self._markets = {symbol: market for symbol, market in found.items() if market is not None}
        return self._markets.keys()

    def books(self, symbol: str) -> AsyncGenerator[MarketBook, None]:
        """See `MarketFeed.books`."""
        return self._stream(self._exchange.watch_order_book, symbol, _read_book)

    def trades(self, symbol: str) -> AsyncGenerator[Sequence[MarketTrade], None]:
        """See `MarketFeed.trades`."""
        return self._stream(self._exchange.watch_trades, symbol, _read_trades)

    async def close(self) -> None:
        """See `MarketFeed.close`."""
        self._exchange.open = _refuse_to_open  # ccxt may be fetching a book still, which would open everything again
        await self._exchange.close()

    async def _stream(self, watch: Any, symbol: str, read: Callable[[Any], T]) -> AsyncGenerator[T, None]:
        """Yield what `watch` returns, again and again, as `read` understands it."""
        while True:
            found = await self._ask(watch, self._markets[symbol])
            try:
                taken = read(found)
            except Exception as error:
                raise FeedError(f"what it sends cannot be read: {_explain(error)}") from None
            yield taken
            if self._connections.lost():
                raise FeedError("the connection was lost")

    async def _ask(self, method: Any, *arguments: str) -> Any:
        """Return what a method of ccxt does; whatever it raises becomes a `FeedError`."""
        try:
            return await method(*arguments)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise FeedError("the connection was closed") from None  # ccxt cancels what waits for a client that it ends
        except Exception as error:
            raise FeedError(_explain(error)) from None


def _refuse_to_open() -> None:
    raise FeedError("the exchange was closed")


def _market_of(symbol: str, markets: Mapping[str, Any]) -> str | None:
    """Return what ccxt calls the market of `symbol`, if there is one."""
    if symbol in markets:
        return symbol
    perpetual = f"{symbol}:{symbol.partition('/')[2]}"
    market = markets.get(perpetual)
    return perpetual if market is not None and market.get("contractSize") == 1 else None


def _read_book(book: Mapping[str, Any]) -> MarketBook:
    return MarketBook(
        bids=_read_levels(book["bids"]),
        asks=_read_levels(book["asks"]),
        time_ms=_whole(book.get("timestamp")),
        number=_whole(book.get("nonce")),
    )


def _read_levels(levels: Sequence[Sequence[object]]) -> list[LevelText]:
    return [(decimal_text(level[0]), decimal_text(level[1])) for level in islice(levels, LEVELS_MAX)]


def _read_trades(trades: Sequence[Mapping[str, Any]]) -> list[MarketTrade]:
    return [_read_trade(trade) for trade in trades]


def _read_trade(trade: Mapping[str, Any]) -> MarketTrade:
    name, side = trade.get("id"), trade.get("side")
    return MarketTrade(
        id="" if name is None else str(name),
        price=decimal_text(trade.get("price")),
        quantity=decimal_text(trade.get("amount")),
        side=Side(side) if side in ("buy", "sell") else None,
        time_ms=_whole(trade.get("timestamp")),
    )


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:REASON_LENGTH_MAX]
