"""The command line on a server that runs: `account`, `status`, and what `api-key revoke` does there."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from admin.desk import Desk, operated, served
from finalex.admin.messages import AnyRequest, ErrorCode, ErrorReply, Reply
from finalex.cli import run_command
from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.key_records import KeyRecord
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore

NO_SERVER = (
    "finalex: No server runs on the data directory '{}'. "
    "'finalex serve' starts one; --data-dir names another directory.\n"
)


class Result(NamedTuple):
    code: int
    out: str
    err: str


Finalex = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def finalex(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Finalex]:
    """Runs a command on the data directory `tmp_path`, as another process would: beside the server's event loop."""
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path), "FINALEX_DATA_DIR": str(tmp_path)})

    async def run(*arguments: str) -> Result:
        code = await asyncio.to_thread(run_command, arguments)
        return Result(code, *capsys.readouterr())

    with capture_logs():  # the server's, which is in the same process here
        yield run


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with operated(tmp_path) as desk:
        yield desk


def new_key(directory: Path) -> KeyRecord:
    store = KeyStore(directory / KEYS_FILE_NAME)
    _, record = store.create(Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=None), "", now_ms())
    store.close()
    return record


@pytest.mark.parametrize("command", ["account", "account show", "account credit", "account debit", "status"])
async def test_every_command_explains_itself(finalex: Finalex, command: str) -> None:
    code, out, err = await finalex(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"Usage: finalex {command}" in out


async def test_a_credit_says_what_was_done(finalex: Finalex, desk: Desk) -> None:
    assert await finalex("account", "credit", "alice", "BTC", "1.5", "--reference", "gift-1") == (
        0,
        "Credited 1.50000000 BTC, account alice, reference gift-1.\n"
        "It now has 1.50000000 BTC: 1.50000000 available, 0.00000000 locked.\n",
        "",
    )
    assert desk.exchange.seen.available("alice", "BTC") == 150_000_000


async def test_a_debit_says_what_was_done(finalex: Finalex, desk: Desk) -> None:
    await finalex("account", "credit", "alice", "BTC", "1.5")
    assert await finalex("account", "debit", "alice", "BTC", "0.5", "--reference", "out-1") == (
        0,
        "Debited 0.50000000 BTC, account alice, reference out-1.\n"
        "It now has 1.00000000 BTC: 1.00000000 available, 0.00000000 locked.\n",
        "",
    )


async def test_a_reference_used_again_does_nothing_and_says_so(finalex: Finalex, desk: Desk) -> None:
    credit = ("account", "credit", "alice", "BTC", "1.5", "--reference", "gift-1")
    await finalex(*credit)
    code, out, _ = await finalex(*credit)
    assert code == 0
    assert "reference gift-1: done earlier, nothing was done now.\nIt now has 1.50000000 BTC" in out
    assert desk.exchange.seen.available("alice", "BTC") == 150_000_000


async def test_without_a_reference_a_random_one_is_made_and_printed(finalex: Finalex, desk: Desk) -> None:
    lines = [(await finalex("account", "credit", "alice", "BTC", "1")).out for _ in range(2)]
    references = {match[1] for line in lines if (match := re.search(r"reference ([0-9a-f]{16})\.$", line, re.M))}
    assert len(references) == 2
    assert desk.exchange.seen.available("alice", "BTC") == 200_000_000


async def test_an_empty_reference_is_none_and_is_refused(finalex: Finalex, desk: Desk) -> None:
    code, out, err = await finalex("account", "credit", "alice", "BTC", "1", "--reference", "")
    assert (code, out) == (1, "")
    assert err == "finalex: Reference '' must have 1 to 64 printable characters.\n"
    assert desk.exchange.submitted == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["debit", "alice", "BTC", "2"], "Account 'alice' has 1.00000000 BTC available, not 2."),
        (["credit", "alice", "BTC", "2", "--reference", "first"], "Reference 'first' was used for something else, "),
        (["credit", "alice", "DOGE", "1"], "Currency 'DOGE' must be one of BTC, USDT,"),
        (["credit", "alice", "BTC", "-5"], "Amount '-5' must be a plain decimal number"),
        (["credit", "sim-maker-1", "BTC", "1"], "Account 'sim-maker-1' is one of the exchange's own"),
        (["show", "bob"], "There is no account 'bob'."),
    ],
)
async def test_what_the_server_refuses_is_one_sentence_and_a_failure(
    finalex: Finalex, desk: Desk, arguments: list[str], says: str
) -> None:
    await finalex("account", "credit", "alice", "BTC", "1", "--reference", "first")
    code, out, err = await finalex("account", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"finalex: {says}")
    assert err.count("\n") == 1
    assert len(desk.exchange.events) == 1


