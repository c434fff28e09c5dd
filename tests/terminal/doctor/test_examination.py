"""The doctor before a healthy server, and before servers that are not: each fault has its own finding."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from finalex.client.link import Opener, picows_opener
from finalex.clock import now_ns
from finalex.terminal.doctor.examination import Patient, examine
from finalex.terminal.doctor.findings import Finding, Outcome, is_healthy
from support.served import Served, serve
from support.server import serving
from terminal.doctor.faulty import FaultyOpener, Message

SKEW_MS = 5_000


async def examined(url: str, opener: Opener | None = None, **patient: Any) -> dict[str, Finding]:
    chosen = {"url": url, "symbol": "BTC/USDT", "seconds": 0.2, "headers": {}, "now_ns": now_ns, "answer_s": 5.0}
    async with asyncio.timeout(60):
        findings = await examine(Patient(**{**chosen, "opener": opener or picows_opener(), **patient}))
    return {finding.name: finding for finding in findings}


@asynccontextmanager
async def one_trade() -> AsyncIterator[Served]:
    """Serve a market in which one trade has happened; its clock stands still."""
    async with serve() as served:
        served.trade()
        yield served


async def examined_with(served: Served, **patient: Any) -> dict[str, Finding]:
    """Return what is found by a doctor with the clock of the server."""
    clock = {"now_ns": lambda: served.now_ms * 1_000_000}
    return await examined(f"ws://127.0.0.1:{served.port}", **{**clock, **patient})


def failed(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: found.details for name, found in findings.items() if found.outcome is Outcome.FAILED}


async def test_a_healthy_server_is_healthy() -> None:
    async with serving(seed="7") as server:
        findings = await examined(server.url)

    assert failed(findings) == {}
    judged = {name for name, found in findings.items() if found.outcome is Outcome.OK}
    assert {"greeting", "ping", "clock", "bad message", "book sequence", "book levels", "candles", "ticker"} <= judged
    assert {"unknown symbol", "private without login", "heartbeat", "unsubscribe", "message format"} <= judged


async def test_somebody_who_logs_in_has_the_private_channels_examined() -> None:
    async with serving(source="exchange") as server:
        findings = await examined(server.url, headers={"Authorization": f"Bearer {server.token('alice')}"})

    assert failed(findings) == {}
    assert findings["greeting"].details.startswith("logged in")
    assert findings["private channels"].outcome is Outcome.OK
    assert findings["private without login"].outcome is Outcome.SKIPPED


async def test_a_quiet_market_is_not_held_against_the_server() -> None:
    async with serve() as served:
        findings = await examined_with(served)

    assert is_healthy(findings.values())
    assert findings["trades"].outcome is findings["ticker"].outcome is Outcome.SKIPPED


# --- faults -------------------------------------------------------------------------------------------


def hole(message: Message) -> list[Message]:
    """An update that does not follow the snapshot."""
    if message["type"] != "orderbook_snapshot":
        return [message]
    data = {key: value for key, value in message["data"].items() if key not in ("bids", "asks")}
    data |= {"side": "buy", "price": "1.00", "quantity": "1", "action": "add", "sequence": data["sequence"] + 2}
    return [message, message | {"type": "orderbook_update", "data": data}]


def crossing(message: Message) -> list[Message]:
    """A snapshot whose best ask is below its best bid."""
    if message["type"] == "orderbook_snapshot":
        message["data"] |= {"bids": [["1.00", "1.00000000"]], "asks": [["0.01", "1.00000000"]]}
    return [message]


def silent_pings(message: Message) -> list[Message]:
    return [] if message["type"] == "pong" else [message]


def skewed(message: Message) -> list[Message]:
    """The server's clock is ahead."""
    message["timestamp"] += SKEW_MS
    if "server_time" in message["data"]:
        message["data"]["server_time"] += SKEW_MS
    return [message]


def other_errors(message: Message) -> list[Message]:
    if message["type"] == "error":
        message["data"]["code"] = "OOPS"
    return [message]


def no_snapshot(message: Message) -> list[Message]:
    return [] if message.get("channel") == "orderbook" else [message]


def torn_candles(message: Message) -> list[Message]:
    if message["type"] == "kline":
        message["data"]["high"] = "0.01"
    return [message]


def no_greeting(message: Message) -> list[Message]:
    return [] if message["type"] == "connection_status" else [message]


def shapeless(message: Message) -> list[Message]:
    return [{"type": "ticker", "channel": "ticker"} if message["type"] == "ticker" else message]


FAULTS = [
    (hole, "book sequence", "came after"),
    (crossing, "book levels", "crossed at"),
    (silent_pings, "ping", "2 of 2 pings were not answered"),
    (skewed, "clock", "ahead of this machine's"),
    (other_errors, "unknown symbol", "the answer is 'OOPS', and not INVALID_SYMBOL"),
    (other_errors, "bad message", "the answer is 'OOPS', and not INVALID_MESSAGE"),
    (no_snapshot, "book sequence", "no snapshot came"),
    (torn_candles, "candles", "opens or closes outside"),
    (no_greeting, "greeting", "no message came, and not 'connection_status'"),
    (shapeless, "message format", "a message without 'id'"),
]


@pytest.mark.parametrize(("fault", "name", "said"), FAULTS, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_each_fault_has_its_finding(fault: Any, name: str, said: str) -> None:
    async with one_trade() as served:
        findings = await examined_with(served, opener=FaultyOpener(fault), answer_s=0.5)

    assert said in failed(findings)[name]


async def test_a_fault_in_the_book_is_no_fault_elsewhere() -> None:
    async with one_trade() as served:
        findings = await examined_with(served, opener=FaultyOpener(hole))

    assert list(failed(findings)) == ["book sequence"]


async def test_a_server_that_is_not_there_is_one_finding() -> None:
    async with serve() as served:
        pass
    findings = await examined_with(served)

    assert list(findings) == ["connection"]
    assert "connection refused" in findings["connection"].details


async def test_credentials_that_are_refused_are_a_finding() -> None:
    async with serve() as served:
        findings = await examined_with(served, headers={"Authorization": "Bearer nonsense"})

    assert "INVALID_TOKEN" in failed(findings)["greeting"]
    assert "3000" in failed(findings)["stays connected"]


async def test_a_market_that_does_not_exist_is_a_finding() -> None:
    async with serve() as served:
        findings = await examined_with(served, symbol="BTC/USDC")

    assert "INVALID_SYMBOL" in failed(findings)["subscribe"]
