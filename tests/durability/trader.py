"""A client that trades at random, loses its connection, comes back, and remembers all that it was told."""

import asyncio
import contextlib
import json
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

Message = dict[str, Any]

RESUMED = ("trades", "orders", "user_trades")
SYMBOL = "BTC/USDT"
PAUSE_S = 0.02
"""Between two attempts to connect."""


class Trader:
    """One account on one connection at a time.

    `outcomes` are the replies by `client_order_id`, `canceled` the order ids whose cancel was acknowledged, and
    `messages` what came on each of the channels that can be resumed, in order, without what came twice being hidden.
    """

    def __init__(self, user: str, token: str, rng: Random) -> None:
        self.user = user
        self.outcomes: dict[str, Message] = {}
        self.canceled: set[str] = set()
        self.messages: dict[str, list[Message]] = {channel: [] for channel in RESUMED}
        self.resumed: list[bool] = []
        self._token = token
        self._rng = rng
        self._number = 0
        self._unanswered: dict[str, Message] = {}
        self._opening = True

    async def run(self, url: str, stopping: asyncio.Event) -> None:
        """Trade on the server at `url` until it dies or `stopping` is set."""
        while not stopping.is_set():
            with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed):
                async with connect(f"{url}/?token={self._token}", max_queue=None, max_size=None) as connection:
                    await self._converse(connection, stopping)
            await asyncio.sleep(PAUSE_S)

    async def catch_up(self, url: str) -> None:
        """Come back to a quiet server: every open question is answered, and every channel brought up to date."""
        async with connect(f"{url}/?token={self._token}", max_queue=None, max_size=None) as connection:
            await self._subscribe(connection)
            await self._ask_again(connection)
            acknowledged = False
            while self._unanswered or not acknowledged:
                message = json.loads(await connection.recv())
                acknowledged = acknowledged or message["id"] == "subscribe"
                self._take(message)
            await connection.send('{"id":"end","method":"ping"}')
            while (message := json.loads(await connection.recv()))["id"] != "end":
                self._take(message)

    async def _converse(self, connection: ClientConnection, stopping: asyncio.Event) -> None:
        reader = asyncio.create_task(self._read(connection))
        try:
            await self._subscribe(connection)
            await self._ask_again(connection)
            while not stopping.is_set() and not reader.done():
                await self._act(connection)
                await asyncio.sleep(self._rng.uniform(0, 0.004))
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await reader

    async def _read(self, connection: ClientConnection) -> None:
        while True:
            self._take(json.loads(await connection.recv()))

    async def _subscribe(self, connection: ClientConnection) -> None:
        items = []
        for channel in RESUMED:
            item: Message = {"channel": channel, "symbol": SYMBOL}
            if self.messages[channel]:
                item["after"] = self.messages[channel][-1]["id"]
            items.append(item)
        request = {"id": "subscribe", "method": "subscribe", "params": {"subscriptions": items}}
        await connection.send(json.dumps(request))

    async def _ask_again(self, connection: ClientConnection) -> None:
        for request in list(self._unanswered.values()):
            await connection.send(json.dumps(request))

    async def _act(self, connection: ClientConnection) -> None:
        if self.outcomes and self._rng.random() < 0.3:
            known = self._rng.choice(list(self.outcomes))
            request = {"id": f"cancel-{known}", "method": "cancel_order", "params": {"client_order_id": known}}
        else:
            self._number += 1
            request = self._order(f"{self.user}-{self._number}")
            self._unanswered[str(request["id"])] = request
        await connection.send(json.dumps(request))

    def _order(self, name: str) -> Message:
        price = 45_000 + self._rng.randint(-5, 5)
        order = {
            "symbol": SYMBOL,
            "side": self._rng.choice(("buy", "sell")),
            "type": "limit",
            "quantity": f"0.00{self._rng.randint(1, 9)}",
            "price": f"{price}",
            "time_in_force": self._rng.choice(("GTC", "GTC", "IOC")),
            "client_order_id": name,
        }
        return {"id": name, "method": "place_order", "params": order}

    def _take(self, message: Message) -> None:
        kind, data = message["type"], message["data"]
        if message.get("channel") in self.messages:
            self.messages[message["channel"]].append(message)
        elif kind == "orders_canceled":
            self.canceled.update(data["order_ids"])
        elif kind == "subscribed":
            self.resumed += [result["resumed"] for result in data["results"] if "resumed" in result]
        elif message["id"] in self._unanswered and data.get("reason") != "exchange_unavailable":
            self.outcomes[message["id"]] = message
            del self._unanswered[message["id"]]
