"""`finalex record` as a process, and what it says to whoever uses it wrongly."""

import asyncio
import gzip
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from finalex.cli import run_command
from recorder.taping import Message, acting, closing, sending
from support.server import serving
from support.streams import connected, snapshot, trade, update

PROGRAM = Path(sys.executable).with_name("finalex")
WAIT_S = 60.0
"""Only a failing test waits so long."""


class Recording:
    """A process that records."""

    def __init__(self, process: Process, path: Path) -> None:
        self.process = process
        self.path = path

    async def until(self, enough: Callable[[Message], object]) -> None:
        """Wait until a message that is `enough` is in the file."""
        async with asyncio.timeout(WAIT_S):
            while not any(enough(message) for message in self.messages()):  # noqa: ASYNC110 (it is another process)
                await asyncio.sleep(0)

    async def ended(self) -> tuple[int | None, str, str]:
        """Wait for the end; return the exit code and what was said, on the two streams."""
        output, errors = await asyncio.wait_for(self.process.communicate(), WAIT_S)
        return self.process.returncode, output.decode(), errors.decode()

    def messages(self) -> list[Message]:
        """Return what is in the file; what is just being written may be missing."""
        if not self.path.exists():
            return []
        with (gzip.open if self.path.suffix == ".gz" else open)(self.path, "rb") as file, suppress(EOFError):
            lines = []
            while (line := file.readline()).endswith(b"\n"):
                lines.append(line)
        return [json.loads(line.partition(b" ")[2]) for line in lines]


@asynccontextmanager
async def recording(path: Path, *arguments: str, **environment: str) -> AsyncIterator[Recording]:
    """Start `finalex record`; it is killed at the end of the block if it is still there."""
    variables = {"HOME": str(path.parent), "PATH": os.environ["PATH"]} | environment
    command = [str(PROGRAM), "record", "--out", str(path), *arguments]
    process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=PIPE, stderr=PIPE)
    try:
        yield Recording(process, path)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_recording_in_order(tmp_path: Path, number: signal.Signals) -> None:
    async with (
        serving(source="simulate", history_hours="0") as server,
        recording(tmp_path / "a.gz", "--url", server.url, "--symbol", "BTC/USDT") as running,
    ):
        await running.until(lambda message: "channel" in message)
        running.process.send_signal(number)
        code, output, errors = await running.ended()
    messages = running.messages()
    assert (code, errors) == (0, "")
    summary = r"Recorded ([\d,]+) messages, [\d.]+ kB of ws://127.0.0.1:\d+ to '.*a.gz' \([\d.]+ (kB|bytes)\)\.\n"
    found = re.fullmatch(summary, output)
    assert found is not None, output
    assert int(found[1].replace(",", "")) == len(messages) - 2 == messages[-1]["data"]["messages"]
    assert {"trades", "orderbook", "ticker", "kline"} == {
        m["data"]["channel"] for m in messages if m["type"] == "subscribed"
    }


async def test_it_ends_after_its_time(tmp_path: Path) -> None:
    async with acting(sending(connected(), trade(1))) as server:
        arguments = ("--url", f"ws://127.0.0.1:{server.port}", "--subscribe", "trades:BTC/USDT", "--duration", "1s")
        async with recording(tmp_path / "a.txt", *arguments) as running:
            code, _, errors = await running.ended()
    assert (code, errors) == (0, "")
    assert [message["data"]["status"] for message in running.messages() if message["type"] == "recording"] == [
        "started",
        "ended",
    ]


async def test_gaps_are_told(tmp_path: Path) -> None:
    async with acting(sending(snapshot(1), update(3), trade(1), trade(3))) as server:
        arguments = ("--url", f"ws://127.0.0.1:{server.port}", "--symbol", "BTC/USDT")
        async with recording(tmp_path / "a.txt", *arguments) as running:
            await running.until(lambda message: message["data"].get("trade_id") == "3")
            running.process.send_signal(signal.SIGTERM)
            code, output, errors = await running.ended()
    assert code == 0
    assert ", 2 gaps of ws://" in output
    assert errors == (
        "finalex: Something is missing: orderbook BTC/USDT: update 3 follows 1.\n"
        "finalex: Something is missing: trades BTC/USDT: 1 missing before trade 3.\n"
    )


@pytest.mark.parametrize("way", ["a file", "the environment"])
async def test_private_channels_take_a_token(tmp_path: Path, way: str) -> None:
    async with serving(source="exchange") as server:
        secret = server.token("alice")
        (tmp_path / "token").write_text(secret + "\n")
        arguments = ("--token-file", str(tmp_path / "token")) if way == "a file" else ()
        environment = {} if way == "a file" else {"FINALEX_TOKEN": secret}
        options = ("--url", server.url, "--subscribe", "account", *arguments)
        async with recording(tmp_path / "a.txt", *options, **environment) as running:
            await running.until(lambda message: "channel" in message)
            running.process.send_signal(signal.SIGINT)
            code, output, errors = await running.ended()
    assert (code, errors) == (0, "")
    assert "account_update" in [message["type"] for message in running.messages()]
    assert secret not in output + running.path.read_text()


