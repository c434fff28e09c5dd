"""The recorder and the market maker keep their promises while their connections are cut."""

import asyncio
import json
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from random import Random

from clients_js.proxy import CuttingProxy
from docs.pages import ROOT
from support.server import Server, serving

EXAMPLES = ROOT / "examples"
SYMBOL = "BTC/USDT"
CUTS = 3
TRADES_BYTES_MAX = 3_000
BOOK_BYTES_MAX = 20_000
"""After so many bytes at most a connection is cut: there are far fewer trades than changes of a book."""
LINE_WAIT_S = 60
MAKER_RUN_S = "6"


@asynccontextmanager
async def program(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example; it is killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(EXAMPLES / name), *arguments, stdout=-1, stderr=-1
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def recorded_up_to(process: asyncio.subprocess.Process, trade: int) -> None:
    """Wait until the recorder says that it has a trade."""
    assert process.stdout is not None
    async with asyncio.timeout(LINE_WAIT_S):
        while line := (await process.stdout.readline()).decode():
            said = re.fullmatch(rf"{SYMBOL}: up to trade (\d+)\n", line)
            assert said, line
            if int(said[1]) >= trade:
                return
    raise AssertionError((await process.communicate())[1].decode())


async def last_trades(server: Server) -> dict[int, tuple[str, str]]:
    """Return price and quantity of the last trades, as the server tells them."""
    async with server.client() as client:
        await client.request("subscribe", channel="trades", symbol=SYMBOL, snapshot=1000)
        await client.request("ping")
        trades = [message["data"] for message in client.seen if message["type"] == "trade"]
    return {int(trade["trade_id"]): (trade["price"], trade["quantity"]) for trade in trades}


def of_table(path: Path) -> dict[int, tuple[str, str]]:
    """Return what the recorder wrote into a database."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT trade_id, price, quantity FROM trades ORDER BY trade_id").fetchall()
    return {number: (price, quantity) for number, price, quantity in rows}


def of_lines(path: Path) -> dict[int, tuple[str, str]]:
    """Return what the recorder wrote as JSON lines; none may be there twice."""
    trades = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = {int(trade["trade_id"]): (trade["price"], trade["quantity"]) for trade in trades}
    assert len(found) == len(trades)
    return found


def whole(recorded: dict[int, tuple[str, str]], told: dict[int, tuple[str, str]]) -> bool:
    """Whether trades were recorded without a hole, in order, and as the server tells them."""
    numbers = list(recorded)
    same = {number: recorded[number] for number in recorded if number in told}
    return numbers == list(range(numbers[0], numbers[-1] + 1)) and same.items() <= told.items() and len(same) > 10


async def test_no_trade_is_lost_over_cuts_and_a_kill(tmp_path: Path) -> None:
    table, lines = tmp_path / "trades.sqlite", tmp_path / "trades.jsonl"
    async with serving(source="simulate", history_hours="0", connections_per_ip="100") as server:
        proxy = CuttingProxy(server.port, Random(3), TRADES_BYTES_MAX)
        async with proxy.running():
            url = f"ws://127.0.0.1:{proxy.port}"
            async with program("recorder.py", url, str(table), SYMBOL) as recorder:
                await recorded_up_to(recorder, 1)
                await proxy.cut(CUTS)
                await recorded_up_to(recorder, max(await last_trades(server)))
            for _ in range(2):  # the second one goes on where the first was killed
                async with program("recorder.py", server.url, str(lines), SYMBOL) as recorder:
                    await recorded_up_to(recorder, max(await last_trades(server)) + 5)
        told = await last_trades(server)
    assert whole(of_table(table), told)
    assert whole(of_lines(lines), told)


async def test_a_line_that_a_kill_tore_is_written_again(tmp_path: Path) -> None:
    lines = tmp_path / "trades.jsonl"
    async with serving(source="simulate", history_hours="0") as server:
        async with program("recorder.py", server.url, str(lines), SYMBOL) as recorder:
            await recorded_up_to(recorder, 12)
        lines.write_bytes(lines.read_bytes()[:-20])
        async with program("recorder.py", server.url, str(lines), SYMBOL) as recorder:
            await recorded_up_to(recorder, max(of_lines_before_tear(lines)) + 1)
        told = await last_trades(server)
    assert whole(of_lines(lines), told)


def of_lines_before_tear(path: Path) -> list[int]:
    """Return the numbers of the trades in whole lines."""
    whole_lines = path.read_bytes().split(b"\n")[:-1]
    return [int(json.loads(line)["trade_id"]) for line in whole_lines]


async def test_the_maker_knows_its_position_and_leaves_nothing_behind() -> None:
    async with serving(source="simulate", history_hours="0", connections_per_ip="100") as server:
        proxy = CuttingProxy(server.port, Random(5), BOOK_BYTES_MAX)
        async with proxy.running():
            url = f"ws://127.0.0.1:{proxy.port}"
            async with program("market_maker.py", url, server.token("maker"), MAKER_RUN_S) as maker:
                output, errors = await asyncio.wait_for(maker.communicate(), LINE_WAIT_S)
            async with server.client("maker") as client:
                await client.request("subscribe", channel="user_trades", snapshot=1000)
                await client.request("subscribe", channel="orders")
                await client.request("ping")
        fills = [message["data"] for message in client.seen if message["type"] == "user_trade"]
        left = [message for message in client.seen if message["type"] == "order_update"]
    assert maker.returncode == 0, errors.decode()
    assert proxy.cuts > 0
    said = output.decode().splitlines()
    position = sum(Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1) for fill in fills)
    assert Decimal(said[-1].rpartition(" ")[2]) == position
    assert any(line.startswith("buy quote at ") for line in said)
    assert left == []
