"""The client before the whole server: over 100 connections break at random messages, and nothing is wrong after."""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from client.waiting import until
from finalex.client import (
    AuthenticationError,
    Backoff,
    CancelRejectedError,
    Client,
    ConnectionFailedError,
    OrderRejectedError,
    RequestFailedError,
    connect,
)
from finalex.client.testing import FlakyOpener
from finalex.log.memory import MemoryLog
from finalex.model.events import Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from support.follower import Book as FollowedBook
from support.recordings import recording
from support.server import Server, serving

SYMBOL = "BTC/USDT"
FILE = "l2/binance_usdm_btcusdt_20240718.gz"
DROPS = 110
FAST = Backoff(first_ms=1, max_ms=4)
WAIT_S = 150
PLENTY = {"messages_per_minute_max": "100000", "orders_per_second_max": "0"}
PAUSE_S = 0.01

Levels = tuple[list[tuple[str, str]], list[tuple[str, str]]]


async def recorded_trades(path: str) -> list[tuple[str, str, str]]:
    """Return id, price and side of all trades of a recording."""
    log = MemoryLog(batches_max=1)
    trades: list[Traded] = []
    log.follow(lambda batch: trades.extend(event for event in batch.events if isinstance(event, Traded)))
    await ReplaySource(open_reel([path], DEFAULT_INSTRUMENTS), log, speed=None).run()
    return [(str(t.trade), DEFAULT_INSTRUMENTS[SYMBOL].price_text(t.price), str(t.side)) for t in trades]


class Witness:
    """A connection that never breaks, and the book's levels at every sequence."""

    def __init__(self) -> None:
        self.levels: dict[int, Levels] = {}

    async def watch(self, server: Server, user: str | None = None) -> None:
        book = FollowedBook(20)
        async with server.client(user) as connection:
            await connection.send(
                {"id": "s", "method": "subscribe", "params": {"channel": "orderbook", "symbol": SYMBOL}}
            )
            while True:
                message = await connection.receive()
                if message.get("channel") == "orderbook":
                    book.take(message)
                    assert book.levels is not None
                    bids = sorted(book.levels["buy"].items(), key=lambda level: -float(level[0]))
                    asks = sorted(book.levels["sell"].items(), key=lambda level: float(level[0]))
                    self.levels[book.sequence] = (bids, asks)


async def collect(subscription: Any, found: list[Any]) -> None:
    async for item in subscription:
        found.append(item)  # noqa: PERF401 (what came must be there whenever the loop is cancelled)


async def follow_book(client: Client, found: dict[int, Levels]) -> None:
    async for book in client.book(SYMBOL):
        found[book.sequence] = (book.bids, book.asks)