async def test_an_account_is_shown(finalex: Finalex, desk: Desk) -> None:
    await finalex("account", "credit", "alice", "USDT", "2500")
    assert await finalex("account", "show", "alice") == (
        0,
        "Account alice, open orders: 0\n"
        "CURRENCY  AVAILABLE      LOCKED      TOTAL\n"
        "USDT      2500.00000000  0.00000000  2500.00000000\n",
        "",
    )


async def test_the_status_is_printed(finalex: Finalex, desk: Desk) -> None:
    assert await finalex("status") == (
        0,
        "version      1.2.3\n"
        "process      42\n"
        "up           1:00:00\n"
        "source       exchange\n"
        "log          sequence 17, time 2023-11-14T22:13:20Z\n"
        "connections  3\n",
        "",
    )


@pytest.mark.parametrize("command", ["status", "account show alice", "account credit alice BTC 1"])
async def test_without_a_server_it_is_said_in_a_sentence(finalex: Finalex, tmp_path: Path, command: str) -> None:
    assert await finalex(*command.split()) == (1, "", NO_SERVER.format(tmp_path))


async def test_with_an_open_outcome_the_reference_to_ask_again_with_is_named(finalex: Finalex, tmp_path: Path) -> None:
    async def fail(_request: AnyRequest) -> Reply:
        return ErrorReply(code=ErrorCode.FAILED, message="The exchange failed.")

    async with served(tmp_path, fail):
        code, out, err = await finalex("account", "credit", "alice", "BTC", "1")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"finalex: The exchange failed\. Asking again with --reference [0-9a-f]{16} is safe\.\n", err)


# --- keys ---


async def test_revoking_a_key_ends_its_connections_to_the_server_that_runs(
    finalex: Finalex, desk: Desk, tmp_path: Path
) -> None:
    key = new_key(tmp_path)
    assert await finalex("api-key", "revoke", key.id) == (
        0,
        f"Key {key.id}… of alice is revoked.\nThe running server closed 2 connections that it had opened.\n",
        "",
    )
    assert desk.closed_keys == [key.id]


async def test_a_key_is_revoked_without_a_server_too(finalex: Finalex, tmp_path: Path) -> None:
    key = new_key(tmp_path)
    assert await finalex("api-key", "revoke", key.id) == (0, f"Key {key.id}… of alice is revoked.\n", "")


async def test_a_server_that_does_not_confirm_is_said(finalex: Finalex, tmp_path: Path) -> None:
    async def fail(_request: AnyRequest) -> Reply:
        return ErrorReply(code=ErrorCode.FAILED, message="The server failed.")

    key = new_key(tmp_path)
    async with served(tmp_path, fail):
        code, out, err = await finalex("api-key", "revoke", key.id)
    assert (code, out) == (1, f"Key {key.id}… of alice is revoked.\n")
    assert err == "finalex: Connections that it opened may go on. The server failed.\n"


async def test_a_key_that_is_not_there_closes_nothing(finalex: Finalex, desk: Desk) -> None:
    assert (await finalex("api-key", "revoke", "pk_live_00000000")).code == 1
    assert desk.closed_keys == []
