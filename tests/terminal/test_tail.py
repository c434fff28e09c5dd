"""Lines of messages: exactly the server's, nothing lost silently, and an end that is one."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from finalex.client.testing import FakeServer
from finalex.protocol.streams import Stream
from finalex.terminal.tail import tail
from terminal.market import NOON_MS, SYMBOL
from terminal.waiting import WAIT_S, until

TRADES = Stream("trades", SYMBOL)
BOOK = Stream("orderbook", SYMBOL, depth=20)


class Tail:
    def __init__(self, server: FakeServer, stream: Stream, past: int = 0, count: int | None = None) -> None:
        self.out = io.BytesIO()
        self.told: list[str] = []
        self.work = tail("ws://test", stream, past, count, self.out, self.told.append, opener=server.open)

    @property
    def lines(self) -> list[bytes]:
        return self.out.getvalue().splitlines()

    @property
    def data(self) -> list[dict[str, Any]]:
        return [json.loads(line)["data"] for line in self.lines]


@asynccontextmanager
async def tailing(server: FakeServer, stream: Stream, past: int = 0) -> AsyncIterator[Tail]:
    tailed = Tail(server, stream, past)
    task = asyncio.create_task(tailed.work)
    try:
        await until(lambda: bool(server.subscribed))
        yield tailed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_line_is_the_message_byte_for_byte() -> None:
    server = FakeServer()
    odd = (
        b'{"timestamp": 7,  "id":"trades:BTC/USDT:1","new": [1.50], "type":"trade","channel":"trades","data":'
        b'{"symbol":"BTC/USDT","trade_id":"1","price":"1.00","quantity":"2","side":"buy","timestamp":7}}'
    )
    async with tailing(server, TRADES) as tailed:
        server.say(odd)
        await until(lambda: bool(tailed.lines))

    assert tailed.lines == [odd]


async def test_it_ends_after_so_many_messages() -> None:
    server = FakeServer()
    for number in range(5):
        server.trade(SYMBOL, f"10{number}.00", "1")
    tailed = Tail(server, TRADES, past=5, count=3)
    async with asyncio.timeout(WAIT_S):
        await tailed.work

    assert [trade["trade_id"] for trade in tailed.data] == ["1", "2", "3"]


async def test_closed_candles_come_first_if_asked_for() -> None:
    server = FakeServer()
    for minute in range(3):
        server.candle(SYMBOL, "1m", NOON_MS + 60_000 * minute, "1.00", closed=minute < 2)
    async with tailing(server, Stream("kline", SYMBOL, interval="1m"), past=2) as tailed:
        await until(lambda: len(tailed.lines) == 3)

    assert [candle["is_closed"] for candle in tailed.data] == [True, True, False]


async def test_what_was_missed_comes_after_a_lost_connection() -> None:
    server = FakeServer()
    server.trade(SYMBOL, "100.00", "1")
    async with tailing(server, TRADES) as tailed:
        await until(lambda: len(tailed.lines) == 1)
        server.restart(after_ms=10)
        server.trade(SYMBOL, "101.00", "1")
        server.trade(SYMBOL, "102.00", "1")
        await until(lambda: len(tailed.lines) == 3)

    assert [trade["trade_id"] for trade in tailed.data] == ["1", "2", "3"]
    assert tailed.told == ["The connection is lost (1012); trying again in 0.0 s", "Connected again"]


async def test_what_is_missing_for_good_is_said() -> None:
    server = FakeServer()
    server.trade(SYMBOL, "100.00", "1")
    async with tailing(server, TRADES) as tailed:
        await until(lambda: len(tailed.lines) == 1)
        server.forget()
        server.restart(after_ms=10)
        server.trade(SYMBOL, "101.00", "1")
        server.trade(SYMBOL, "102.00", "1")
        await until(lambda: len(tailed.lines) == 2)

    assert tailed.told[-1] == "Messages are missing here: the trades after 1 are too long ago to be told again"


async def test_a_hole_in_a_book_is_said_and_healed_with_a_snapshot() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {"101.00": "1"})
    async with tailing(server, BOOK) as tailed:
        await until(lambda: len(tailed.lines) == 1)
        server.change_book(SYMBOL, "buy", "98.00", "1", told=False)
        server.change_book(SYMBOL, "buy", "97.00", "1")
        await until(lambda: len(tailed.lines) == 2)

    assert [json.loads(line)["type"] for line in tailed.lines] == ["orderbook_snapshot", "orderbook_snapshot"]
    assert tailed.told == ["An update of the order book is missing; asking for the whole book"]


async def test_every_update_of_a_book_is_a_line() -> None:
    server = FakeServer()
    server.set_book(SYMBOL, {"99.00": "1"}, {"101.00": "1"})
    async with tailing(server, BOOK) as tailed:
        await until(lambda: len(tailed.lines) == 1)
        for number in range(50):
            server.change_book(SYMBOL, "buy", f"{40 + number}.00", "1")
        await until(lambda: len(tailed.lines) == 51)

    sequences = [book["sequence"] for book in tailed.data]
    assert sequences == list(range(sequences[0], sequences[0] + 51))


async def test_the_present_status_of_every_market_comes_first_and_then_changes() -> None:
    server = FakeServer()
    server.status("BTC/USDT")
    server.status("ETH/USDT", "halted", reason="news")
    async with tailing(server, Stream("status")) as tailed:
        await until(lambda: len(tailed.lines) == 2)
        server.status("BTC/USDT", "post_only")
        server.status("ETH/USDT")
        await until(lambda: len(tailed.lines) == 4)

    assert [(status["symbol"], status["state"], status.get("reason")) for status in tailed.data] == [
        ("BTC/USDT", "open", None),
        ("ETH/USDT", "halted", "news"),
        ("BTC/USDT", "post_only", None),
        ("ETH/USDT", "open", None),
    ]


async def test_the_status_of_one_market_is_its_own_alone_and_comes_anew_after_a_lost_connection() -> None:
    server = FakeServer()
    server.status(SYMBOL)
    server.status("ETH/USDT")
    async with tailing(server, Stream("status", SYMBOL)) as tailed:
        await until(lambda: len(tailed.lines) == 1)
        server.restart(after_ms=10)
        server.status("ETH/USDT", "halted")
        server.status(SYMBOL, "cancel_only")
        await until(lambda: len(tailed.lines) == 2)

    assert [(status["symbol"], status["state"]) for status in tailed.data] == [
        (SYMBOL, "open"),
        (SYMBOL, "cancel_only"),
    ]
    assert tailed.told[-1] == "Connected again"


async def test_a_reader_that_leaves_ends_it_also_when_nothing_comes() -> None:
    server = FakeServer()
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out:
        task = asyncio.create_task(tail("ws://test", TRADES, 0, None, out, print, opener=server.open))
        await until(lambda: bool(server.subscribed))
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            async with asyncio.timeout(WAIT_S):
                await task
