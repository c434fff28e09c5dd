"""Clients that missed more than memory holds get it from the log, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import structlog

from finalex.channels.journal import Memory
from finalex.channels.resumable import Want
from finalex.log.port import LogError
from finalex.model.commands import PlaceOrder
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.protocol.messages import Publication
from support.conversation import token
from support.served import Served, serve
from support.sockets import RawWebSocket

SMALL = Memory(trades_max=5, account_max=5, updates_max=10, fills_max=10)
SYMBOL = "BTC/USDT"
TRADES = {"channel": "trades", "symbol": SYMBOL}
BREAKS = 100

Message = dict[str, Any]


def order(served: Served, user: str, side: Side) -> None:
    """Place an order that trades with the other one's."""
    command = PlaceOrder(
        user=user,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        quantity=DEFAULT_INSTRUMENTS[SYMBOL].parse_quantity("1"),
        price=100_00,
    )
    served.submit(command, lambda _: None)


def trade(served: Served, count: int = 1) -> None:
    """Let alice and bob trade."""
    for _ in range(count):
        order(served, "alice", Side.SELL)
        order(served, "bob", Side.BUY)


async def opened(served: Served, **subscription: Any) -> RawWebSocket:
    """Return alice's connection, which has asked for a subscription."""
    client = await served.connect(f"/?token={token('alice')}")
    assert (await client.message())["type"] == "connection_status"
    client.request("subscribe", **subscription)
    return client


async def acknowledged(client: RawWebSocket) -> bool:
    """Return whether the acknowledgement, which comes next, says that the subscription is resumed."""
    reply = await client.message()
    assert reply["type"] == "subscribed", reply
    return bool(reply["data"].get("resumed"))


def rich(served: Served) -> None:
    served.credit("alice", "BTC", 100_000)
    served.credit("bob", "USDT", 1_000_000_000)


async def test_what_was_missed_comes_from_the_log_and_then_live() -> None:
    async with serve(memory=SMALL) as served:
        served.trade(count=3)
        served.trade(count=50)
        async with await opened(served, **TRADES, after="trades:BTC/USDT:2") as client:
            assert await acknowledged(client)
            numbers = [int((await client.message())["data"]["trade_id"]) for _ in range(51)]
            served.trade()
            numbers.append(int((await client.message())["data"]["trade_id"]))
            assert numbers == list(range(3, 55))
        assert not served.metrics.failures


async def test_trading_goes_on_meanwhile_and_nothing_of_it_is_missed() -> None:
    async with serve(memory=Memory(trades_max=60)) as served:
        served.trade(count=100)
        async with await opened(served, **TRADES, after="trades:BTC/USDT:0") as client:
            for _ in range(50):
                served.trade(count=2)
                await asyncio.sleep(0)
            assert await acknowledged(client)
            numbers = [int((await client.message())["data"]["trade_id"]) for _ in range(200)]
            assert numbers == list(range(1, 201))


