"""A client whose connection breaks again and again during a replay ends with the exact list of trades."""

import asyncio
import contextlib
import json
from random import Random
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from finalex.log.memory import MemoryLog
from finalex.model.events import Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from support.recordings import recording
from support.server import Server, serving

FILES = ("l2/binance_usdm_btcusdt_20240718.gz",)
BREAKS = 100
SPEED = 10
SYMBOL = "BTC/USDT"

Trade = tuple[str, str, str, str, int]


async def recorded_trades(files: list[str]) -> list[Trade]:
    """Return all trades of a recording, as a client should see them."""
    log = MemoryLog(batches_max=1)
    trades: list[Traded] = []
    log.follow(lambda batch: trades.extend(event for event in batch.events if isinstance(event, Traded)))
    await ReplaySource(open_reel(files, DEFAULT_INSTRUMENTS), log, speed=None).run()
    market = DEFAULT_INSTRUMENTS[SYMBOL]
    return [
        (str(t.trade), market.price_text(t.price), market.quantity_text(t.quantity), str(t.side), t.time_ms)
        for t in trades
    ]


class Reader:
    """Reads trades, over as many connections as it takes, each resuming where the one before broke."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.resumed: list[bool] = []
        self._last = ""

    async def read(self, server: Server, count_max: int, enough: int) -> None:
        """Connect and read at most `count_max` trades, or until there are `enough`; then break the connection."""
        async with connect(server.url, max_queue=None, max_size=None) as connection:
            params: dict[str, Any] = {"channel": "trades", "symbol": SYMBOL, "snapshot": 1000}
            if self._last:
                params = {"channel": "trades", "symbol": SYMBOL, "after": self._last}
            await connection.send(json.dumps({"id": "s", "method": "subscribe", "params": params}))
            wanted = min(enough, len(self.trades) + count_max)
            while len(self.trades) < wanted:
                self._take(json.loads(await asyncio.wait_for(connection.recv(), 30)))
            connection.transport.abort()

    def _take(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if message["type"] == "trade":
            self._last = message["id"]
            self.trades.append((data["trade_id"], data["price"], data["quantity"], data["side"], data["timestamp"]))
        elif "resumed" in data:
            self.resumed.append(data["resumed"])


async def test_a_hundred_broken_connections_lose_and_double_nothing() -> None:
    files = [str(recording(name)) for name in FILES]
    expected = await recorded_trades(files)
    reader, rng = Reader(), Random(1)
    async with serving(source=f"replay:{','.join(files)}", speed=str(SPEED), connections_per_ip="1000") as server:
        for turn in range(BREAKS + 1):
            count_max = len(expected) if turn == BREAKS else rng.randint(1, 8)
            with contextlib.suppress(ConnectionClosed):
                await reader.read(server, count_max, len(expected))
    assert reader.resumed == [True] * BREAKS
    assert reader.trades == expected
