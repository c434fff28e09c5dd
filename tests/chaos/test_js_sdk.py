"""The JavaScript client in the sandbox: under every profile it ends with exactly what there was."""

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from chaos.surviving import PROFILES, ROUND_S, USERS, enough_went_wrong, market, watching
from clients_js.conftest import package
from clients_js.node import run_in_node
from clients_js.run import Result, check_account, what_there_is
from clients_js.witness import Witness
from support.server import Server

__all__ = ["package"]

SEED = 12
IMPATIENT = Path(__file__).parent / "impatient.mjs"


def arguments(server: Server, bundle: Path) -> dict[str, object]:
    """Return what a run takes to trade in the sandbox."""
    return {
        "client": f"{IMPATIENT.as_uri()}?bundle={quote(bundle.as_uri(), safe='')}",
        "url": server.url,
        "users": [{"name": user, "token": server.token(user)} for user in USERS],
        "seed": SEED,
    }


def expected(market_seen: Witness, account: Witness) -> dict[str, object]:
    """Return how much a client has to see until it has seen everything."""
    return {**what_there_is(market_seen, account), "account": account.data("account")[-1]["sequence"]}


def check(result: Result, witness: Witness) -> None:
    """Assert that a client saw exactly what the witness saw."""
    assert result["gaps"] == 0
    assert result["trades"] == witness.data("trades")
    check_account(result, witness)
    assert result["balances"] == witness.data("account")[-1]
    books = witness.books()
    assert result["samples"][-1]["sequence"] == witness.book_sequence
    for view in result["samples"]:
        assert (view["bids"], view["asks"]) == books[view["sequence"]], f"the book differs at {view['sequence']}"


@pytest.mark.parametrize("name", PROFILES)
async def test_it_ends_with_exactly_what_there_was(name: str, package: Path) -> None:
    async with (
        market(name, SEED) as server,
        watching(server, USERS[0]) as alice,
        watching(server, USERS[1]) as bob,
        run_in_node(package, arguments(server, package / "dist" / "finalex.js")) as run,
        asyncio.timeout(ROUND_S),
    ):
        await run.during(enough_went_wrong(server, name))
        await run.stop()
        for witness in (alice, bob):
            await witness.catch_up()
        result = await run.result([expected(witness, witness) for witness in (alice, bob)])
    for seen, witness in zip(result["traders"], (alice, bob), strict=True):
        check(seen, witness)
    assert len(alice.data("user_trades")) > 0
