"""The gateway: listens, and ties log, sessions and sockets together."""

import asyncio
import math
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import ClassVar

import structlog

from finalex.gateway.addresses import limited_as
from finalex.gateway.admission import Admission, Verdict
from finalex.gateway.backlog import Backlog
from finalex.gateway.connection import Connection
from finalex.gateway.door import Door
from finalex.gateway.failures import report_failure
from finalex.gateway.fanout import Fanout
from finalex.gateway.handshake import Handshake
from finalex.gateway.heartbeat import Heartbeat
from finalex.gateway.http_messages import HttpError, Response
from finalex.gateway.intake import Intake
from finalex.gateway.pages import Pages
from finalex.gateway.recalls import NoRecaller
from finalex.gateway.reception import WAITING_PER_PEER_MIN, Reception
from finalex.gateway.secure_listener import SecureListener
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.spread import spread
from finalex.gateway.switchboard import Clock, Recaller, Step, Switchboard, Venue
from finalex.gateway.tls import Certificate
from finalex.metrics import Metrics
from finalex.model.events import Batch
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.session.auth import Revocation
from finalex.session.desk import Desk
from finalex.session.elsewhere import NOWHERE, Elsewhere
from finalex.session.session import Session

KNOCKING_S = 60
"""When an address that keeps knocking may come back: refusals are forgotten by then."""

BUSY_S = 5
"""When to try again to connect to a server that is full or stops."""

FULL_SAID_APART_S = 60
"""That a server is full is logged once in this time."""

DROP_S = 1.0
"""How long the system may take to report dropped connections as gone."""

BACKLOG = 1024
"""How many TCP connections the system may hold for us before we take them."""

UNSENT_BYTES_MAX = 1 << 17
"""What the system holds for a connection before it may be sent (TCP_NOTSENT_LOWAT, which connections inherit).

By itself the system would hold megabytes: nobody could tell that a client is slow before what it gets is old.
"""

_log = structlog.get_logger("finalex.gateway")