async def test_a_start_that_fails_leaves_no_file_and_one_sentence(tmp_path: Path) -> None:
    async with serving(source="exchange") as server:
        async with recording(tmp_path / "a.gz", "--url", server.url, "--symbol", "XTC/USDT") as running:
            assert (await running.ended())[::2] == (
                1,
                "finalex: The server refuses the subscription 'trades XTC/USDT': INVALID_SYMBOL: "
                "Symbol 'XTC/USDT' does not exist; did you mean 'BTC/USDT'.\n",
            )
        assert not running.path.exists()
        async with recording(tmp_path / "a.gz", "--url", server.url, "--subscribe", "account") as running:
            code, _, errors = await running.ended()
        assert code == 1
        assert "AUTHENTICATION_REQUIRED" in errors
    assert not running.path.exists()


async def test_a_recording_that_cannot_go_on_keeps_what_is_there(tmp_path: Path) -> None:
    async with acting(closing(3000, connected(), trade(1))) as server:
        arguments = ("--url", f"ws://127.0.0.1:{server.port}", "--subscribe", "trades:BTC/USDT")
        async with recording(tmp_path / "a.gz", *arguments) as running:
            code, output, errors = await running.ended()
    assert (code, output) == (1, "")
    assert errors.startswith(f"finalex: ws://127.0.0.1:{server.port}: the server closed the connection (3000)")
    assert [message["type"] for message in running.messages()][2] == "trade"


async def test_a_full_disk_is_said_with_what_is_kept(tmp_path: Path) -> None:
    many = [trade(number, at_ms=number) for number in range(1, 5_000)]
    async with acting(sending(connected(), *many)) as server:
        arguments = ["--url", f"ws://127.0.0.1:{server.port}", "--subscribe", "trades:BTC/USDT"]
        command = f"ulimit -f 400; trap '' XFSZ; exec {PROGRAM} record --out {tmp_path / 'a.txt'} {' '.join(arguments)}"
        process = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=PIPE, stderr=PIPE)
        running = Recording(process, tmp_path / "a.txt")
        code, _, errors = await running.ended()
    assert code == 1
    size = running.path.stat().st_size
    assert errors == (
        f"finalex: Cannot write to '{running.path}': File too large. "
        f"What was recorded before, {size / 1000:.1f} kB, is in it.\n"
    )
    assert 0 < len(running.messages()) < 5_000


async def test_nobody_there_is_said_and_no_file_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with recording(tmp_path / "a.gz", "--url", f"ws://127.0.0.1:{port}", "--symbol", "BTC/USDT") as running:
        ended = await running.ended()
    assert ended == (1, "", f"finalex: Cannot connect to ws://127.0.0.1:{port}: connection refused.\n")
    assert not running.path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "--out"),
        (["--out", "new"], 2, "There is nothing to record: name a symbol or a subscription."),
        (["--out", "new", "--symbol", ""], 2, "A symbol is empty."),
        (["--out", "new", "--subscribe", "trades:BTC/USDT:5"], 2, "Subscription 'trades:BTC/USDT:5' must be of"),
        (["--out", "new", "--symbol", "X", "--url", "http://x"], 2, "The address must be of the form ws://"),
        (["--out", "new", "--symbol", "X", "--duration", "soon"], 2, "--duration"),
        (["--out", "new", "--symbol", "X", "--duration", "0s"], 2, "The duration must be more than 0."),
        (["--out", "new", "--symbol", "X", "--token-file", "nowhere"], 1, "nowhere"),
        (["--out", "new", "--symbol", "X", "--token-file", "empty"], 2, "There is no token in 'empty'."),
        (["--out", "old", "--symbol", "X"], 1, "'old' is there already: recordings are never overwritten."),
        (["--out", "no/new", "--symbol", "X"], 1, "Cannot create 'no/new': No such file or directory."),
    ],
)
def test_wrong_usage_is_one_sentence(
    arguments: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FINALEX_TOKEN", "FINALEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    Path("empty").write_text(" \n")
    Path("old").write_text("precious")
    assert run_command(["record", *arguments]) == code
    output, errors = capsys.readouterr()
    assert output == ""
    assert says in errors
    assert errors.count("\n") == 1
    assert Path("old").read_text() == "precious"
    assert not Path("new").exists()


def test_a_token_and_a_key_are_one_too_many(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINALEX_TOKEN", "secret-token")
    monkeypatch.setenv("FINALEX_API_KEY", "secret-key")
    assert run_command(["record", "--out", "new", "--symbol", "BTC/USDT"]) == 2
    errors = capsys.readouterr().err
    assert errors == "finalex: There is a token and an API key: give one of them.\n"


def test_credentials_of_clients_are_no_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINALEX_TOKEN", "secret-token")
    monkeypatch.setenv("FINALEX_API_KEY", "secret-key")
    assert run_command(["instruments"]) == 0
    assert "secret" not in "".join(capsys.readouterr())
