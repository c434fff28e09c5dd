"""`finalex serve --workers`, run as its user runs it, and a look at its children."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

from finalex.bus.server import dying_with_parent
from support.nats_servers import skip_without_nats

START_S = 120.0
STOP_S = 90.0
"""How long one may take on a busy machine; only a failing test waits so long."""
POLL_S = 0.02
PIECE_BYTES = 65_536

_URL = re.compile(r"WebSocket +(ws://\S+)")
_TOKEN = re.compile(r"Token +(\S+)")
_ADMIN = re.compile(r"(?:Engine|Gateway \d+) +(http://\S+)")


class Exchange:
    """An exchange of several processes that was started with these arguments, and has said that it is there."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self._process = _started(directory, arguments)
        assert self._process.stdout is not None
        self.text, ends = "", time.monotonic() + START_S
        while "Ctrl-C stops." not in self.text:
            ready, _, _ = select.select([self._process.stdout], [], [], ends - time.monotonic())
            piece = os.read(self._process.stdout.fileno(), PIECE_BYTES) if ready else b""
            if not piece:
                self.end()
                raise AssertionError(f"it did not start:\n{self.said}")
            self.text += piece.decode()
        self.url, self.token = _URL.findall(self.text)[0], _TOKEN.findall(self.text)[0]
        self.admins: list[str] = _ADMIN.findall(self.text)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def said(self) -> str:
        """What all processes have said on standard error."""
        return said_in(self.directory)

    def children(self) -> dict[str, int]:
        """Return the processes below it by name: nodes by theirs, and `nats`."""
        return {_name(pid): pid for pid in _below(self.pid)}

    def kill(self, name: str) -> None:
        """Kill a child, and wait until another has its name."""
        killed = self.children()[name]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: self.children().get(name, killed) != killed, f"{name} was not started again")

    def wait_until_ready(self) -> None:
        """Wait until the engine and both gateways should get what is theirs."""
        for admin in self.admins:
            wait_until(partial(_is_ready, admin), f"{admin} is not ready")

    def connections(self, gateway: int) -> int:
        """Return how many clients a gateway has; it counts from 1."""
        with urlopen(f"{self.admins[gateway]}/metrics") as answer:
            found = re.search(r"^finalex_connections (\d+)", answer.read().decode(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Return its exit code once it has ended."""
        assert self._process.stdout is not None
        code = self._process.wait(STOP_S)
        self._process.stdout.close()
        return code

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process.poll() is None:
            self._process.kill()
            self.ended()


@contextmanager
def exchange(directory: Path, *arguments: str) -> Iterator[Exchange]:
    """Run one until the block ends."""
    skip_without_nats()
    running = Exchange(directory, *arguments)
    try:
        yield running
    finally:
        running.end()


def failing(directory: Path, *arguments: str, port: str = "0") -> tuple[int, str]:
    """Start one that cannot start; return its exit code and what it says."""
    skip_without_nats()
    process = _started(directory, arguments, port)
    process.communicate(timeout=START_S)
    return process.returncode, said_in(directory)


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until a condition holds."""
    ends = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < ends, otherwise
        time.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def command_line(pid: int) -> str:
    """Return what every user of the machine can read of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def said_in(directory: Path) -> str:
    """Return what was said on standard error."""
    return (directory / "said").read_text()


def _started(directory: Path, arguments: tuple[str, ...], port: str = "0") -> "subprocess.Popen[bytes]":
    directory.mkdir(exist_ok=True)
    program = Path(sys.executable).with_name("finalex")
    with (directory / "said").open("ab") as said:
        return subprocess.Popen(
            [program, "serve", "--workers", "2", "--port", port, "--data-dir", "data", *arguments],
            cwd=directory,
            env={"HOME": str(directory), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            preexec_fn=dying_with_parent(),
        )


def _is_ready(admin: str) -> bool:
    try:
        with urlopen(f"{admin}/ready") as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _below(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _name(pid: int) -> str:
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return f"gone {pid}"
    named = [pair.partition(b"=")[2].decode() for pair in pairs if pair.startswith(b"FINALEX_NODE_NAME=")]
    return named[0] if named else "nats"
