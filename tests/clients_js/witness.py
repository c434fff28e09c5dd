"""An unbroken connection beside the client under test: what it sees is what there was to see."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.server import WAIT_S, Server

Message = dict[str, Any]
Levels = list[list[str]]
SYMBOL = "BTC/USDT"
DEPTH = 20
ACCOUNT = ("orders", "user_trades", "account")


class Witness:
    """What came on one connection: the messages of each channel in order, and the ids of the others."""

    def __init__(self, connection: ClientConnection) -> None:
        self._channels: defaultdict[str, list[Message]] = defaultdict(list)
        self._replies: set[str] = set()
        self._connection = connection
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Take in everything until the connection ends."""
        try:
            async for text in self._connection:
                self._take(json.loads(text))
                async with self._news:
                    self._news.notify_all()
        except ConnectionClosed:
            return

    async def request(self, request_id: str, method: str, **params: object) -> None:
        """Send a request and wait for its reply."""
        await self._connection.send(json.dumps({"id": request_id, "method": method, "params": params}))
        await self.until(lambda: request_id in self._replies)

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough` holds, which is looked at after every message."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(enough)

    def _take(self, message: Message) -> None:
        if "channel" in message:
            self._channels[message["channel"]].append(message["data"])
        else:
            self._replies.add(message["id"])

    def data(self, channel: str) -> list[Message]:
        """Return the data of all messages of a channel."""
        return self._channels[channel]

    @property
    def book_sequence(self) -> int:
        """Return the last sequence of the book."""
        sequence: int = self.data("orderbook")[-1]["sequence"]
        return sequence

    async def catch_up(self) -> None:
        """Wait until everything that happened so far on the account has come."""
        before = len(self.data("account"))
        await self.request("barrier", "subscribe", channel="account")
        await self.until(lambda: len(self.data("account")) > before)
        last = self.data("account")[-1]["sequence"]
        await self.until(lambda: self._numbers() >= set(range(1, last + 1)))

    def _numbers(self) -> set[int]:
        """Return the numbers of all messages of the account, which have no gaps."""
        return {data["sequence"] for channel in ACCOUNT for data in self.data(channel)}

    def books(self) -> dict[int, tuple[Levels, Levels]]:
        """Return the book at every sequence, best level first."""
        books: dict[int, tuple[Levels, Levels]] = {}
        sides: dict[str, dict[str, str]] = {}
        for data in self.data("orderbook"):
            if "bids" in data:
                sides = {"buy": dict(data["bids"]), "sell": dict(data["asks"])}
            else:
                side = sides[data["side"]]
                side[data["price"]] = data["quantity"]
                if data["action"] == "delete":
                    del side[data["price"]]
            books[data["sequence"]] = (_levels(sides["buy"], best=max), _levels(sides["sell"], best=min))
        return books


def _levels(side: dict[str, str], best: Callable[..., Any]) -> Levels:
    prices = sorted(side, key=float, reverse=best is max)
    return [[price, side[price]] for price in prices]


@asynccontextmanager
async def witness(server: Server, user: str, *items: dict[str, object]) -> AsyncIterator[Witness]:
    """Connect to `server` as `user`, subscribed to `items` and to everything of the account."""
    account = [{"channel": channel} for channel in ACCOUNT]
    address = f"{server.url}/?token={server.token(user)}"
    async with connect(address, max_queue=None, max_size=None) as connection:
        seen = Witness(connection)
        reading = asyncio.create_task(seen.read())
        await seen.request("subscribe", "subscribe", subscriptions=[*account, *items])
        try:
            yield seen
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
