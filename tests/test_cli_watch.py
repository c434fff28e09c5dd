"""`finalex watch` in a terminal of its own: it shows the market, heals, and leaves everything as it was."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from finalex.cli import run_command
from support.served import serve
from terminal.program import PROGRAM, WAIT_S, environment, run

SHOW_CURSOR, LEAVE_SCREEN = b"\x1b[?25h", b"\x1b[?1049l"


class Screen:
    """A terminal, and the program in it."""

    def __init__(self, own: int, its: int) -> None:
        self.seen = b""
        self._own = own
        self._its = its
        self.before = termios.tcgetattr(its)

    @property
    def now(self) -> list[object]:
        return termios.tcgetattr(self._its)

    def press(self, keys: str) -> None:
        os.write(self._own, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> None:
        """Take what is there."""
        with contextlib.suppress(BlockingIOError):
            self.seen += os.read(self._own, 65_536)

    async def shows(self, text: str) -> None:
        """Wait until `text` is written from now on."""
        start = len(self.seen)
        async with asyncio.timeout(WAIT_S):
            while text.encode() not in self.seen[start:]:  # noqa: ASYNC110 (a terminal has no event for it)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def watching(*arguments: str) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    own, its = pty.openpty()
    os.set_blocking(own, False)
    screen = Screen(own, its)
    screen.resize(80, 24)
    variables = environment(TERM="xterm-256color")
    variables.pop("COLUMNS")
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "watch", *arguments, stdin=its, stdout=its, stderr=its, env=variables
    )
    asyncio.get_running_loop().add_reader(own, screen.read)
    try:
        yield screen, process
    finally:
        asyncio.get_running_loop().remove_reader(own)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(own)
        os.close(its)


@pytest.mark.parametrize("leave", ["q", "Ctrl-C", "SIGTERM"])
async def test_leaving_restores_the_terminal(leave: str) -> None:
    async with serve() as served, watching("BTC/USDT", "--url", f"ws://127.0.0.1:{served.port}") as (screen, process):
        served.trade()
        await screen.shows("● live")
        assert screen.now != screen.before
        if leave == "q":
            screen.press("q")
        else:
            process.send_signal(signal.SIGINT if leave == "Ctrl-C" else signal.SIGTERM)
        async with asyncio.timeout(WAIT_S):
            code = await process.wait()
        screen.read()

        assert code == 0
        assert screen.now == screen.before
        assert SHOW_CURSOR in screen.seen
        assert LEAVE_SCREEN in screen.seen


async def test_the_screen_follows_the_terminal_and_the_server() -> None:
    async with serve() as served, watching("BTC/USDT", "--url", f"ws://127.0.0.1:{served.port}") as (screen, _):
        await screen.shows("no trades yet")
        served.trade()
        await screen.shows("0.00000001")
        screen.resize(140, 45)
        await screen.shows("─" * 50)
        await served.gateway.stop(0)
        await screen.shows("connection lost, again in")


async def test_a_market_that_does_not_exist_is_said_after_the_screen_is_restored() -> None:
    async with serve() as served, watching("BTC/USDC", "--url", f"ws://127.0.0.1:{served.port}") as (screen, process):
        await screen.shows("INVALID_SYMBOL")
        async with asyncio.timeout(WAIT_S):
            code = await process.wait()

        assert code == 1
        assert LEAVE_SCREEN in screen.seen.partition(b"INVALID_SYMBOL")[0]
        assert screen.now == screen.before


async def test_without_a_terminal_it_says_what_to_use() -> None:
    code, out, err = await run("watch", "BTC/USDT")

    assert (code, out) == (1, "")
    assert err == "finalex: 'finalex watch' needs a terminal; 'finalex tail' writes to pipes and files.\n"


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--depth", "7"], "--depth must be one of"), (["--interval", "7m"], "--interval must be")]
)
def test_wrong_usage_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["watch", "BTC/USDT", *arguments]) == 2
    assert said in capsys.readouterr().err
