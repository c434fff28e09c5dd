"""`finalex trade` end to end: orders, refusals, exit codes, and JSON for scripts."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from finalex.cli import run_command
from support.server import serving
from terminal.program import Result, run

Trade = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture
async def trade() -> AsyncIterator[Trade]:
    """Run `finalex trade` as alice, who has demo balances, on an exchange without other traders."""
    async with serving(source="exchange") as server:

        async def run_trade(command: str, *arguments: str, **variables: str) -> Result:
            chosen = {"FINALEX_TOKEN": server.token("alice")} | variables
            return await run("trade", command, *arguments, "--url", server.url, **chosen)

        yield run_trade


async def test_an_order_lives_from_its_placing_to_its_cancel(trade: Trade) -> None:
    placed = await trade("buy", "BTC/USDT", "0.01", "--price", "45000", "--post-only", "--client-order-id", "mine")
    listed = await trade("orders")
    canceled = await trade("cancel", "--client-order-id", "mine")
    after = await trade("orders")

    assert (placed.code, placed.err) == (0, "")
    assert placed.lines[0] == "buy 0.01000000 BTC/USDT at 45000.00 (limit, GTC, post-only): new"
    order_id = placed.lines[1].split()[-1]
    assert listed.lines[1].split() == [
        *(order_id, "BTC/USDT", "buy", "limit", "45000.00", "0.01000000", "0.00000000", "new", "mine"),
    ]
    assert canceled.out == f"canceled {order_id}\n"
    assert after.out == "No open orders.\n"


async def test_the_same_client_order_id_trades_once(trade: Trade) -> None:
    order = ("buy", "BTC/USDT", "0.01", "--price", "45000", "--client-order-id", "once", "--json")
    first, second = await trade(*order), await trade(*order)
    orders = json.loads((await trade("orders", "--json")).out)

    assert json.loads(first.out)["order_id"] == json.loads(second.out)["order_id"]
    assert len(orders) == 1


async def test_a_refusal_says_why_and_is_1(trade: Trade) -> None:
    code, out, err = await trade("sell", "BTC/USDT", "0.01", "--json")

    assert (code, json.loads(out)["error"]["reason"]) == (1, "no_liquidity")
    assert err.startswith("finalex: refused (no_liquidity): ")


async def test_all_orders_can_be_canceled(trade: Trade) -> None:
    for price in ("45000", "44000"):
        await trade("buy", "BTC/USDT", "0.01", "--price", price, "--tif", "GTC")
    canceled = await trade("cancel-all", "BTC/USDT")
    again = await trade("cancel-all")

    assert (canceled.code, len(canceled.lines)) == (0, 2)
    assert again.out == "Nothing was open.\n"


async def test_a_token_may_be_in_a_file(trade: Trade, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("nonsense\n")
    refused = await trade("balances", "--token-file", str(secret))
    held = await trade("balances")

    assert (refused.code, refused.out) == (1, "")
    assert "INVALID_TOKEN" in refused.err
    assert held.lines[0].split() == ["CURRENCY", "AVAILABLE", "LOCKED", "TOTAL"]
    assert ["BTC", "2.00000000", "0.00000000", "2.00000000"] in [line.split() for line in held.lines]


async def test_an_order_that_is_not_there_is_not_found(trade: Trade) -> None:
    code, out, err = await trade("cancel", "01a206e0-ac15-8000-8000-0000000108fa")

    assert (code, out) == (1, "")
    assert err.startswith("finalex: NOT_FOUND: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["balances"], 1, "Trading takes a token or an API key: set FINALEX_TOKEN"),
        (["cancel"], 2, "Name the order by its id or by --client-order-id"),
        (["cancel", "a", "--client-order-id", "b"], 2, "Name the order by its id or by --client-order-id"),
        (["orders", "--timeout", "0s"], 2, "--timeout must be more than 0"),
        (["orders", "--token", "a b"], 2, "There is no token in --token"),
        (["buy", "BTC/USDT", "1", "--tif", "DAY"], 2, "--tif"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(
    arguments: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("FINALEX_TOKEN", "FINALEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    assert run_command(["trade", *arguments]) == code
    assert said in capsys.readouterr().err


def test_a_server_that_is_not_there_is_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FINALEX_TOKEN", "any")
    monkeypatch.delenv("FINALEX_API_KEY", raising=False)

    assert run_command(["trade", "orders", "--url", "ws://127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "finalex: Cannot connect to ws://127.0.0.1:1: connection refused.\n"
