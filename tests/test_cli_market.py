"""The kill switch from the command line, on a whole server: clients see it, and orders are refused."""

import asyncio
import sys
from pathlib import Path

from support.server import WAIT_S, serving

PROGRAM = Path(sys.executable).with_name("finalex")
ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "0.01", "price": "40000.00"}


async def run(data_dir: Path, *arguments: str) -> tuple[int | None, str, str]:
    """Run `finalex` as its user does."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, "--data-dir", str(data_dir), stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(process.communicate(), 2 * WAIT_S)
    return process.returncode, out.decode(), err.decode()


async def test_a_halt_reaches_every_client_and_refuses_orders_until_it_is_lifted(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="status", symbol="BTC/USDT")
        assert (await alice.next_of("status"))["data"]["state"] == "open"
        placed = await alice.request("place_order", **ORDER)

        assert await run(tmp_path, "halt", "BTC/USDT", "--reason", "news") == (
            0,
            "MARKET    STATE   REASON\nBTC/USDT  halted  news\n",
            "",
        )
        told = (await alice.next_of("status"))["data"]
        assert (told["state"], told["reason"]) == ("halted", "news")
        refused = await alice.request("place_order", **ORDER)
        assert (refused["data"]["code"], refused["data"]["reason"]) == ("ORDER_REJECTED", "market_halted")
        kept = await alice.request("cancel_order", order_id=placed["data"]["order_id"])
        assert (kept["data"]["code"], kept["data"]["reason"]) == ("ORDER_REJECTED", "market_halted")

        assert (await run(tmp_path, "open", "all"))[0] == 0
        assert (await alice.next_of("status"))["data"]["state"] == "open"
        canceled = await alice.request("cancel_order", order_id=placed["data"]["order_id"])
        assert canceled["type"] == "orders_canceled"


async def test_a_halt_outlives_the_server(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)):
        assert (await run(tmp_path, "halt", "all", "--cancel-only"))[0] == 0
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, server.client("alice") as alice:
        refused = await alice.request("place_order", **ORDER)
        assert refused["data"]["reason"] == "market_cancel_only"
        out = (await run(tmp_path, "markets"))[1]
        assert out.splitlines()[1].split() == ["BTC/USDT", "cancel_only"]


async def test_an_unknown_market_is_one_sentence(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)):
        code, out, err = await run(tmp_path, "halt", "BTC-USDT")
        assert (code, out, err) == (1, "", "finalex: There is no market 'BTC-USDT'. Did you mean BTC/USDT?\n")


async def test_an_account_that_sends_too_many_orders_a_second_is_told(tmp_path: Path) -> None:
    settings = {"source": "exchange", "data_dir": str(tmp_path), "orders_per_second_max": "2"}
    async with serving(**settings) as server, server.client("alice") as alice:
        replies = [await alice.request("place_order", **ORDER) for _ in range(20)]
        refused = [reply["data"]["reason"] for reply in replies if reply["type"] == "error"]
        assert replies[0]["type"] == replies[1]["type"] == "order_accepted"
        assert set(refused) == {"order_rate"}