async def test_a_client_that_reads_slowly_is_waited_for() -> None:
    count = 20_000
    async with serve(memory=SMALL, lagging_bytes=1 << 14, queue_bytes_max=1 << 16) as served:
        for _ in range(count // 100):
            served.trade(count=100)
        client = await served.connect(receive_bytes=4096)
        async with client:
            await client.message()
            client.request("subscribe", **TRADES, after="trades:BTC/USDT:0")
            assert await acknowledged(client)
            await asyncio.sleep(0.01)
            numbers = [int((await client.message())["data"]["trade_id"]) for _ in range(count)]
            assert numbers == list(range(1, count + 1))
        assert served.recaller.waiting == 0


async def test_one_that_leaves_while_the_log_is_read_is_no_burden() -> None:
    async with serve(memory=SMALL) as served:
        served.trade(count=20_000)
        clients = [await opened(served, **TRADES, after="trades:BTC/USDT:0") for _ in range(5)]
        for client in clients:
            client.reset()
        await served.left_with(0)
        async with await opened(served, **TRADES, after="trades:BTC/USDT:19990") as client:
            assert await acknowledged(client)
            assert (await client.message())["data"]["trade_id"] == "19991"
        assert served.recaller.waiting == 0
        assert not served.metrics.failures


async def test_unsubscribing_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left = asyncio.Event()

    class Endless:
        found = (True,)

        async def pieces(self) -> AsyncIterator[Sequence[Publication]]:
            while not left.is_set():
                await asyncio.sleep(0)
                yield []

    @asynccontextmanager
    async def recall(_: Sequence[Want]) -> AsyncIterator[Endless]:
        try:
            yield Endless()
        finally:
            left.set()

    async with serve(memory=SMALL) as served:
        served.trade(count=20)
        monkeypatch.setattr(served.recaller, "recall", recall)
        async with await opened(served, **TRADES, after="trades:BTC/USDT:0") as client:
            assert await acknowledged(client)
            assert not left.is_set()
            client.request("unsubscribe", **TRADES)
            assert (await client.message())["type"] == "unsubscribed"
            async with asyncio.timeout(20):
                await left.wait()
            served.trade()
            client.request("ping")
            assert (await client.message())["type"] == "pong"


async def test_a_log_that_cannot_be_read_is_as_one_that_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise LogError("the disk is gone")

    with structlog.testing.capture_logs():
        async with serve(memory=SMALL) as served:
            served.trade(count=20)
            monkeypatch.setattr(served.log, "read", fail)
            async with await opened(served, **TRADES, after="trades:BTC/USDT:1", snapshot=1) as client:
                assert not await acknowledged(client)
                assert (await client.message())["data"]["trade_id"] == "20"
            assert served.metrics.failures == {"recall": 1}


async def test_heartbeats_come_by_themselves() -> None:
    async with serve(sweep_interval_ms=10) as served, await opened(served, channel="heartbeat") as client:
        kinds = [(await client.message())["type"] for _ in range(2)]
        served.trade()
        served.now_ms += 5000
        kinds.append((await client.message())["type"])
        assert kinds == ["subscribed", "heartbeat", "heartbeat"]


@pytest.mark.parametrize("channel", ["trades", "orders", "user_trades"])
async def test_a_hundred_broken_connections_lose_and_double_nothing(channel: str) -> None:
    rng = Random(channel)
    subscription = {"channel": channel, "symbol": SYMBOL}
    async with serve(memory=SMALL, connections_per_ip=1000, ping_interval_ms=3_600_000) as served:
        rich(served)
        async with await opened(served, **subscription) as stayed:
            await acknowledged(stayed)
            read: list[Message] = []
            client = await opened(served, **subscription)
            await acknowledged(client)
            for _ in range(BREAKS):
                come = rng.randint(1, 8)
                trade(served, come)
                read += [await client.message() for _ in range(rng.randint(1, come))]
                client.reset()
                trade(served, rng.randint(0, 8))
                client = await opened(served, **subscription, after=read[-1]["id"])
                trade(served, rng.randint(0, 8))
                assert await acknowledged(client)
            trade(served)
            expected: list[Message] = []
            while not expected or expected[-1]["id"] != last_id(served, channel):
                message = await stayed.message()
                if message["type"] != "connection_status":  # it has not read for so long that it lags, and is told
                    expected.append(message)
            read += [await client.message() for _ in range(len(expected) - len(read))]
            assert [told(message) for message in read] == [told(message) for message in expected]
            await client.close()


def last_id(served: Served, channel: str) -> str:
    """Return the id of the last message that was published for alice."""
    hub = served.desk.hub
    number = hub.state.next_trade(SYMBOL) - 1
    return f"orders:{hub.sequence}-1-m" if channel == "orders" else f"{channel}:{SYMBOL}:{number}"


def told(message: Message) -> tuple[str, Message]:
    return message["id"], message["data"]
