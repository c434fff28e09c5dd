"""One market on the whole screen, until somebody leaves."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from finalex.client.client import Client
from finalex.client.driver import monotonic_ms
from finalex.client.inbox import Policy
from finalex.client.link import Opener, picows_opener
from finalex.client.subscription import Subscription
from finalex.protocol.messages import KlineData, TickerData, TradeData
from finalex.terminal.keyboard import listening
from finalex.terminal.market_view import CANDLES_MAX, TRADES_MAX, MarketView
from finalex.terminal.observed import ObservedCore
from finalex.terminal.screen import screen

FRAME_S = 0.125
"""How often the screen is drawn."""

LEAVING_KEYS = "qQ\x1b\x03"


class Watcher:
    """Follows one market over a client, and keeps `view` up to date."""

    def __init__(self, view: MarketView, depth: int) -> None:
        self.view = view
        self.core = ObservedCore(_unheard, measuring=True)
        view.health = self.core.health
        self._depth = depth
        self._streams: dict[str, Subscription[object]] = {}

    @asynccontextmanager
    async def following(self, url: str, opener: Opener | None = None) -> AsyncIterator[asyncio.Future[Any]]:
        """Follow the market while the block lasts.

        The future has an exception when it cannot go on. Raises `ConnectionFailedError` at the beginning.
        """
        async with Client(self.core, url, opener or picows_opener(), None, None) as client:
            view, symbol = self.view, self.view.symbol
            ticker = client.ticker(symbol, policy=Policy.LATEST_ONLY)
            trades = client.trades(symbol, snapshot=TRADES_MAX, on_gap=_unheard)
            klines = client.klines(symbol, view.interval, history=CANDLES_MAX, on_gap=_unheard)
            book = client.book(symbol, self._depth)
            self._streams = {"ticker": ticker, "trades": trades, "kline": klines, "orderbook": book}  # type: ignore[dict-item]

            async def take_book() -> None:
                async for _ in book:
                    view.bids, view.asks, view.withdrawn = book.bids, book.asks, book.withdrawn

            takers = (_each(ticker, self._take_ticker), _each(trades, view.take_trade), take_book())
            gathered = asyncio.gather(*takers, _each(klines, view.take_candle))
            try:
                yield gathered
            finally:
                gathered.cancel()
                await asyncio.gather(gathered, return_exceptions=True)

    def refresh(self) -> None:
        """Take over how the subscriptions stand now."""
        self.view.states = {channel: stream.state for channel, stream in self._streams.items()}
        self.view.wait_ms = self.core.health.again_ms - monotonic_ms()

    def _take_ticker(self, ticker: TickerData) -> None:
        self.view.ticker = ticker


async def watch(url: str, symbol: str, depth: int, interval: str, console: Console) -> None:
    """Show a market until a key, Ctrl-C or SIGTERM ends it; raises `ClientError` if the server does not serve it."""
    view = MarketView(symbol, interval)
    watcher = Watcher(view, depth)
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leaving.set)

    def hear(key: str) -> None:
        if key in LEAVING_KEYS:
            leaving.set()

    async with watcher.following(url) as following:
        live = Live(console=console, screen=True, auto_refresh=False)
        with listening(hear), live:
            while not (leaving.is_set() or following.done()):
                watcher.refresh()
                live.update(screen(view, console.width, console.height), refresh=True)
                await _first(leaving.wait(), FRAME_S)
        if following.done():
            following.result()


async def _first(waiting: Awaitable[object], seconds: float) -> None:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return


async def _each(
    stream: Subscription[TradeData] | Subscription[KlineData] | Subscription[TickerData],
    take: Callable[..., None],
) -> None:
    async for item in stream:
        take(item)


def _unheard(_: object) -> None:
    """What the screen shows anyway need not be said."""
