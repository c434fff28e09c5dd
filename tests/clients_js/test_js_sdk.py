"""The JavaScript client: built as its users build it, and against a real server over connections that break."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from clients_js.chromium import run_in_chromium
from clients_js.node import run_in_node
from clients_js.package import SOURCES, npm
from clients_js.proxy import CuttingProxy
from clients_js.run import SEED, Start, arguments_for, check_account, check_market, trade_until_cut, what_there_is
from clients_js.witness import DEPTH, SYMBOL, witness
from support.recordings import recording
from support.server import serving

USERS = ("alice", "bob")
RECORDING = "l2/binance_usdm_btcusdt_20240718.gz"
SPEED = 5

BOOK: dict[str, object] = {"channel": "orderbook", "symbol": SYMBOL, "depth": DEPTH}
TRADES: dict[str, object] = {"channel": "trades", "symbol": SYMBOL}

everywhere = pytest.mark.parametrize("start", [run_in_node, run_in_chromium], ids=["node", "chromium"])


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


@everywhere
async def test_over_a_hundred_broken_connections_of_traders_lose_and_double_nothing(
    package: Path, start: Start
) -> None:
    async with (
        serving(source="exchange", connections_per_ip="1000") as server,
        witness(server, "alice", BOOK, TRADES) as alice,
        witness(server, "bob") as bob,
        CuttingProxy(server.port, Random(SEED), 20_000).running() as proxy,
        start(package, arguments_for(server, proxy, USERS)) as run,
    ):
        await trade_until_cut(run, proxy)
        await alice.catch_up()
        await bob.catch_up()
        await alice.until(lambda: len(alice.data("trades")) == len(alice.data("user_trades")))
        result = await run.result([what_there_is(alice, account) for account in (alice, bob)])
    assert len(alice.data("user_trades")) == len(bob.data("user_trades"))
    for seen, account in zip(result["traders"], (alice, bob), strict=True):
        assert len(seen["trades"]) == len(alice.data("trades"))
        check_market(seen, alice)
        check_account(seen, account)


@everywhere
async def test_over_a_hundred_broken_connections_in_a_replay_lose_and_double_nothing(
    package: Path, start: Start
) -> None:
    source = f"replay:{recording(RECORDING)}"
    past = {**TRADES, "snapshot": 1000}
    async with (
        serving(source=source, speed=str(SPEED), connections_per_ip="1000") as server,
        witness(server, "alice", BOOK, past) as market,
        CuttingProxy(server.port, Random(SEED), 5000).running() as proxy,
        start(package, arguments_for(server, proxy, ())) as run,
    ):
        await trade_until_cut(run, proxy)
        result = await run.result([what_there_is(market)])
        (seen,) = result["traders"]
        await market.until(lambda: market.book_sequence >= seen["samples"][-1]["sequence"])
        await market.until(lambda: len(market.data("trades")) >= len(seen["trades"]))
    check_market(seen, market)
