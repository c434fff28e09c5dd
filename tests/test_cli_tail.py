"""`finalex tail` end to end: lines for pipes, sentences for people, exit codes for scripts."""

import asyncio
import json
import signal

import pytest

from finalex.cli import run_command
from finalex.model.markets import DEFAULT_INSTRUMENTS
from support.served import serve
from terminal.program import PROGRAM, WAIT_S, environment, run


async def test_messages_are_lines_of_json() -> None:
    async with serve() as served:
        served.trade(count=3)
        url = f"ws://127.0.0.1:{served.port}"
        code, out, err = await run("tail", "trades", "BTC/USDT", "--snapshot", "3", "--count", "3", "--url", url)

    assert (code, err) == (0, "")
    assert [json.loads(line)["data"]["trade_id"] for line in out.splitlines()] == ["1", "2", "3"]


async def test_a_line_is_there_as_soon_as_its_message() -> None:
    async with serve() as served, asyncio.timeout(WAIT_S):
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "tail", "orderbook", "BTC/USDT", "--depth", "5", "--url", f"ws://127.0.0.1:{served.port}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()

    assert (first["type"], first["data"]["depth"]) == ("orderbook_snapshot", 5)
    assert (process.returncode, err) == (130, b"")


async def test_a_reader_that_leaves_ends_it_without_a_word() -> None:
    async with serve() as served, asyncio.timeout(WAIT_S):
        served.trade()
        command = f"{PROGRAM} tail trades BTC/USDT --url ws://127.0.0.1:{served.port} | head -n 1"
        process = await asyncio.create_subprocess_shell(
            command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment()
        )
        out, err = await process.communicate()

    assert (len(out.splitlines()), err) == (1, b"")


@pytest.mark.parametrize(("market", "count"), [((), len(DEFAULT_INSTRUMENTS)), (("ETH/USDT",), 1)])
async def test_the_status_of_all_markets_or_of_one_is_there_at_once(market: tuple[str, ...], count: int) -> None:
    async with serve() as served:
        url = f"ws://127.0.0.1:{served.port}"
        code, out, err = await run("tail", "status", *market, "--count", str(count), "--url", url)

    told = [json.loads(line)["data"] for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {each["symbol"] for each in told} == set(market or DEFAULT_INSTRUMENTS)
    assert {(each["state"], each["book"]) for each in told} == {("open", "live")}


async def test_a_private_channel_takes_a_token() -> None:
    async with serve() as served:
        refused = await run("tail", "orders", "--url", f"ws://127.0.0.1:{served.port}")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("finalex: AUTHENTICATION_REQUIRED: Channel 'orders' is private")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "There is no channel 'nonsense'; there are ticker, orderbook"),
        (["ticker"], "The channel 'ticker' takes a symbol"),
        (["account", "BTC/USDT"], "The channel 'account' takes no symbol"),
        (["ticker", "BTC/USDT", "--depth", "5"], "--depth means nothing for 'ticker', but for 'orderbook'"),
        (["orderbook", "BTC/USDT", "--depth", "7"], "--depth must be one of 5, 10"),
        (["kline", "BTC/USDT", "--interval", "7m"], "--interval must be one of 1m"),
        (["trades", "BTC/USDT", "--history", "5"], "--history means nothing for 'trades', but for 'kline'"),
        (["trades", "BTC/USDT", "--snapshot", "1001"], "--snapshot"),
        (["ticker", "BTC/USDT", "--count", "0"], "--count"),
        (["ticker", "BTC/USDT", "--url", "http://localhost"], "The address must be of the form ws://HOST:PORT"),
        (["ticker", "BTC/USDT", "--url", "ws://localhost/?token=x"], "Credentials do not belong in the address"),
        (["ticker", "BTC/USDT", "--token", "x", "--token-file", "y"], "give one of them"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["tail", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_two_credentials_in_the_environment_are_one_too_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FINALEX_TOKEN", "a")
    monkeypatch.setenv("FINALEX_API_KEY", "b")

    assert run_command(["tail", "orders"]) == 2
    assert "There is a token and an API key: give one of them." in capsys.readouterr().err
