"""An admin server on a socket of its own, behind it an exchange whose log the test makes durable when it likes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finalex.admin.client import ask
from finalex.admin.messages import AnyRequest, ReplyT, StatusReply
from finalex.admin.operator import Operator
from finalex.admin.server import DEFAULT_LIMITS, AdminLimits, AdminServer
from finalex.admin.socket_file import SOCKET_FILE_NAME, connect
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.model.events import ExchangeEvent
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.session.auth import Revocation

WAIT_S = 30.0
"""How long a test waits for what must come; only a failing one waits so long."""

STATUS = StatusReply(
    version="1.2.3",
    process=42,
    source="exchange",
    sequence=17,
    time_ms=1_700_000_000_000,
    problem=None,
    connections=3,
    uptime_ms=3_600_000,
)


class Exchange:
    """An engine, and `seen`, the state as of what is durable: at once or, with `hold`, when `sync` is called."""

    def __init__(self) -> None:
        self.trading = True
        self.failure: Outcome | None = None
        self.hold = False
        self.engine = Engine(ExchangeState(DEFAULT_INSTRUMENTS))
        self.seen = ExchangeState(DEFAULT_INSTRUMENTS)
        self.events: list[ExchangeEvent] = []
        self.submitted: list[Command] = []
        self._waiting: list[tuple[tuple[ExchangeEvent, ...], Outcome, Callable[[Outcome], None]]] = []

    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        """See `Source.submit`."""
        self.submitted.append(command)
        if self.failure is not None:
            reply(self.failure)
            return
        self._waiting.append((*self.engine.execute(command, len(self.submitted)), reply))
        if not self.hold:
            self.sync()

    async def taken(self) -> None:
        """Wait until something was submitted."""
        async with asyncio.timeout(WAIT_S):
            while not self.submitted:  # noqa: ASYNC110 (nobody else needs an event for it)
                await asyncio.sleep(0)

    def sync(self) -> None:
        """Let all that was submitted be durable."""
        waiting, self._waiting = self._waiting, []
        for events, outcome, reply in waiting:
            self.events += events
            for event in events:
                self.seen.apply(event)
            reply(outcome)


@dataclass
class Desk:
    """What a test has in its hands."""

    path: Path
    exchange: Exchange
    server: AdminServer
    closed_keys: list[str] = field(default_factory=list)

    async def ask(self, request: AnyRequest, expected: type[ReplyT]) -> ReplyT:
        """Ask as a command of the command line does."""
        return await asyncio.to_thread(ask, self.path, request, expected, WAIT_S)

    @asynccontextmanager
    async def peer(self) -> AsyncIterator["Peer"]:
        """Connect somebody who may write anything."""
        async with connected(self.path) as peer:
            yield peer


@dataclass
class Peer:
    """A connection to an admin server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, message: dict[str, Any] | bytes) -> None:
        """Send bytes as they are, or an object as a line."""
        self.writer.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")

    async def receive(self) -> Any:
        """Return the next reply, or `None` at the end."""
        async with asyncio.timeout(WAIT_S):
            try:
                line = await self.reader.readline()
            except ConnectionResetError:
                return None
        return json.loads(line) if line else None


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Peer]:
    """Connect to the server at `path`."""
    connection = connect(path, WAIT_S)
    connection.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=1 << 20)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def operated(directory: Path, limits: AdminLimits = DEFAULT_LIMITS) -> AsyncIterator[Desk]:
    """Run an admin server with an operator until the block ends."""
    exchange, closed_keys = Exchange(), list[str]()

    def close_revoked(revocation: Revocation) -> int:
        closed_keys.append(revocation.key_id or revocation.token_id or f"user {revocation.user}")
        return 2

    operator = Operator(exchange.seen, exchange, close_revoked, lambda: STATUS)
    async with served(directory, operator.handle, limits) as server:
        yield Desk(directory / SOCKET_FILE_NAME, exchange, server, closed_keys)


@asynccontextmanager
async def served(
    directory: Path, handle: Callable[[AnyRequest], Any], limits: AdminLimits = DEFAULT_LIMITS
) -> AsyncIterator[AdminServer]:
    """Run an admin server with any handler until the block ends."""
    server = AdminServer(directory / SOCKET_FILE_NAME, handle, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


def listening(path: Path) -> bool:
    """Whether somebody takes connections at `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
