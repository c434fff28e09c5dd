"""A run of `trading.mjs`, wherever JavaScript runs, and what it must have seen."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from clients_js.proxy import CuttingProxy
from clients_js.witness import Witness
from support.server import Server

CUTS = 150
TRADES_MIN = 20
SEED = 7
PHASE_TIMEOUT_S = 120

Result = dict[str, Any]


class Run(Protocol):
    """Accounts that trade through the client, or somebody who only looks."""

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """Wait for `step`; raises if the run fails before it ends."""

    async def stop(self) -> None:
        """End the trading."""

    async def result(self, expected: object) -> Result:
        """Wait until everybody has seen what is `expected`, and return what they saw."""


class Start(Protocol):
    """Starts a run with the built client in `package`; it ends with the context."""

    def __call__(self, package: Path, arguments: dict[str, Any]) -> AbstractAsyncContextManager[Run]:
        """Start it with what `trading.mjs` takes, but the address of the client."""


def arguments_for(server: Server, proxy: CuttingProxy, users: Sequence[str]) -> dict[str, Any]:
    """Return what a run takes to trade as `users` through `proxy`, or only to look without them."""
    return {
        "url": f"ws://127.0.0.1:{proxy.port}",
        "users": [{"name": user, "token": server.token(user)} for user in users] or [{"name": "reader"}],
        "seed": SEED,
    }


async def first_of(step: Coroutine[Any, Any, None], failure: Coroutine[Any, Any, str]) -> None:
    """Wait for `step`; raises `AssertionError` with what `failure` returns if that is there before it."""
    stepping, failing = asyncio.create_task(step), asyncio.create_task(failure)
    try:
        await asyncio.wait((stepping, failing), return_when=asyncio.FIRST_COMPLETED)
        assert not failing.done(), failing.result()
        await stepping
    finally:
        for task in (stepping, failing):
            task.cancel()
        await asyncio.gather(stepping, failing, return_exceptions=True)


async def trade_until_cut(run: Run, proxy: CuttingProxy) -> None:
    """Let them trade until enough connections were cut, and stop."""
    async with asyncio.timeout(PHASE_TIMEOUT_S):
        await run.during(proxy.cut(CUTS))
        await run.stop()
    assert proxy.cuts >= CUTS


def what_there_is(market: Witness, account: Witness | None = None) -> dict[str, object]:
    """Return how much a client has to see until it has seen everything."""
    lists = [market.data("trades")]
    if account is not None:
        lists += [account.data("orders"), account.data("user_trades")]
    return {"counts": [len(each) for each in lists], "book": market.book_sequence}


def check_market(result: Result, market: Witness) -> None:
    """Assert that a client over broken connections saw the trades and books that an unbroken one saw."""
    assert result["gaps"] == 0
    assert len(result["trades"]) > TRADES_MIN
    assert result["trades"] == market.data("trades")[: len(result["trades"])]
    books = market.books()
    assert len(result["samples"]) > CUTS
    for view in result["samples"]:
        assert (view["bids"], view["asks"]) == books[view["sequence"]], f"the book differs at {view['sequence']}"


def check_account(result: Result, account: Witness) -> None:
    """Assert that a client saw all of its account, and knows of each order what became of it."""
    orders = account.data("orders")
    assert result["orders"] == orders
    assert result["fills"] == account.data("user_trades")
    placed = {order["client_order_id"]: order["order_id"] for order in orders if order["status"] != "rejected"}
    assert placed == {name: outcome for name, outcome in result["outcomes"].items() if "-" in outcome}
