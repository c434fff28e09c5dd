"""Slow clients over real sockets: told, conflated, brought up to date or disconnected, and nobody else notices."""

import asyncio
import json
from typing import Any

from finalex.model.events import BookReset, LevelsChanged
from finalex.model.orders import Side
from support.follower import Book
from support.served import Served, serve
from support.sockets import CLOSE, TEXT, RawWebSocket

SYMBOL = "BTC/USDT"
SLOW: dict[str, Any] = {
    "lagging_bytes": 1 << 15,
    "queue_bytes_max": 1 << 24,
    "slow_close_timeout_ms": 60_000,
    "ping_interval_ms": 3_600_000,
}
CHANNELS: list[dict[str, Any]] = [
    {"channel": "trades"},
    {"channel": "orderbook", "depth": 10},
    {"channel": "ticker"},
    {"channel": "kline", "interval": "1m"},
]


class Market:
    """A book whose best bid changes with every step, and a trade with each change."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.steps = 0
        bids, asks = [(100_00 - n, 10) for n in range(20)], [(101_00 + n, 10) for n in range(20)]
        book = BookReset(symbol=SYMBOL, bids=bids, asks=asks, time_ms=served.now_ms)
        served.log.append([book], served.now_ms)

    def step(self, count: int = 50) -> int:
        """Let it change so many times; return the last trade's id."""
        served = self.served
        for _ in range(count):
            self.steps += 1
            served.now_ms += 300
            change = (Side.BUY, 100_00, 10 + self.steps)
            served.log.append([LevelsChanged(symbol=SYMBOL, changes=[change], time_ms=served.now_ms)], served.now_ms)
            last = served.trade()
        return last


async def subscribe(served: Served, *, receive_bytes: int | None = None) -> RawWebSocket:
    client = await served.connect(receive_bytes=receive_bytes)
    client.request("subscribe", subscriptions=[{"symbol": SYMBOL, **item} for item in CHANNELS])
    assert [(await client.message())["type"] for _ in range(2)] == ["connection_status", "subscribed"]
    return client


class Reading:
    """What a client makes of all its messages, checked one by one."""

    def __init__(self) -> None:
        self.book = Book(10)
        self.trades: list[int] = []
        self.kinds: list[str] = []
        self.statuses: list[str] = []

    async def until_trade(self, client: RawWebSocket, last: int) -> None:
        while not self.trades or self.trades[-1] != last:
            await self.take(client)

    async def take(self, client: RawWebSocket) -> str:
        message = await client.message()
        kind: str = message["type"]
        self.kinds.append(kind)
        if kind == "trade":
            self.trades.append(int(message["data"]["trade_id"]))
        elif kind.startswith("orderbook"):
            self.book.take(message)
        elif kind == "connection_status":
            self.statuses.append(message["data"]["status"])
        return kind


async def make_it_lag(market: Market) -> int:
    """Publish until a client lags; return the last trade's id."""
    while not any(client.lagging for client in market.served.gateway.backlog):
        last = market.step()
        await asyncio.sleep(0)
    return last


async def test_who_lags_is_told_keeps_every_trade_and_gets_the_rest_afresh() -> None:
    async with serve(**SLOW) as served:
        market = Market(served)
        quick_reading, reading = Reading(), Reading()
        async with await subscribe(served, receive_bytes=4096) as slow, await subscribe(served) as quick:
            await make_it_lag(market)
            last = market.step(200)  # of these it will never see but the trades
            await quick_reading.until_trade(quick, last)
            await reading.until_trade(slow, last)
            while served.gateway.backlog.lagging:  # noqa: ASYNC110 (the product needs no event for it)
                await asyncio.sleep(0)
            last = market.step(10)
            await quick_reading.until_trade(quick, last)
            await reading.until_trade(slow, last)
            assert reading.trades == quick_reading.trades == list(range(1, last + 1))
            assert reading.statuses == ["lagging"]
            assert quick_reading.statuses == []
            assert reading.book.levels == quick_reading.book.levels
            assert reading.book.sequence == quick_reading.book.sequence
            counts = [[r.kinds.count(kind) for r in (reading, quick_reading)] for kind in ("ticker", "kline")]
            assert all(conflated < every for conflated, every in counts)
            assert reading.kinds.count("orderbook_snapshot") == 2
        assert "4000" not in served.metrics.closes


async def test_a_slow_client_is_answered() -> None:
    async with serve(**SLOW) as served:
        market = Market(served)
        async with await subscribe(served, receive_bytes=4096) as slow:
            await make_it_lag(market)
            slow.request("ping", id="still there?")
            reading = Reading()
            while await reading.take(slow) != "pong":
                pass
            assert reading.statuses == ["lagging"]


async def test_who_lets_more_pile_up_is_closed_after_having_been_told() -> None:
    async with serve(**SLOW | {"queue_bytes_max": 1 << 17}) as served:
        market = Market(served)
        async with await subscribe(served, receive_bytes=4096) as slow:
            while not served.metrics.closes:
                market.step(10)
                await asyncio.sleep(0)
            texts = []
            while (frame := await slow.frame()).opcode != CLOSE:
                if frame.opcode == TEXT:
                    texts.append(json.loads(frame.payload))
            assert frame.close_code == 4000
            trades = [int(text["data"]["trade_id"]) for text in texts if text["type"] == "trade"]
            assert trades == list(range(1, len(trades) + 1))
            assert [text["data"]["status"] for text in texts if text["type"] == "connection_status"] == ["lagging"]


async def test_all_slow_clients_together_are_bounded_and_those_with_most_go_first() -> None:
    bound = 1 << 18
    async with serve(**SLOW | {"queues_bytes_max": bound}) as served:
        market = Market(served)
        slow = [await subscribe(served, receive_bytes=4096) for _ in range(6)]
        quick = await subscribe(served)
        reading = Reading()
        for _ in range(60):
            last = market.step()
            await reading.until_trade(quick, last)
            waiting = sum(client.waiting_bytes() for client in served.gateway.backlog)
            assert waiting <= bound + 100_000  # and what one turn adds
        assert served.metrics.closes["4000"] > 0
        assert reading.statuses == []
        for client in (*slow, quick):
            client.reset()
        await served.left_with(0)
        assert list(served.gateway.backlog) == []