class Gateway:
    """Serves clients over WebSocket and HTTP on one port.

    `venue` takes commands, `now_ms` is the wall clock, `recaller` reads the log again for those who come back (without
    it only memory does). Everything runs on one event loop; `follow` is for the log.
    Set `source_running` once there is something to serve: `/ready` says so.
    """

    session_type: ClassVar[type[Session]] = Session
    connection_type: ClassVar[type[Connection]] = Connection
    """What answers a client and what carries it; whoever examines the frame path lets another session answer."""

    def __init__(
        self,
        desk: Desk,
        venue: Venue,
        settings: GatewaySettings,
        metrics: Metrics,
        now_ms: Clock,
        recaller: Recaller | None = None,
        documents: Mapping[str, Response] | None = None,
        elsewhere: Elsewhere = NOWHERE,
    ) -> None:
        self.source_running = False
        self._desk = desk
        self._settings = settings
        self._metrics = metrics
        self._numbers = count()
        self._admission = Admission(settings.connections_per_ip, settings.refusals_per_minute_max, elsewhere)
        self._heartbeat = Heartbeat(settings, metrics)
        self._fanout = Fanout(_call_soon, metrics, now_ms)
        self.backlog = Backlog(settings.queues_bytes_max, metrics)
        self._switchboard = Switchboard(
            self._fanout,
            self.backlog,
            venue,
            recaller or NoRecaller(),
            settings,
            metrics,
            now_ms,
            self._forget,
            Intake(settings),
        )
        self._reception = Reception(settings, metrics, Pages(self.is_ready, documents), self._connect)
        self._server: asyncio.Server | SecureListener | None = None
        self._beating: asyncio.Task[None] | None = None
        self._stopping = False
        self._views_failed = False
        self._full_said_s = -math.inf
        self._all_gone = asyncio.Event()
        metrics.watch("connections", "WebSocket connections there are now", lambda: self.connections)

    @property
    def connections(self) -> int:
        """How many WebSocket connections there are."""
        return len(self._heartbeat)

    # --- life -------------------------------------------------------------------------------------------

    async def start(self, host: str, port: int, certificate: Certificate | None = None) -> int:
        """Listen, with TLS if there is a certificate, and return the port; 0 takes any free one. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._server = await self._listen(host, port, certificate)
        for listening in self._server.sockets:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        self._beating = loop.create_task(self._heartbeat.run())
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _listen(self, host: str, port: int, certificate: Certificate | None) -> asyncio.Server | SecureListener:
        def new_door() -> Door:
            return Door(self._reception, self._settings)

        if certificate is None:
            return await asyncio.get_running_loop().create_server(
                new_door, host, port, backlog=BACKLOG, reuse_port=self._settings.reuse_port or None
            )
        secure = SecureListener(
            new_door,
            certificate,
            self._metrics,
            waiting_max=self._settings.handshakes_max,
            per_peer_max=max(WAITING_PER_PEER_MIN, self._settings.connections_per_ip),
            timeout_s=self._settings.handshake_timeout_ms / 1000,
        )
        await secure.start(host, port, BACKLOG, reuse_port=self._settings.reuse_port)
        return secure

    async def stop(self, grace_s: float) -> None:
        """Take nobody new, tell everybody to come back later, and wait for them to go, at most `grace_s`.

        What was published before leaves first. What sessions submit as they end still goes to the venue.
        """
        self._stopping = True
        if self._server is not None:
            self._server.close()
        self._reception.abort_all()
        self._fanout.flush()
        for turn, connection in enumerate(self._heartbeat):
            wait_ms = self._settings.reconnect_after_ms + spread(turn) * self._settings.reconnect_spread_ms
            connection.notify_closing(int(wait_ms))
        await self._wait_until_gone(grace_s)
        for connection in self._heartbeat:
            connection.drop()
        await self._wait_until_gone(DROP_S)
        await asyncio.sleep(0)  # in which visitors that were dropped go
        if self._beating is not None:
            self._beating.cancel()
        _log.info("gateway_stopped")

    async def _wait_until_gone(self, seconds: float) -> None:
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), seconds)

    def is_ready(self) -> bool:
        """Whether the server should get connections."""
        return self.source_running and not self._stopping and not self._views_failed

    # --- the log ----------------------------------------------------------------------------------------

    def follow(self, batch: Batch) -> None:
        """Take in a batch: the views change, and what that publishes is on its way. Never raises.

        Should the views fail, what clients hold can no longer be kept true: all are disconnected after what was
        published before, and `/ready` says no from then on.
        """
        self._metrics.batches += 1
        self._metrics.events += len(batch.events)
        try:
            publications = self._desk.hub.apply(batch, self._fanout.wanted)
            since_ms = batch.time_ms if self._settings.live else None
            self._fanout.publish(publications, self._switchboard.now_ms(), since_ms)
        except Exception as error:
            report_failure("views", error, self._metrics)
            self._views_failed = True
            self._fanout.flush()
            for connection in self._heartbeat:
                connection.close(CloseCode.INTERNAL_ERROR, ErrorCode.INTERNAL_ERROR.message)

    @property
    def views_failed(self) -> bool:
        """Whether the views could not take in a batch: they never will again."""
        return self._views_failed

    def overrule_status(self, reason: str | None) -> None:
        """Tell clients that no market takes anything, for a `reason` that the log does not tell; `None`: no longer."""
        publications = self._desk.hub.overrule_status(reason, self._fanout.wanted)
        self._fanout.publish(publications, self._switchboard.now_ms())

    # --- connections ------------------------------------------------------------------------------------

    def close_revoked(self, revocation: Revocation) -> int:
        """End all connections that logged in with what was revoked, and return how many end at once."""
        return sum(connection.revoke(revocation) for connection in self._heartbeat)

    def end_excess(self, count: int, *, address: str | None = None, user: str | None = None) -> int:
        """End the `count` youngest connections of an address, as limits count it, or of an account.

        Return how many of them were open. Those that end already are among them.
        """
        found = [
            connection
            for connection in self._heartbeat
            if (connection.user == user if user else address == limited_as(connection.address or ""))
        ]
        youngest = sorted(found, key=lambda connection: connection.number)[-count:] if count > 0 else []
        return sum(connection.give_way(account=user is not None) for connection in youngest)

    def _connect(self, handshake: Handshake, address: str) -> Connection:
        if self._stopping or self.connections >= self._settings.connections_max:
            self._metrics.refusals["full"] += 1
            self._say_full()
            raise _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server takes no more connections now.", BUSY_S)
        session = self.session_type(self._desk, address)
        verdict = self._admission.judge(address, int(asyncio.get_running_loop().time() * 1000))
        match verdict:
            case Verdict.ADMIT:
                opening: Step = partial(session.open, handshake.credentials, self._admission.remaining(address))
            case Verdict.REFUSE:
                self._metrics.refusals["address"] += 1
                opening = session.refuse_connection
            case Verdict.TURN_AWAY:
                self._metrics.refusals["knocking"] += 1
                raise _refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections from this address.", KNOCKING_S)
        owner = address if verdict is Verdict.ADMIT else None
        connection = self.connection_type(
            next(self._numbers), owner, session, opening, self._switchboard, deflate=handshake.deflate
        )
        self._heartbeat.add(connection)
        self._metrics.connections_opened += 1
        return connection

    def _say_full(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if not self._stopping and now_s - self._full_said_s >= FULL_SAID_APART_S:
            self._full_said_s = now_s
            _log.warning("server_full", connections=self.connections)

    def _forget(self, connection: Connection) -> None:
        self._heartbeat.discard(connection)
        if connection.address is not None:
            self._admission.leave(connection.address)
        if self._stopping and not self.connections:
            self._all_gone.set()


def _refusal(status: HTTPStatus, text: str, retry_after_s: int) -> HttpError:
    return HttpError(status, text, ("Retry-After", str(retry_after_s)))


def _call_soon(callback: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(callback)
