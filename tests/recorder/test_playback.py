"""What was recorded from one server, played by a second one, is what the first one showed."""

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finalex.channels.hub import Hub
from finalex.log.memory import MemoryLog
from finalex.model.commands import CancelAllOrders, PlaceOrder
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.protocol.messages import BookSnapshotData, BookUpdateData
from finalex.protocol.streams import Stream
from finalex.recorder.subscriptions import choose_streams
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from finalex.sources.reports import Problem
from recorder.taping import BOOK, TRADES, Message, Taping, stop, wired
from support.served import Served, serve
from support.server import Client, serving

SYMBOLS = ("BTC/USDT", "ETH/USDT")
STEPS = 700
STEP_MS = 400
"""So the recording spans five minutes."""

LAST_PRICE = 50_00
"""Nobody trades there: an order at this price is the last thing that is recorded."""

Held = dict[tuple[str, str], str]
"""A book as a client holds it: the quantity by side and price."""


async def trade_for_minutes(served: Served) -> None:
    """Let two traders trade two markets with each other, with quiet times, on the clock of the exchange."""
    chance = random.Random(7)
    for user in ("ann", "ben"):
        for currency in ("USDT", "BTC", "ETH"):
            served.credit(user, currency, 10**8)
    for step in range(STEPS):
        served.now_ms += STEP_MS
        for symbol in SYMBOLS if step % 90 < 60 else ():
            side, distance = chance.choice((Side.BUY, Side.SELL)), chance.randrange(-20, 60)
            price = 100_00 - distance if side is Side.BUY else 100_00 + distance
            place(served, chance.choice(("ann", "ben")), symbol, side, price, chance.randrange(1, 30) * 10**7)
        if step % 50 == 49:
            served.submit(CancelAllOrders(user="ann", symbol="BTC/USDT"), lambda _: None)
        served.log.append((), served.now_ms)
        await asyncio.sleep(0)
    served.now_ms += 60_000 - served.now_ms % 60_000
    served.log.append((), served.now_ms)
    place(served, "ann", "ETH/USDT", Side.BUY, LAST_PRICE, 10**8)


def place(served: Served, user: str, symbol: str, side: Side, price: int, quantity: int) -> None:
    order = PlaceOrder(user=user, symbol=symbol, side=side, type=OrderType.LIMIT, price=price, quantity=quantity)
    served.submit(order, lambda _: None)


async def record(path: Path) -> None:
    """Record a server from before its first trade to after its last."""
    async with serve() as served:
        taping = Taping(path, served.port, choose_streams(SYMBOLS, ()))
        task = asyncio.create_task(taping.run())
        await taping.until(lambda: sum(message.type == "subscribed" for message in taping.intake.seen) == 8, task)
        await trade_for_minutes(served)
        await taping.until(lambda: any(b'"50.00"' in text for text in taping.intake.texts), task)
        await stop(task)
    assert taping.told == []


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "recording.gz"
    asyncio.run(record(path))
    return path


