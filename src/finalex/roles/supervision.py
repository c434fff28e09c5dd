"""Children that a process starts, waits for, starts again when they end, and stops."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from typing import NoReturn, Protocol

import structlog

from finalex.bus.server import dying_with_parent

PAUSE_MIN_S = 0.25
PAUSE_MAX_S = 8.0
"""The pause before a child is started again: twice as long each time, until it has run for `STEADY_S`."""
STEADY_S = 30.0
STOP_TIMEOUT_S = 30.0
"""How long a child may take to stop before it is killed."""
POLL_S = 0.1
PROBE_TIMEOUT_S = 2.0

_READY = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

_log = structlog.get_logger("finalex.supervisor")


class Child(Protocol):
    """Something that runs in a process of its own."""

    async def start(self) -> None:
        """Start it, or start it again; raises `OSError`."""

    async def ended(self) -> int:
        """Wait until it ends, and return its exit code, negative for a signal."""
        ...

    async def stop(self) -> None:
        """End it if it runs."""


class Part:
    """A part of the program that runs in a child: `finalex <role>`, with its settings in its environment.

    It dies with this thread. What it says on standard error is said on ours, and the rest by nobody.
    """

    def __init__(self, role: str, environment: Mapping[str, str]) -> None:
        self._role = role
        self._environment = environment
        self._process: Process | None = None

    async def start(self) -> None:
        """See `Child.start`."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "finalex", self._role),
            env=self._environment,
            stdin=DEVNULL,
            stdout=DEVNULL,
            start_new_session=True,  # a Ctrl-C is for this process, which stops its children in order
            preexec_fn=dying_with_parent(),
        )

    async def ended(self) -> int:
        """See `Child.ended`."""
        return 0 if self._process is None else await self._process.wait()

    async def stop(self) -> None:
        """See `Child.stop`; one that takes longer than `STOP_TIMEOUT_S` is killed."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            _log.warning("child_killed", child=self._role, seconds=STOP_TIMEOUT_S)
            self._process.kill()
            await self._process.wait()


class Pauses:
    """How long to wait before a child is started again."""

    def __init__(self) -> None:
        self._next_s = PAUSE_MIN_S

    def after(self, ran_s: float) -> float:
        """Return the pause after it has run for `ran_s`."""
        if ran_s >= STEADY_S:
            self._next_s = PAUSE_MIN_S
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, PAUSE_MAX_S)
        return pause_s


async def keep_running(name: str, child: Child) -> NoReturn:
    """Start a child that runs again whenever it ends, until cancelled."""
    loop, pauses = asyncio.get_running_loop(), Pauses()
    since_s = loop.time()
    while True:
        code = await child.ended()
        pause_s = pauses.after(loop.time() - since_s)
        _log.warning("child_ended", child=name, code=code, again_in_s=pause_s)
        await asyncio.sleep(pause_s)
        since_s = loop.time()
        try:
            await child.start()
        except OSError as error:
            _log.error("child_not_started", child=name, reason=str(error))


async def until_ready(host: str, port: int) -> None:
    """Wait until the operator's port of a child says that it should get connections."""
    while not await _is_ready(host, port):  # noqa: ASYNC110 (a child tells when it is asked)
        await asyncio.sleep(POLL_S)


async def _is_ready(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_READY)
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
