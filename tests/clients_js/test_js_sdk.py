"""The JavaScript client: built as its users build it, and against a real server over connections that break."""

import asyncio
import json
import re
from collections.abc import Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any

from clients_js.package import NODE, SOURCES, npm
from clients_js.proxy import CuttingProxy
from clients_js.witness import DEPTH, SYMBOL, Witness, witness
from support.recordings import recording
from support.server import Server, serving

CUTS = 150
TRADES_MIN = 20
SEED = 7
USERS = ("alice", "bob")
RECORDING = "l2/binance_usdm_btcusdt_20240718.gz"
SPEED = 5
TRADING = Path(__file__).parent / "trading.mjs"
PHASE_TIMEOUT_S = 120

Result = dict[str, Any]

BOOK: dict[str, object] = {"channel": "orderbook", "symbol": SYMBOL, "depth": DEPTH}
TRADES: dict[str, object] = {"channel": "trades", "symbol": SYMBOL}


def test_the_package_has_no_dependency_and_names_no_registry() -> None:
    manifest = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert "dependencies" not in manifest
    assert "://" not in "".join(line for line in lock.splitlines() if '"url":' not in line)
    assert lock.count('"integrity"') > 1


def test_the_build_is_modules_types_and_one_file(package: Path) -> None:
    bundle = (package / "dist" / "finalex.js").read_text(encoding="utf-8")
    types = (package / "dist" / "client.d.ts").read_text(encoding="utf-8")
    assert re.search(r"^export \{", bundle, re.MULTILINE)
    assert not re.search(r"^import\b", bundle, re.MULTILINE)
    assert "placeOrder(order: OrderRequest): Promise<Order>" in types
    assert (package / "dist" / "index.js").is_file()


def test_its_own_tests_pass(package: Path) -> None:
    result = npm(package, "test")
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]


class Trading:
    """The process that trades through the client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, package: Path, server: Server, proxy: CuttingProxy, users: Sequence[str]) -> "Trading":
        """Start to trade through `proxy`, or only to look without `users`."""
        arguments = {
            "client": (package / "dist" / "finalex.js").as_uri(),
            "url": f"ws://127.0.0.1:{proxy.port}",
            "users": [{"name": user, "token": server.token(user)} for user in users] or [{"name": "reader"}],
            "seed": SEED,
        }
        process = await asyncio.create_subprocess_exec(
            NODE, TRADING, json.dumps(arguments), stdin=-1, stdout=-1, limit=2**26
        )
        return cls(process)

    async def during(self, step: Coroutine[Any, Any, None]) -> None:
        """Wait for `step`; raises if the process ends before it."""
        stepping, ending = asyncio.create_task(step), asyncio.create_task(self._process.wait())
        await asyncio.wait((stepping, ending), return_when=asyncio.FIRST_COMPLETED)
        ended = ending.done()
        for task in (stepping, ending):
            task.cancel()
        await asyncio.gather(stepping, ending, return_exceptions=True)
        assert not ended, "the process has ended"

    async def tell(self, line: str) -> str:
        """Write a line and return the next one that comes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer = await asyncio.wait_for(self._process.stdout.readline(), PHASE_TIMEOUT_S)
        assert answer, f"the process has ended with {await self._process.wait()}"
        return answer.decode().strip()

    async def end(self) -> None:
        """Wait for the end, or bring it about."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


async def trade_until_cut(trading: Trading, proxy: CuttingProxy) -> None:
    """Let them trade until enough connections were cut, and stop."""
    async with asyncio.timeout(PHASE_TIMEOUT_S):
        await trading.during(proxy.cut(CUTS))
    assert await trading.tell("stop") == "STOPPED"


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


async def test_over_a_hundred_broken_connections_of_traders_lose_and_double_nothing(package: Path) -> None:
    async with (
        serving(source="exchange", connections_per_ip="1000") as server,
        witness(server, "alice", BOOK, TRADES) as alice,
        witness(server, "bob") as bob,
        CuttingProxy(server.port, Random(SEED), 20_000).running() as proxy,
    ):
        trading = await Trading.start(package, server, proxy, USERS)
        try:
            await trade_until_cut(trading, proxy)
            await alice.catch_up()
            await bob.catch_up()
            await alice.until(lambda: len(alice.data("trades")) == len(alice.data("user_trades")))
            expected = [what_there_is(alice, account) for account in (alice, bob)]
            result = json.loads(await trading.tell(json.dumps(expected)))
        finally:
            await trading.end()
    assert len(alice.data("user_trades")) == len(bob.data("user_trades"))
    for seen, account in zip(result["traders"], (alice, bob), strict=True):
        assert len(seen["trades"]) == len(alice.data("trades"))
        check_market(seen, alice)
        check_account(seen, account)


async def test_over_a_hundred_broken_connections_in_a_replay_lose_and_double_nothing(package: Path) -> None:
    source = f"replay:{recording(RECORDING)}"
    past = {**TRADES, "snapshot": 1000}
    async with (
        serving(source=source, speed=str(SPEED), connections_per_ip="1000") as server,
        witness(server, "alice", BOOK, past) as market,
        CuttingProxy(server.port, Random(SEED), 5000).running() as proxy,
    ):
        trading = await Trading.start(package, server, proxy, ())
        try:
            await trade_until_cut(trading, proxy)
            result = json.loads(await trading.tell(json.dumps([what_there_is(market)])))
            (seen,) = result["traders"]
            await market.until(lambda: market.book_sequence >= seen["samples"][-1]["sequence"])
            await market.until(lambda: len(market.data("trades")) >= len(seen["trades"]))
        finally:
            await trading.end()
    check_market(seen, market)