async def test_a_replay_over_a_hundred_broken_connections_is_exact() -> None:
    path = str(recording(FILE))
    flaky, witness = FlakyOpener(Random(1), 60), Witness()
    trades: list[Any] = []
    books: dict[int, Levels] = {}
    async with (
        serving(source=f"replay:{path}", speed="20", loop="true") as server,
        asyncio.timeout(WAIT_S),
        connect(server.url, backoff=FAST, opener=flaky.open) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(witness.watch(server)),
            group.create_task(collect(client.trades(SYMBOL, snapshot=1000), trades)),
            group.create_task(follow_book(client, books)),
        ]
        await until(lambda: flaky.drops >= DROPS, PAUSE_S)
        flaky.active = False
        last = max(books)
        await until(lambda: last < max(books) <= max(witness.levels), PAUSE_S)
        for task in tasks:
            task.cancel()
    ids = [int(trade.trade_id) for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    recorded = await recorded_trades(path)
    told = [(trade.trade_id, trade.price, trade.side) for trade in trades]
    assert told[: len(recorded)] == recorded[ids[0] - 1 :][: len(told)]
    checked = [sequence for sequence in books if sequence in witness.levels]
    assert len(checked) > DROPS / 2
    assert all(books[sequence] == witness.levels[sequence] for sequence in checked)


def ends_with(orders: list[Any], order_id: str) -> bool:
    return bool(orders[-1].order_id == order_id)


async def trade_at_random(client: Client, chance: Random, opener: FlakyOpener, placed: list[str]) -> None:
    """Place orders that sometimes trade, and cancel some, until enough connections are broken."""
    while opener.drops < DROPS:
        side, distance = chance.choice(("buy", "sell")), chance.choice((-1, 0, 0, 1))
        order = await client.place_order(SYMBOL, side, "limit", "0.001", 45_000 + distance, timeout_s=WAIT_S)
        placed.append(order.order_id)
        if chance.random() < 0.2:
            await client.cancel_all_orders(timeout_s=WAIT_S)


async def test_trading_over_a_hundred_broken_connections_is_exact() -> None:
    flaky = FlakyOpener(Random(2), 30)
    flaky.active = False
    told: dict[str, list[Any]] = {name: [] for name in ("flaky orders", "flaky fills", "steady orders", "steady fills")}
    placed: dict[str, list[str]] = {"alice": [], "bob": []}
    async with serving(source="exchange", **PLENTY) as server, asyncio.timeout(WAIT_S):
        token = server.token("alice")
        async with (
            connect(server.url, token=token, backoff=FAST, opener=flaky.open) as alice,
            connect(server.url, token=token) as steady,
            connect(server.url, token=server.token("bob")) as bob,
            asyncio.TaskGroup() as group,
        ):
            subscriptions: list[Any] = [alice.orders(), alice.user_trades(), steady.orders(), steady.user_trades()]
            followers = [group.create_task(collect(s, told[name])) for s, name in zip(subscriptions, told, strict=True)]
            first = await alice.place_order(SYMBOL, "buy", "limit", "0.001", 44_000)
            placed["alice"].append(first.order_id)
            await until(lambda: bool(told["flaky orders"] and told["steady orders"]), PAUSE_S)
            flaky.active = True
            async with asyncio.TaskGroup() as traders:
                traders.create_task(trade_at_random(alice, Random(3), flaky, placed["alice"]))
                traders.create_task(trade_at_random(bob, Random(4), flaky, placed["bob"]))
            flaky.active = False
            await alice.cancel_all_orders(timeout_s=WAIT_S)
            last = await alice.place_order(SYMBOL, "buy", "limit", "0.001", 44_000)
            placed["alice"].append(last.order_id)
            for name in ("flaky orders", "steady orders"):
                await until(partial(ends_with, told[name], last.order_id), PAUSE_S)
            for follower in followers:
                follower.cancel()
    assert told["flaky orders"] == told["steady orders"]
    assert told["flaky fills"] == told["steady fills"]
    assert len(told["flaky fills"]) > 10
    assert len(placed["alice"]) == len(set(placed["alice"]))
    assert {order.order_id for order in told["steady orders"]} == set(placed["alice"])


async def test_orders_go_on_over_a_server_that_restarts(tmp_path: Path) -> None:
    settings = {"source": "exchange", "data_dir": str(tmp_path), "jwt_secret": "a secret of thirty-two bytes, at least"}
    orders: list[Any] = []
    async with asyncio.timeout(WAIT_S), AsyncExitStack() as stack:
        async with serving(**settings) as server:
            client = await stack.enter_async_context(
                connect(server.url, token=server.token("alice"), backoff=Backoff(first_ms=50, max_ms=50))
            )
            following = asyncio.create_task(collect(client.orders(), orders))
            order = await client.place_order(SYMBOL, "buy", "limit", "0.001", "45000")
            await until(lambda: len(orders) == 1, PAUSE_S)
        canceling = asyncio.create_task(client.cancel_order(order.order_id, timeout_s=WAIT_S))
        await until(lambda: client.reconnects > 1, PAUSE_S)
        async with serving(**settings, port=str(server.port)):
            assert await canceling == [order.order_id]
            await until(lambda: len(orders) == 2, PAUSE_S)
            following.cancel()
            await stack.aclose()
    assert [version.status for version in orders] == ["new", "canceled"]


async def test_the_first_client_streams_in_five_lines() -> None:
    async with (
        serving(source="simulate", history_hours="0") as server,
        asyncio.timeout(WAIT_S),
        connect(server.url) as client,
    ):
        async for ticker in client.ticker(SYMBOL):
            assert ticker.symbol == SYMBOL
            break


async def test_a_token_is_renewed_on_the_open_connection() -> None:
    async with serving(source="exchange") as server, asyncio.timeout(WAIT_S):
        tokens: list[str] = []

        def token() -> str:
            tokens.append(server.token("alice", ttl_ms=60_500 if not tokens else 3_600_000))
            return tokens[-1]

        async with connect(server.url, token=token) as client:
            await until(lambda: len(tokens) == 2, PAUSE_S)
            order = await client.place_order(SYMBOL, "buy", "limit", "0.001", "45000")
            assert (order.status, client.reconnects) == ("new", 0)


async def test_bad_credentials_and_closed_ports_are_told_at_once() -> None:
    async with serving(source="exchange") as server, asyncio.timeout(WAIT_S):
        with pytest.raises(AuthenticationError):
            async with connect(server.url, token="no token"):
                pass
        url = server.url
    with pytest.raises(ConnectionFailedError, match="cannot connect"):
        async with connect(url):
            pass


async def operate(data_dir: Path, *arguments: str) -> None:
    """Run `finalex` as the operator of a server does."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("finalex"), *arguments, "--data-dir", str(data_dir), stdout=-1, stderr=-1
    )
    await process.communicate()
    assert process.returncode == 0


async def test_a_halt_is_told_and_refuses_orders_and_cancels_until_it_is_lifted(tmp_path: Path) -> None:
    async with (
        serving(source="exchange", data_dir=str(tmp_path)) as server,
        asyncio.timeout(WAIT_S),
        connect(server.url, token=server.token("alice")) as client,
    ):
        status = client.status(SYMBOL)
        assert (await anext(status)).state == "open"
        order = await client.place_order(SYMBOL, "buy", "limit", "0.001", 45_000)
        await operate(tmp_path, "halt", SYMBOL, "--reason", "news")
        told = await anext(status)
        assert (told.state, told.reason) == ("halted", "news")
        with pytest.raises(OrderRejectedError, match="market_halted"):
            await client.place_order(SYMBOL, "buy", "limit", "0.001", 45_000)
        with pytest.raises(CancelRejectedError) as caught:
            await client.cancel_order(order.order_id)
        assert caught.value.reason == "market_halted"
        assert await client.cancel_all_orders() == []
        await operate(tmp_path, "open", SYMBOL)
        assert (await anext(status)).state == "open"
        assert await client.cancel_order(order.order_id) == [order.order_id]


async def test_orders_are_canceled_with_the_connection_if_one_asks_for_it_and_on_later_connections_too() -> None:
    async with serving(source="exchange") as server, asyncio.timeout(WAIT_S):
        token, flaky = server.token("alice"), FlakyOpener(Random(2), 1)
        flaky.active = False
        async with (
            connect(server.url, token=token, backoff=FAST, opener=flaky.open) as client,
            connect(server.url, token=token) as watcher,
        ):
            seen = watcher.orders()
            await client.cancel_on_disconnect()
            for round_ in range(2):
                order = await client.place_order(SYMBOL, "buy", "limit", "0.001", 44_000 + round_)
                drops, flaky.active = flaky.drops, True
                while flaky.drops == drops:
                    await asyncio.sleep(PAUSE_S)
                    with suppress(RequestFailedError):
                        await client.cancel_order(client_order_id="nobody's", timeout_s=WAIT_S)
                flaky.active = False
                ended = await anext(version async for version in seen if version.status == "canceled")
                assert ended.order_id == order.order_id
            await client.cancel_on_disconnect(False)


async def place_many(client: Client, count: int) -> list[str]:
    """Place orders one after the other; return why the others were refused."""
    refusals: list[str] = []
    for _ in range(count):
        try:
            await client.place_order(SYMBOL, "buy", "limit", "0.001", 45_000)
        except OrderRejectedError as error:
            refusals.append(str(error.reason))
    return refusals


async def test_orders_that_are_too_many_a_second_are_not_placed() -> None:
    async with (
        serving(source="exchange", orders_per_second_max="2") as server,
        asyncio.timeout(WAIT_S),
        connect(server.url, token=server.token("alice")) as client,
    ):
        refusals = await place_many(client, 20)
        assert set(refusals) == {"order_rate"}
        assert len(await client.cancel_all_orders()) == 20 - len(refusals)
