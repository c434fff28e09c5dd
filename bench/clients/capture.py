"""Real messages, as a live server sends them."""

import asyncio
import json
from collections import Counter
from typing import Any

from websockets.asyncio.client import connect

Message = dict[str, Any]

SYMBOL = "BTC/USDT"
DEPTH = 100
ITEMS = (
    {"channel": "ticker", "symbol": SYMBOL},
    {"channel": "trades", "symbol": SYMBOL, "snapshot": 0},
    {"channel": "orderbook", "symbol": SYMBOL, "depth": DEPTH},
    {"channel": "kline", "symbol": SYMBOL, "interval": "1m"},
)
ENOUGH = {"ticker": 20, "trade": 200, "orderbook_update": 5000, "kline": 20}
"""How many of each type are wanted; what else comes meanwhile is taken too."""

TIMEOUT_S = 60.0


async def capture(port: int) -> list[Message]:
    """Return what a server sends of one market, in order, from the last whole book on; raises `TimeoutError`."""
    async with asyncio.timeout(TIMEOUT_S), connect(f"ws://127.0.0.1:{port}/", max_size=None) as connection:
        await connection.send(json.dumps({"id": 1, "method": "subscribe", "params": {"subscriptions": ITEMS}}))
        captured: list[Message] = []
        counts: Counter[str] = Counter()
        while any(counts[kind] < count for kind, count in ENOUGH.items()):
            message: Message = json.loads(await connection.recv())
            if message["type"] == "orderbook_snapshot":  # of a new connection, or of a book that begins again
                captured.clear()
                counts.clear()
            if "channel" in message:
                captured.append(message)
                counts[message["type"]] += 1
    return captured
