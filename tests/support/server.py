"""A whole server in the test's process, and clients for it."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from finalex import app
from finalex.clock import now_ms
from finalex.config import Config, load_config
from finalex.credentials.grants import Grant
from finalex.credentials.tokens import sign_token
from finalex.sources.port import Source

WAIT_S = 30.0
"""How long a client waits for what must come; only a failing test waits so long."""

Message = dict[str, Any]


@asynccontextmanager
async def serving(**settings: str) -> AsyncIterator["Server"]:
    """Run a server on a free port with these settings, on a data directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        config = load_config({"port": "0", "data_dir": directory, **settings}, {})
        async with app.serving(config) as running:
            yield Server(config, running.port, running.source, Path(directory), running.admin_port)


@dataclass(frozen=True)
class Server:
    """A server that runs, as its clients know it."""

    config: Config
    port: int
    source: Source
    data_dir: Path
    admin_port: int

    @property
    def url(self) -> str:
        """The WebSocket address."""
        return f"ws://127.0.0.1:{self.port}"

    def token(self, user: str, scopes: str = "read trade", ttl_ms: int = 3_600_000) -> str:
        """Return a token of `user`."""
        grant = Grant(user=user, scopes=frozenset(scopes.split()), ttl_ms=ttl_ms)
        return sign_token(self.config.signing_secret(), grant, now_ms())

    @asynccontextmanager
    async def client(self, user: str | None = None) -> AsyncIterator["Client"]:
        """Connect, logged in as `user` if one is named; the greeting is read."""
        query = f"/?token={self.token(user)}" if user else "/"
        async with connect(self.url + query, compression=None, max_queue=None, max_size=None) as connection:
            client = Client(connection)
            await client.receive()
            yield client


@dataclass
class Client:
    """A connection, and all messages that it has seen."""

    connection: ClientConnection
    seen: list[Message] = field(default_factory=list)
    _requests: int = 0

    async def send(self, message: object) -> None:
        """Send a message; text goes as it is."""
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> Message:
        """Return the next message."""
        async with asyncio.timeout(WAIT_S):  # `wait_for` swallows a cancel while messages wait
            text = await self.connection.recv()
        message: Message = json.loads(text)
        self.seen.append(message)
        return message

    async def request(self, method: str, **params: Any) -> Message:
        """Send a request and return its reply; what comes before it is in `seen`."""
        self._requests += 1
        request_id = f"request-{self._requests}"
        await self.send({"id": request_id, "method": method, "params": params})
        return await self.next(lambda message: message["id"] == request_id)

    async def next(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the next message that is `wanted`."""
        while not wanted(message := await self.receive()):
            pass
        return message

    async def next_of(self, kind: str) -> Message:
        """Return the next message of a type."""
        return await self.next(lambda message: message["type"] == kind)

    async def until(self, enough: Callable[[list[Message]], bool]) -> None:
        """Receive until what was seen is `enough`."""
        while not enough(self.seen):
            await self.receive()
