"""Traders with the Python SDK, over an address behind which processes come and go."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import Random
from typing import Any

from cluster.faults.seen import CHANNELS, DEPTH, SYMBOL, Account, Expected, Message, Seen, plain
from finalex.client.backoff import Backoff
from finalex.client.client import Client, connect
from finalex.client.errors import CancelRejectedError, OrderRejectedError, OutcomeUnknownError, RequestFailedError
from finalex.client.inbox import Policy
from finalex.client.subscription import Book, Subscription

IN_FLIGHT = 2
"""So many requests of one client are under way at a time."""
PAUSE_S = 0.03
"""A client thinks up to so long between an outcome and its next order."""
AGAIN_S = 0.05
"""After that it tries again where the exchange takes nothing for the moment."""
ANSWER_TIMEOUT_S = 5.0
TELL_TIMEOUT_S = 60.0
BACKOFF = Backoff(first_ms=50, max_ms=400)
"""Shorter than the SDK's own, so that what is measured is the cluster's recovery and not the clients' patience."""

UNAVAILABLE = "exchange_unavailable"


class Trader:
    """One account.

    `accepted_s` is when the last order to be accepted was sent, `unavailable_s` when the exchange last said that it
    takes nothing for the moment, both on the steady clock.
    """

    def __init__(self, account: Account, rng: Random) -> None:
        self.user = account.user
        self.accepted_s = 0.0
        self.unavailable_s = 0.0
        self._account = account
        self._rng = rng
        self._seen = Seen(account.user)
        self._number = 0
        self._names: list[str] = []
        self._awake = asyncio.Event()
        self._busy = 0
        self._news = asyncio.Event()
        self._book: Book | None = None

    async def run(self) -> None:
        """Be connected and trade, until cancelled; raises what an SDK should not."""
        url, token = self._account.url, self._account.token
        async with connect(url, token=token, backoff=BACKOFF) as client, asyncio.TaskGroup() as group:
            streams: dict[str, Subscription[Any]] = {
                "trades": client.trades(SYMBOL, snapshot=1000, on_gap=self._note_gap),
                "orders": client.orders(on_gap=self._note_gap),
                "user_trades": client.user_trades(snapshot=1000, on_gap=self._note_gap),
            }
            for channel, stream in streams.items():
                group.create_task(self._collect(channel, stream))
            group.create_task(self._keep_balances(client.account(policy=Policy.LATEST_ONLY)))
            group.create_task(self._keep_book(client.book(SYMBOL, DEPTH)))
            for _ in range(IN_FLIGHT):
                group.create_task(self._trade(client))

    def go(self) -> None:
        """Trade from now on."""
        self._awake.set()

    async def rest(self) -> None:
        """Trade no more; returns when every outcome is known."""
        self._awake.clear()
        await self.until(lambda _: self._busy == 0)

    async def take(self, expected: Expected) -> Seen:
        """Wait until as much was seen as is `expected`, for a while at most; return it and begin anew."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_TIMEOUT_S):
                await self.until(lambda _: self._has(expected))
        seen, self._seen = self._seen, Seen(self.user)
        seen.book = self._shown_book()
        self._seen.balances = seen.balances
        return seen

    async def until(self, condition: Callable[["Trader"], bool]) -> None:
        """Wait until `condition` holds, which is looked at whenever something has come."""
        while not condition(self):
            self._news.clear()
            await self._news.wait()

    # --- what it is told --------------------------------------------------------------------------------

    def _has(self, expected: Expected) -> bool:
        enough = all(len(self._seen.told[channel]) >= len(expected.told[channel]) for channel in CHANNELS)
        return enough and self._shown_book() == expected.book and self._seen.balances == expected.balances

    def _shown_book(self) -> Message:
        if self._book is None:
            return {}
        book: Message = plain({"bids": self._book.bids, "asks": self._book.asks, "sequence": self._book.sequence})
        return book

    async def _collect(self, channel: str, stream: Subscription[Any]) -> None:
        async for data in stream:
            self._seen.told[channel].append(plain(data))
            self._news.set()

    async def _keep_balances(self, stream: Subscription[Any]) -> None:
        async for data in stream:
            self._seen.balances = plain(data.balances)
            self._news.set()

    async def _keep_book(self, book: Book) -> None:
        self._book = book
        async for _ in book:
            self._news.set()

    def _note_gap(self, gap: object) -> None:
        self._seen.gaps.append(str(gap))

    # --- what it does -----------------------------------------------------------------------------------

    async def _trade(self, client: Client) -> None:
        while True:
            await self._awake.wait()
            self._busy += 1
            try:
                await (self._cancel(client) if self._names and self._rng.random() < 0.25 else self._place(client))
            finally:
                self._busy -= 1
                self._news.set()
            await asyncio.sleep(self._rng.uniform(0, PAUSE_S))

    async def _place(self, client: Client) -> None:
        """Place an order and ask until its outcome is known, or give it up where nothing can have happened."""
        self._number += 1
        name, order = f"{self.user}-{self._number}", self._draw()
        certain = True
        while True:
            sent_s = time.monotonic()
            try:
                placed = await client.place_order(**order, client_order_id=name, timeout_s=ANSWER_TIMEOUT_S)
            except OutcomeUnknownError:
                certain = False
            except OrderRejectedError as refusal:
                if refusal.reason != UNAVAILABLE:
                    self._seen.refused[name] = str(refusal.reason)
                    return
                self.unavailable_s = time.monotonic()
                self._news.set()
                if certain and self._rng.random() < 0.5:
                    self._seen.abandoned.add(name)
                    return
                await asyncio.sleep(AGAIN_S)
            else:
                self._seen.placed[name] = placed.order_id
                self._names.append(name)
                self.accepted_s = max(self.accepted_s, sent_s)
                self._news.set()
                return

    async def _cancel(self, client: Client) -> None:
        name = self._names.pop(self._rng.randrange(len(self._names)))
        while True:
            try:
                canceled = await client.cancel_order(client_order_id=name, timeout_s=ANSWER_TIMEOUT_S)
            except OutcomeUnknownError:
                continue
            except CancelRejectedError:
                return
            except RequestFailedError as refusal:
                if refusal.code != "NOT_FOUND":
                    raise
                return
            self._seen.canceled.update(canceled)
            return

    def _draw(self) -> dict[str, Any]:
        rng = self._rng
        return {
            "symbol": SYMBOL,
            "side": rng.choice(("buy", "sell")),
            "type": "limit",
            "quantity": f"0.00{rng.randint(1, 9)}",
            "price": f"{45_000 + rng.randint(-5, 5)}",
            "time_in_force": rng.choice(("GTC", "GTC", "IOC")),
        }


class PythonClients:
    """Traders in this process."""

    def __init__(self, traders: list[Trader]) -> None:
        self.traders = traders

    @property
    def users(self) -> list[str]:
        """See `Clients.users`."""
        return [trader.user for trader in self.traders]

    async def go(self) -> None:
        """See `Clients.go`."""
        for trader in self.traders:
            trader.go()

    async def rest(self) -> None:
        """See `Clients.rest`."""
        await asyncio.gather(*(trader.rest() for trader in self.traders))

    async def take(self, expected: dict[str, Expected]) -> list[Seen]:
        """See `Clients.take`."""
        return await asyncio.gather(*(trader.take(expected[trader.user]) for trader in self.traders))

    async def until_each(self, condition: Callable[[Trader], bool]) -> None:
        """Wait until `condition` has held for each trader."""
        await asyncio.gather(*(trader.until(condition) for trader in self.traders))

    async def until_one(self, condition: Callable[[Trader], bool]) -> None:
        """Wait until `condition` holds for some trader."""
        waiting = [asyncio.create_task(trader.until(condition)) for trader in self.traders]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


@asynccontextmanager
async def python_clients(accounts: Iterable[Account], rng: Random) -> AsyncIterator[PythonClients]:
    """Run a trader for each account; they rest until they are told to go."""
    traders = [Trader(account, Random(rng.random())) for account in accounts]
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        for trader in traders:
            stack.callback(group.create_task(trader.run()).cancel)
        yield PythonClients(traders)
