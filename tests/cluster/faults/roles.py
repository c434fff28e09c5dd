"""The processes of the cluster that are ours: `finalex engine` and `finalex gateway`, to be killed, paused, started."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket

from finalex.bus.server import dying_with_parent

FINALEX = Path(sys.executable).parent / "finalex"
POLL_S = 0.02
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
LOG_TAIL_CHARS = 4000


class Role:
    """One process, started again with the same arguments; it dies with this one. What it says is in `<name>.log`."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        self.name = name
        self.running = False
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting for anything."""
        assert not self.running
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [FINALEX, *self._arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with_parent(),
            )
        self.running = True

    def kill(self) -> None:
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)
        self._taken().wait()
        self.running = False

    def end(self) -> None:
        """End it if it runs, or has ended by itself."""
        if self.running:
            self._taken().kill()
            self._taken().wait()
            self.running = False

    async def stop(self) -> int:
        """End it as its operator does; return its exit code."""
        self._signal(signal.SIGTERM)
        code = await asyncio.to_thread(self._taken().wait, STOP_TIMEOUT_S)
        self.running = False
        return code

    def pause(self) -> None:
        """Stop it where it is."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def check(self) -> None:
        """Assert that it has not ended by itself."""
        code = self._taken().poll()
        assert not self.running or code is None, f"{self.name} has ended with {code}:\n{self.said}"

    @property
    def said(self) -> str:
        """The end of what it has said."""
        return self._log.read_text(errors="replace")[-LOG_TAIL_CHARS:]

    def _signal(self, number: signal.Signals) -> None:
        self.check()
        self._taken().send_signal(number)

    def _taken(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was never started"
        return self._process


async def until_ready(gateway: Role, port: int, *needed: Role) -> None:
    """Wait until the gateway on `port` says that it should get connections; fails if one that is needed ends."""
    ends_s = time.monotonic() + READY_TIMEOUT_S
    while not await _says_ready(port):
        for role in (gateway, *needed):
            role.check()
        assert time.monotonic() < ends_s, f"{gateway.name} is not ready:\n{gateway.said}"
        await asyncio.sleep(POLL_S)


async def _says_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    with closing(writer):
        try:
            writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        except ConnectionError:
            return False


def held_port() -> socket:
    """Return a socket that keeps a free port for whoever listens there, also while nobody does."""
    held = socket()
    held.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held
