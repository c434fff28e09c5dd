"""The sandbox: a gateway whose connections break, drag and lie, by a plan that a seed repeats."""

import asyncio
from collections import deque
from dataclasses import asdict
from http import HTTPStatus
from random import Random
from typing import Any, ClassVar, cast

import structlog

from finalex.chaos.connection import ChaoticConnection
from finalex.chaos.faults import Fault
from finalex.chaos.plan import LinePlan, ServerPlan
from finalex.chaos.profiles import Profile
from finalex.gateway.connection import Connection
from finalex.gateway.handshake import Handshake
from finalex.gateway.http_messages import HttpError
from finalex.gateway.server import Gateway
from finalex.gateway.tls import Certificate
from finalex.metrics import Metrics

HELD_MAX = 256
"""So many silent connections that the server has given up are held; with more, the oldest is reset."""

RETRY_AFTER_S = 1
"""When to come back after a refused handshake."""

_log = structlog.get_logger("finalex.chaos")


class Sandbox:
    """What goes wrong with all connections, as `profile` and `seed` say; each fault is logged and counted."""

    def __init__(self, profile: Profile, seed: int, metrics: Metrics) -> None:
        self.profile = profile
        self._seed = seed
        self._metrics = metrics
        self._server = ServerPlan(profile, seed)
        self._spread = Random(seed)  # noqa: S311 (no secret)
        self._connections: dict[ChaoticConnection, None] = {}
        self._held: deque[asyncio.Transport] = deque()
        self._down = False

    # --- the server -------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Say in the log that faults will be injected, and which."""
        chosen = {name: value for name, value in asdict(self.profile).items() if value}
        _log.warning("chaos_is_on", seed=self._seed, **chosen)

    async def run(self) -> None:
        """Restart the server again and again, as far as clients can tell, until cancelled."""
        while (after_ms := self._server.restart_after_ms()) is not None:
            await asyncio.sleep(after_ms / 1000)
            self.note(Fault.RESTART, None)
            self._down = True
            for connection in tuple(self._connections):
                connection.restart(self.profile.down_ms)
            await asyncio.sleep(self.profile.down_ms / 1000)
            self._down = False

    def admit(self) -> None:
        """Let a handshake pass; raises `HttpError` for one that is refused."""
        if self._server.refuses() or self._down:
            self.note(Fault.REFUSAL, None)
            retry = ("Retry-After", str(RETRY_AFTER_S))
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "The server takes nobody now (chaos).", retry)

    def close(self) -> None:
        """End all that is silent."""
        for connection in tuple(self._connections):
            connection.end_silence()
        while self._held:
            self._held.popleft().abort()

    # --- its connections --------------------------------------------------------------------------------

    def plan(self, number: int) -> LinePlan:
        """Return what happens to connection `number`."""
        return LinePlan(self.profile, self._seed, number)

    def enter(self, connection: ChaoticConnection) -> None:
        """A connection has begun."""
        self._connections[connection] = None

    def leave(self, connection: ChaoticConnection) -> None:
        """A connection has ended, as far as the server knows."""
        self._connections.pop(connection, None)

    def spread_ms(self, within_ms: int) -> int:
        """Return a time for one of many, so that not all come back at once."""
        return self._spread.randint(0, within_ms)

    def note(self, fault: Fault, number: int | None) -> None:
        """Count and log a fault; `number` is the connection's."""
        self._metrics.chaos_faults[fault.value] += 1
        _log.warning("chaos_fault", fault=fault.value, connection=number, what=fault.sentence)

    def hold(self, transport: asyncio.Transport) -> None:
        """Keep a connection open that the server has given up, so that the client has to find out by itself."""
        self._held.append(transport)
        if len(self._held) > HELD_MAX:
            self._held.popleft().abort()
        asyncio.get_running_loop().call_later(self.profile.silence_ms / 1000, transport.abort)


class SandboxGateway(Gateway):
    """A gateway with `sandbox` between it and its clients; otherwise as `Gateway`."""

    connection_type: ClassVar[type[Connection]] = ChaoticConnection

    def __init__(self, sandbox: Sandbox, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sandbox = sandbox
        self._running: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, certificate: Certificate | None = None) -> int:
        """See `Gateway.start`."""
        bound = await super().start(host, port, certificate)
        self._sandbox.announce()
        self._running = asyncio.get_running_loop().create_task(self._sandbox.run())
        return bound

    async def stop(self, grace_s: float) -> None:
        """See `Gateway.stop`."""
        if self._running is not None:
            self._running.cancel()
        self._sandbox.close()
        await super().stop(grace_s)

    def _connect(self, handshake: Handshake, address: str) -> Connection:
        self._sandbox.admit()
        connection = cast("ChaoticConnection", super()._connect(handshake, address))
        connection.sandbox = self._sandbox
        return connection
