"""What a watcher sees of a server, over lost connections too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from finalex.client import ConnectionFailedError, RequestFailedError, State
from finalex.client.testing import FakeServer
from finalex.terminal.market_view import MarketView
from finalex.terminal.watch import Watcher
from support.server import serving
from terminal.market import NOON_MS, SYMBOL
from terminal.waiting import until


@asynccontextmanager
async def watching(server: FakeServer) -> AsyncIterator[tuple[MarketView, Watcher]]:
    watcher = Watcher(MarketView(SYMBOL, "1m"), 20)
    async with watcher.following("ws://test", server.open):
        yield watcher.view, watcher


async def test_everything_that_comes_is_on_the_view() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {"101.00": "2"})
    server.ticker(SYMBOL, "100.00")
    server.candle(SYMBOL, "1m", NOON_MS, "100.00")
    server.trade(SYMBOL, "100.00", "0.5")
    async with watching(server) as (view, _):
        await until(lambda: bool(view.bids and view.ticker and view.candles and view.trades))
        server.change_book(SYMBOL, "buy", "99.50", "3")
        server.trade(SYMBOL, "100.50", "0.5")
        await until(lambda: len(view.bids) == len(view.trades) == 2)

    assert view.bids == [("99.50", "3"), ("99.00", "1")]
    assert view.asks == [("101.00", "2")]
    assert [trade.price for trade in view.trades] == ["100.50", "100.00"]
    assert view.candles[0].close == "100.00"


async def test_a_lost_connection_shows_and_heals() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {"101.00": "2"})
    async with watching(server) as (view, watcher):
        await until(lambda: bool(view.bids))
        server.restart(after_ms=10)
        await until(lambda: not view.health.serving)
        watcher.refresh()
        assert str(view.states["orderbook"]) == State.STALE
        server.set_book(SYMBOL, {"98.00": "1"}, {"101.00": "2"})
        await until(lambda: view.bids == [("98.00", "1")])
        watcher.refresh()
        assert str(view.states["orderbook"]) == State.LIVE
        assert view.health.losses == 1


async def test_a_market_that_does_not_exist_ends_the_watch() -> None:
    async with serving(source="exchange") as server:
        watcher = Watcher(MarketView("BTC/USDC", "1m"), 20)
        async with watcher.following(server.url) as following, asyncio.timeout(20):
            with pytest.raises(RequestFailedError, match="BTC/USDC"):
                await following


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    server = FakeServer()
    server.refuse_connections(1)

    with pytest.raises(ConnectionFailedError):
        await watching(server).__aenter__()
