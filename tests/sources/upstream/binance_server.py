"""A server that speaks as Binance does and plays recorded frames, with the accidents that a test asks for.

It has one market. Its book is the recorded one up to the last update that was sent, and is what a REST request gets.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Message = dict[str, Any]
Levels = dict[str, str]

AHEAD_MAX = 20
"""At most so many trades are under way: whoever takes them has no clock but theirs."""

QUIET_S = 0.2
"""After such a silence the server says something without news: real markets are never silent for long."""

HISTORY = 200
"""So many trades are sent again when somebody subscribes to them once more."""

MARKET: Message = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "MARKET"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ],
}
SPOT: Message = {"isSpotTradingAllowed": True, "permissions": ["SPOT"]}
FUTURE: Message = {"contractType": "PERPETUAL", "marginAsset": "USDT", "pair": "BTCUSDT", "deliveryDate": 4133404800000}


class Captured:
    """A recording: its snapshot, and the updates and trades that came after it."""

    def __init__(self, path: Path, updates: int, trades: int) -> None:
        self.updates: list[Message] = []
        self.trades: list[Message] = []
        self.snapshot: Message = {}
        for message in islice(_messages(path), 40 * (updates + trades)):
            kind = message.get("e")
            if "lastUpdateId" in message:
                self.snapshot = message
            elif kind == "depthUpdate" and len(self.updates) < updates:
                self.updates.append(message)
            elif kind == "trade" and len(self.trades) < trades:
                self.trades.append(message)


def _messages(path: Path) -> Iterator[Message]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            yield message.get("data", message)


class BinanceServer:
    """What the server has sent, and what it is to do wrong.

    `lost_before` are the messages before which a connection is lost, as the kind (`depth`, `trade`) and its index;
    `skips` is how many of the next updates are not sent; `garbage` is what comes before a message. `paths` and
    `methods` are all that was ever asked of it, over HTTP and over connections.
    """

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.lost_before: set[tuple[str, int]] = set()
        self.skips = 0
        self.garbage: dict[tuple[str, int], str | bytes] = {}
        self.out_of_order = 0
        self.done = {"depth": asyncio.Event(), "trade": asyncio.Event()}
        self.port = 0
        self.paths: set[str] = set()
        self.methods: set[str] = set()
        self._bids: Levels = dict(map(tuple, captured.snapshot["bids"]))
        self._asks: Levels = dict(map(tuple, captured.snapshot["asks"]))
        self._update_id: int = captured.snapshot["lastUpdateId"]
        self._sent = {"depth": 0, "trade": 0}
        self._received = 0
        self._moved = asyncio.Event()
        self._connections: dict[str, ServerConnection] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["BinanceServer"]:
        """Listen on a free port."""
        async with serve(self._converse, "127.0.0.1", 0, process_request=self._answer, compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    def best(self, count: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the best levels of both sides, as they were sent."""
        bids = sorted(self._bids.items(), key=lambda level: -float(level[0]))
        asks = sorted(self._asks.items(), key=lambda level: float(level[0]))
        return bids[:count], asks[:count]

    def hang_up(self, kind: str) -> None:
        """Lose the connection that messages of a kind were asked for on last."""
        self._connections[kind].transport.abort()

    def receive(self, trades: int) -> None:
        """Learn how many trades have come."""
        self._received = trades
        self._moved.set()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return None
        self.paths.add(request.path)
        if self.out_of_order:
            self.out_of_order -= 1
            return Response(503, "Service Unavailable", Headers({"Content-Length": "0"}), b"")
        answer: Any = {"symbols": [MARKET | (FUTURE if "/fapi/" in request.path else SPOT)]}
        if "/depth" in request.path:
            bids, asks = self.best(1000)
            answer = {"lastUpdateId": self._update_id, "bids": bids, "asks": asks}
        body = json.dumps(answer).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
        return Response(200, "OK", headers, body)

    async def _converse(self, connection: ServerConnection) -> None:
        playing: dict[str, asyncio.Task[None]] = {}
        try:
            async for text in connection:
                request = json.loads(text)
                self.methods.add(request["method"])
                kind = request["params"][0].partition("@")[2].partition("@")[0]
                await connection.send(json.dumps({"result": None, "id": request["id"]}))
                self._connections[kind] = connection
                if kind not in playing:
                    playing[kind] = asyncio.create_task(self._play(kind, connection))
        except ConnectionClosed:
            return
        finally:
            for task in playing.values():
                task.cancel()
            await asyncio.gather(*playing.values(), return_exceptions=True)

    async def _play(self, kind: str, connection: ServerConnection) -> None:
        messages = self.captured.updates if kind == "depth" else self.captured.trades
        try:
            if kind == "trade":
                for message in messages[max(0, self._sent[kind] - HISTORY) : self._sent[kind]]:
                    await connection.send(json.dumps(message))
            while self._sent[kind] < len(messages):
                await self._wait(kind, connection)
                index = self._sent[kind]
                if (kind, index) in self.lost_before:
                    self.lost_before.remove((kind, index))
                    connection.transport.abort()
                    return
                await self._send(kind, index, messages[index], connection)
            self.done[kind].set()
            while True:
                await asyncio.sleep(QUIET_S)
                await self._repeat(kind, connection)
        except ConnectionClosed:
            return

    async def _send(self, kind: str, index: int, message: Message, connection: ServerConnection) -> None:
        if (kind, index) in self.garbage:
            await connection.send(self.garbage.pop((kind, index)))
        self._sent[kind] += 1
        if kind == "depth":
            self._apply(message)
        if kind == "depth" and self.skips:
            self.skips -= 1
        else:
            await connection.send(json.dumps(message))

    async def _repeat(self, kind: str, connection: ServerConnection) -> None:
        """Say something that is no news: the last trade, or an update of nothing."""
        index = self._sent[kind] - 1
        if kind == "trade":
            if index >= 0:
                await connection.send(json.dumps(self.captured.trades[index]))
            return
        before, self._update_id = self._update_id, self._update_id + 1 + self.skips
        self.skips = 0
        ids = {"U": self._update_id, "u": self._update_id} | (
            {"pu": before} if "pu" in self.captured.updates[0] else {}
        )
        await connection.send(json.dumps(self.captured.updates[index] | ids | {"b": [], "a": []}))

    async def _wait(self, kind: str, connection: ServerConnection) -> None:
        """Wait until it is time for the next message: that of the trades which have come."""
        while self._is_early(kind):
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), QUIET_S)
            except TimeoutError:
                if kind == "trade":
                    await self._repeat(kind, connection)

    def _is_early(self, kind: str) -> bool:
        index, trades = self._sent[kind], self.captured.trades
        if kind == "trade":
            return index - self._received >= AHEAD_MAX
        return self._received < len(trades) and trades[self._received]["T"] < self.captured.updates[index]["E"]

    def _apply(self, update: Message) -> None:
        if update["u"] <= self._update_id:
            return
        self._update_id = update["u"]
        for levels, changes in ((self._bids, update["b"]), (self._asks, update["a"])):
            for price, quantity in changes:
                levels.pop(price, None)
                if float(quantity):
                    levels[price] = quantity
