"""The production gateway with one difference: whatever a client sends comes back to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from finalex.channels.hub import Hub
from finalex.exchange.outcomes import Outcome
from finalex.gateway.assembler import Received
from finalex.gateway.connection import Connection
from finalex.gateway.deflate import deflate_frame
from finalex.gateway.framing import Opcode, frame
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.metrics import Metrics
from finalex.model.commands import Command
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.session.auth import Authenticator, Credentials
from finalex.session.desk import Desk
from finalex.session.effects import Effect, Send
from finalex.session.limits import Limits
from finalex.session.session import Session
from finalex.session.tokens import FixedKeys, secret_key
from finalex.sources.declining import decline
from support.conversation import SECRET, START_MS, NoKeys

LIMITS: dict[str, Any] = {
    "message_bytes_max": 1 << 24,  # Autobahn's longest messages
    "fragments_max": 1 << 16,  # 4 MiB, 64 bytes at a time
    "lagging_bytes": 1 << 28,
    "queue_bytes_max": 1 << 28,
    "connections_per_ip": 1000,
    "bytes_per_minute_max": 1 << 40,
    "sweep_interval_ms": 1_000_000_000,  # no pings of ours, which no case expects
}
"""What Autobahn needs beyond the limits that clients of ours live with; the path is the same."""


class EchoSession(Session):
    """Says nothing by itself, and answers every text with the text."""

    def open(self, credentials: Credentials, connections_remaining: int, now_ms: int) -> list[Effect]:
        return []

    def receive(self, text: str, now_ms: int) -> list[Effect]:
        return [Send(text.encode())]


class EchoConnection(Connection):
    """Takes binary messages too, which no session of ours understands, and sends them back."""

    takes_binary = True

    def _receive(self, received: Received | None) -> None:
        if isinstance(received, bytes):
            deflates = self._outbox.deflates
            self._outbox.reply(deflate_frame(received, Opcode.BINARY) if deflates else frame(Opcode.BINARY, received))
        else:
            super()._receive(received)


class EchoGateway(Gateway):
    """Has such a session and such a connection for every client."""

    session_type = EchoSession
    connection_type = EchoConnection


class _NoVenue:
    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        decline(command, reply, START_MS)

    def open_account(self, user: str) -> None:
        """Nobody logs in here."""


@asynccontextmanager
async def serve_echo(*, compression: bool = False) -> AsyncIterator[int]:
    """Serve on a free port, which is yielded, until the block ends."""
    desk = Desk(Hub(DEFAULT_INSTRUMENTS), Authenticator(FixedKeys(secret_key(SECRET)), NoKeys()), Limits())
    settings = GatewaySettings(compression=compression, **LIMITS)
    gateway = EchoGateway(desk, _NoVenue(), settings, Metrics(), lambda: START_MS)
    port = await gateway.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await gateway.stop(0)
