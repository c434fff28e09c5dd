"""The conventions of ccxt: its methods and structures, on our client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from client.doubled import FAST, SYMBOL
from finalex.client import OrderRejectedError
from finalex.client.testing import FakeServer
from finalex.client.unified import Exchange

FIELDS = {
    "ticker": "symbol info timestamp datetime high low bid bidVolume ask askVolume vwap open close last previousClose "
    "change percentage average quoteVolume baseVolume indexPrice markPrice",
    "trade": "info amount datetime id order price timestamp type side symbol takerOrMaker cost fee fees",
    "order": "id clientOrderId datetime timestamp lastTradeTimestamp lastUpdateTimestamp status symbol type "
    "timeInForce side price average amount filled remaining stopPrice triggerPrice takeProfitPrice stopLossPrice cost "
    "trades fee fees reduceOnly postOnly marginMode leverage info",
    "book": "asks bids datetime timestamp nonce symbol",
}
"""The fields of the structures in `ccxt.base.types` of ccxt 4.5; its order there leaves out `info`."""


@asynccontextmanager
async def exchange(server: FakeServer) -> AsyncIterator[Exchange]:
    venue = Exchange({"url": "ws://test", "token": "any", "opener": server.open, "backoff": FAST})
    try:
        async with asyncio.timeout(20):
            yield venue
    finally:
        await venue.close()


def check(structure: dict[str, Any], kind: str) -> None:
    assert set(structure) == set(FIELDS[kind].split())


async def test_a_ticker_has_ccxt_s_fields() -> None:
    server = FakeServer()
    server.ticker(SYMBOL, "110.00", change_24h="10.00", change_percent_24h="10.00", volume_24h="2", ask="0.00")
    async with exchange(server) as venue:
        ticker = await venue.watch_ticker(SYMBOL)
    check(ticker, "ticker")
    assert (ticker["last"], ticker["open"], ticker["percentage"], ticker["ask"]) == (110.0, 100.0, 10.0, None)
    assert ticker["datetime"] == "1970-01-01T00:00:00.000Z"


async def test_a_book_has_ccxt_s_fields_and_as_many_levels_as_asked_for() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1", "98.00": "2"}, {"101.00": "3"})
    async with exchange(server) as venue:
        book = await venue.watch_order_book(SYMBOL, limit=1)
        check(book, "book")
        assert (book["bids"], book["asks"]) == ([[99.0, 1.0]], [[101.0, 3.0]])
        server.change_book(SYMBOL, "buy", "99.50", "4")
        assert (await venue.watchOrderBook(SYMBOL, 1))["bids"] == [[99.5, 4.0]]


async def test_trades_are_those_since_the_call_before() -> None:
    server = FakeServer()
    async with exchange(server) as venue:
        server.trade(SYMBOL, "100.00", "0.5")
        (first,) = await venue.watch_trades(SYMBOL)
        check(first, "trade")
        assert (first["id"], first["price"], first["amount"], first["cost"]) == ("1", 100.0, 0.5, 50.0)
        assert (first["fee"], first["fees"]) == (None, [])
        server.trade(SYMBOL, "101.00", "1")
        assert [trade["id"] for trade in await venue.watch_trades(SYMBOL)] == ["2"]


async def test_candles_are_lists_each_as_it_is_now() -> None:
    server = FakeServer()
    server.candle(SYMBOL, "5m", 300_000, "2.00")
    async with exchange(server) as venue:
        assert await venue.watch_ohlcv(SYMBOL, "5m") == [[300_000, 2.0, 2.0, 2.0, 2.0, 1.0]]


async def test_balances_are_by_currency_and_by_kind() -> None:
    server = FakeServer()
    server.account(BTC="1.5", USDT="100")
    async with exchange(server) as venue:
        balance = await venue.watch_balance()
    assert balance["BTC"] == {"free": 1.5, "used": 0.0, "total": 1.5}
    assert balance["free"] == balance["total"] == {"BTC": 1.5, "USDT": 100.0}
    assert balance["used"] == {"BTC": 0.0, "USDT": 0.0}


async def test_an_order_lives_as_a_ccxt_bot_expects() -> None:
    server = FakeServer()
    async with exchange(server) as venue:
        order = await venue.create_order(SYMBOL, "limit", "buy", 0.1, 100.5, {"clientOrderId": "mine"})
        check(order, "order")
        assert (order["status"], order["clientOrderId"], order["amount"]) == ("open", "mine", 0.1)
        assert order["info"]["quantity"] == "0.1"
        other = await venue.create_order("ETH/USDT", "limit", "buy", 1, 1)
        assert [version["status"] for version in await venue.watch_orders(SYMBOL)] == ["open"]
        server.fill(order["id"])
        assert [version["status"] for version in await venue.watch_orders(SYMBOL)] == ["closed"]
        (own,) = await venue.watch_my_trades(SYMBOL)
        check(own, "trade")
        assert (own["order"], own["takerOrMaker"]) == (order["id"], "maker")
        assert (await venue.cancel_order(other["id"], "ETH/USDT"))["status"] == "canceled"


async def test_what_is_refused_raises() -> None:
    server = FakeServer()
    async with exchange(server) as venue:
        server.reject_next("insufficient_funds")
        with pytest.raises(OrderRejectedError):
            await venue.create_order(SYMBOL, "market", "buy", 1)