def recorded(path: Path, kind: str, symbol: str) -> list[Message]:
    """Return the data of all recorded messages of a type about a symbol."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    messages = [json.loads(line.partition(b" ")[2]) for line in text.splitlines()]
    return [m["data"] for m in messages if m["type"] == kind and m["data"]["symbol"] == symbol]


def held_after(path: Path, symbol: str) -> dict[int, Held]:
    """Return the book that a client of the first server held after each sequence."""
    held: Held = {}
    books: dict[int, Held] = {}
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for message in (json.loads(line.partition(b" ")[2]) for line in text.splitlines()):
        data = message["data"]
        if data.get("symbol") != symbol or not message["type"].startswith("orderbook"):
            continue
        if message["type"] == "orderbook_snapshot":
            held = snapshot_of(data["bids"], data["asks"])
        elif data["action"] == "delete":
            del held[data["side"], data["price"]]
        else:
            held[data["side"], data["price"]] = data["quantity"]
        books[data["sequence"]] = dict(held)
    return books


def snapshot_of(bids: list[list[str]], asks: list[list[str]]) -> Held:
    return {("buy", price): quantity for price, quantity in bids} | {
        ("sell", price): quantity for price, quantity in asks
    }


@asynccontextmanager
async def playing(path: Path) -> AsyncIterator[tuple[Client, ReplaySource]]:
    """Play a recording in a second server, to its end, and connect to it."""
    async with serving(source=f"replay:{path}", speed="max") as server:
        source = server.source
        assert isinstance(source, ReplaySource)
        while not source.rounds:  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0)
        async with server.client() as client:
            yield client, source


async def current(client: Client, kind: str, **subscription: object) -> list[Message]:
    """Return the data of what a server shows to somebody who subscribes to a market that rests."""
    seen = len(client.seen)
    await client.request("subscribe", **subscription)
    await client.request("ping")
    return [message["data"] for message in client.seen[seen:] if message["type"] == kind]


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_the_second_server_has_the_same_trades(path: Path, symbol: str) -> None:
    trades = recorded(path, "trade", symbol)
    assert len(trades) > 50
    async with playing(path) as (client, source):
        assert await current(client, "trade", channel="trades", symbol=symbol, snapshot=1000) == trades
        assert source.problems.total() == 0


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_the_second_server_has_the_same_candles(path: Path, symbol: str) -> None:
    candles = [candle for candle in recorded(path, "kline", symbol) if candle["is_closed"]]
    assert len(candles) == 6
    async with playing(path) as (client, _):
        shown = await current(client, "kline", channel="kline", symbol=symbol, interval="1m", history=1000)
    assert [candle for candle in shown if candle["is_closed"]] == candles


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_the_second_server_ends_with_the_same_book_and_ticker(path: Path, symbol: str) -> None:
    books = held_after(path, symbol)
    async with playing(path) as (client, _):
        (book,) = await current(client, "orderbook_snapshot", channel="orderbook", symbol=symbol, depth=1000)
        (ticker,) = await current(client, "ticker", channel="ticker", symbol=symbol)
    last = books[max(books)]
    assert snapshot_of(book["bids"], book["asks"]) == last
    expected = recorded(path, "ticker", symbol)[-1]
    assert {name: ticker[name] for name in ("price", "volume_24h", "high_24h", "low_24h", "change_24h")} == {
        name: expected[name] for name in ("price", "volume_24h", "high_24h", "low_24h", "change_24h")
    }


@pytest.mark.parametrize("symbol", SYMBOLS)
async def test_the_book_is_the_same_at_every_sequence(path: Path, symbol: str) -> None:
    books = held_after(path, symbol)
    stream = Stream("orderbook", symbol, depth=1000)
    hub, log, held, compared = Hub(DEFAULT_INSTRUMENTS), MemoryLog(batches_max=1), dict[tuple[str, str], str](), 0

    def follow(batch: Batch) -> None:
        nonlocal held, compared
        for publication in hub.apply(batch, {stream}):
            data = publication.data
            assert isinstance(data, BookSnapshotData | BookUpdateData)
            if isinstance(data, BookSnapshotData):
                held = snapshot_of([[*level] for level in data.bids], [[*level] for level in data.asks])
            elif data.action == "delete":
                del held[data.side, data.price]
            else:
                held[data.side, data.price] = data.quantity
            assert held == books[data.sequence + min(books) - 1]
            compared += 1

    log.follow(follow)
    await ReplaySource(open_reel([str(path)], DEFAULT_INSTRUMENTS), log, speed=None).run()
    assert compared == len(books) > 300


async def test_a_recording_of_a_server_that_simulates_survives_a_connection_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    async with serving(source="simulate", history_hours="0") as server, wired(server.port) as wire:
        taping = Taping(path, wire.port, [TRADES, BOOK])
        task = asyncio.create_task(taping.run())
        await taping.until(lambda: updates(taping) >= 40, task)
        wire.cut()
        await taping.until(lambda: taping.intake.counts.disconnects == 1 and taping.intake.serves, task)
        before = updates(taping)
        await taping.until(lambda: updates(taping) >= before + 40, task)
        await stop(task)
    assert taping.kinds().count("disconnected") == 1
    async with playing(path) as (client, source):
        assert source.problems[Problem.HOLE] == 1
        assert source.problems.total() == 1 + source.problems[Problem.GAP]
        (book,) = await current(client, "orderbook_snapshot", channel="orderbook", symbol="BTC/USDT", depth=1000)
        shown = await current(client, "trade", channel="trades", symbol="BTC/USDT", snapshot=1000)
    books = held_after(path, "BTC/USDT")
    assert snapshot_of(book["bids"], book["asks"]) == books[max(books)]
    parts = [(trade["price"], trade["quantity"], trade["timestamp"]) for trade in recorded(path, "trade", "BTC/USDT")]
    assert [(trade["price"], trade["quantity"], trade["timestamp"]) for trade in shown] == parts


def updates(taping: Taping) -> int:
    return sum(message.type == "orderbook_update" for message in taping.intake.seen)
