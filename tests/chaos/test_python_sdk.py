"""The Python client in the sandbox: under every profile it ends with exactly what there was."""

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from random import Random
from typing import Any

import pytest

from chaos.asking import SYMBOL
from chaos.surviving import EXPECTED, PAUSE_S, PROFILES, ROUND_S, USERS, enough_went_wrong, market, watching
from client.waiting import until
from clients_js.witness import DEPTH, Witness
from finalex.client import Backoff, Client, ConnectionFailedError, OrderRejectedError, RequestFailedError, connect
from finalex.client import core as client_core
from finalex.client import requests as client_requests
from finalex.client import subscriptions as client_subscriptions
from support.server import Server

SEED = 11
FAST = Backoff(first_ms=5, max_ms=40)
ORDERS_MAX = 3000

Levels = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what takes minutes by default take a second."""
    monkeypatch.setattr(client_core, "QUIET_MS", 500)
    monkeypatch.setattr(client_core, "SILENT_MS_MAX", 1500)
    monkeypatch.setattr(client_subscriptions, "ANSWER_MS_MAX", 5000)
    monkeypatch.setattr(client_subscriptions, "RATE_PAUSE_MS", 400)
    monkeypatch.setattr(client_requests, "RATE_PAUSE_MS", 400)


class Bot:
    """An account that trades through the client, and everything that it saw."""

    def __init__(self, user: str, seed: int) -> None:
        self.user = user
        self.outcomes: dict[str, str] = {}
        self.trades: list[Any] = []
        self.orders: list[Any] = []
        self.fills: list[Any] = []
        self.balances: list[Any] = []
        self.books: dict[int, tuple[Levels, Levels]] = {}
        self.stopping = False
        self._chance = Random(seed)

    def follow(self, client: Client, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to write down all that comes."""
        lists = {
            client.trades(SYMBOL, snapshot=1000): self.trades,
            client.orders(): self.orders,
            client.user_trades(snapshot=1000): self.fills,
            client.account(): self.balances,
        }
        tasks = [group.create_task(self._collect(each, found)) for each, found in lists.items()]
        return [*tasks, group.create_task(self._follow_book(client))]

    async def trade(self, client: Client) -> None:
        """Place orders that often trade, and cancel some, until told to stop; each gets its outcome."""
        for number in range(ORDERS_MAX):
            if self.stopping:
                return
            name = f"{self.user}-{number}"
            self.outcomes[name] = await self._place(client, name)
            if self._chance.random() < 0.4:
                await self._cancel(client, f"{self.user}-{self._chance.randint(max(0, number - 20), number)}")
            await asyncio.sleep(self._chance.random() * 0.01)

    async def _place(self, client: Client, name: str) -> str:
        side, price = self._chance.choice(("buy", "sell")), 45_000 + self._chance.randint(-4, 4)
        try:
            order = await client.place_order(
                SYMBOL, side, "limit", "0.001", price, client_order_id=name, timeout_s=ROUND_S
            )
        except OrderRejectedError as error:
            return str(error.reason)
        return order.order_id

    async def _cancel(self, client: Client, name: str) -> None:
        try:
            await client.cancel_order(client_order_id=name, timeout_s=ROUND_S)
        except RequestFailedError as error:
            assert error.code == "NOT_FOUND"

    async def _collect(self, subscription: Any, found: list[Any]) -> None:
        async for item in subscription:
            found.append(item)  # noqa: PERF401 (what came must be there whenever the loop is cancelled)

    async def _follow_book(self, client: Client) -> None:
        async for book in client.book(SYMBOL, DEPTH):
            self.books[book.sequence] = (book.bids, book.asks)

    def has_all(self, witness: Witness) -> bool:
        """Whether nothing that the witness saw is still to come."""
        lists = (("trades", self.trades), ("orders", self.orders), ("user_trades", self.fills))
        same = all(len(found) >= len(witness.data(channel)) for channel, found in lists)
        balances = self.balances and self.balances[-1].sequence == witness.data("account")[-1]["sequence"]
        return bool(same and balances and max(self.books, default=0) >= witness.book_sequence)

    def check(self, witness: Witness) -> None:
        """Assert that all of it is exactly what the witness saw."""
        assert [trade.trade_id for trade in self.trades] == [trade["trade_id"] for trade in witness.data("trades")]
        seen = [(order["order_id"], order["status"], order["filled_quantity"]) for order in witness.data("orders")]
        assert [(order.order_id, order.status, order.filled_quantity) for order in self.orders] == seen
        assert [fill.trade_id for fill in self.fills] == [fill["trade_id"] for fill in witness.data("user_trades")]
        final = [(b["currency"], b["available"], b["locked"]) for b in witness.data("account")[-1]["balances"]]
        assert [(b.currency, b.available, b.locked) for b in self.balances[-1].balances] == final
        placed = {o["client_order_id"]: o["order_id"] for o in witness.data("orders") if o["status"] == "new"}
        assert placed.items() <= self.outcomes.items()
        assert set(self.outcomes.values()) - set(placed.values()) <= {"insufficient_funds", "too_many_open_orders"}
        self._check_books(witness)

    def _check_books(self, witness: Witness) -> None:
        levels = witness.books()
        assert set(self.books) <= set(levels)
        assert witness.book_sequence in self.books
        for sequence, sides in self.books.items():
            assert sides == tuple([(price, quantity) for price, quantity in side] for side in levels[sequence])


async def connected(server: Server, user: str, stack: AsyncExitStack) -> Client:
    """Connect; that the first connection fails is the caller's affair."""
    while True:
        with suppress(ConnectionFailedError):
            return await stack.enter_async_context(connect(server.url, token=server.token(user), backoff=FAST))


async def trade_together(server: Server, name: str, bots: list[Bot], witnesses: list[Witness]) -> None:
    """Let the bots trade until enough went wrong, and see everything there is to see."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        clients = [await connected(server, bot.user, stack) for bot in bots]
        followers = [task for bot, client in zip(bots, clients, strict=True) for task in bot.follow(client, group)]
        async with asyncio.TaskGroup() as traders:
            for bot, client in zip(bots, clients, strict=True):
                traders.create_task(bot.trade(client))
            await enough_went_wrong(server, name)
            for bot in bots:
                bot.stopping = True
        for bot, witness in zip(bots, witnesses, strict=True):
            await witness.catch_up()
            await until(partial(bot.has_all, witness), PAUSE_S)
        for follower in followers:
            follower.cancel()


@pytest.mark.parametrize("name", PROFILES)
async def test_it_ends_with_exactly_what_there_was(name: str) -> None:
    async with (
        market(name, SEED) as server,
        watching(server, USERS[0]) as alice,
        watching(server, USERS[1]) as bob,
        asyncio.timeout(ROUND_S),
    ):
        bots, witnesses = [Bot(user, SEED) for user in USERS], [alice, bob]
        await trade_together(server, name, bots, witnesses)
    for bot, witness in zip(bots, witnesses, strict=True):
        bot.check(witness)
    assert len(bots[0].fills) > 0


def test_every_profile_is_survived() -> None:
    assert set(PROFILES) == set(EXPECTED)
