"""A gateway of a cluster: its view, its venue and its sockets, and what keeps them together."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from nats.aio.client import Client

from finalex.authentication import Authentication
from finalex.clock import now_ms
from finalex.cluster.courier import Courier
from finalex.cluster.presence import Caps, Presence
from finalex.cluster.standby import UnknownMarketError
from finalex.cluster.status import NodeStatus, StatusResponder, ThisNode
from finalex.cluster.venue import CHECKED_APART_S, Clocks, RemoteVenue
from finalex.cluster.wire import SentCommand
from finalex.config import Config
from finalex.descriptors import DescriptorWatch
from finalex.ending import end_tasks
from finalex.hosting import build_gateway
from finalex.log.port import LogDamagedError
from finalex.loop_health import LoopHealth
from finalex.metrics import Metrics
from finalex.model.events import Batch
from finalex.model.rejects import RejectReason
from finalex.roles.gateway_view import View
from finalex.starting import StartError, authority, listen
from finalex.stopping import STOP_GRACE_S

PROGRESS_APART_S = 2.0
"""A start that takes long says so often how far it is."""

_log = structlog.get_logger("finalex.cluster")


class GatewayNode:
    """A gateway called `name`, on `client`'s NATS; it shows `view`, and serves while `running` lasts.

    `following` is there from then on, and ends, with an error, only when the gateway cannot go on.
    """

    following: asyncio.Task[None]

    def __init__(
        self, config: Config, name: str, client: Client, view: View, authentication: Authentication, metrics: Metrics
    ) -> None:
        self.config = config
        self.name = name
        self.port = 0
        self.admin_port = 0
        self.view = view
        self._client = client
        self._this = ThisNode("gateway", name)
        self._metrics = metrics
        names, caps = config.bus_names, Caps(config.connections_per_ip, config.connections_per_account)
        self.venue = RemoteVenue(
            self._send,
            view.hub.state,
            view.log.leadership,
            Clocks(now_ms, time.monotonic),
            config.command_timeout_ms,
            opens_accounts=bool(config.demo_credits),
        )
        self._courier = Courier(client, names, name, self.venue.take, self.venue.give_back)
        self._presence = Presence(client, names, name, caps, now_ms)
        self._responder = StatusResponder(client, names, self.describe)
        self.gateway = build_gateway(config, view, self.venue, metrics, authentication, now_ms, self._presence)
        self.venue.watch(metrics)
        self._presence.watch(metrics)
        metrics.watch_labeled("role", "What this process is in its exchange", "role", lambda: {"gateway": 1})
        self._leads = True
        self._reconnects = client.stats["reconnects"]
        view.log.watcher = self.venue

    @property
    def authority(self) -> str:
        """Host and port as an address has them."""
        return authority(self.config, self.port)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Catch up with the log, and serve clients until the block ends; raises `StartError`."""
        tasks: list[asyncio.Task[None]] = []
        self.following = asyncio.create_task(self.view.log.run())
        try:
            await self._responder.start()
            await self._catch_up()
            await self._courier.start()
            await self._presence.start(self.gateway.end_excess)
            self._look()
            self.port = await listen(self.gateway, self.config, self._metrics)
            work: tuple[Coroutine[Any, Any, None], ...] = (
                self._watch(),
                LoopHealth(self._metrics).run(),
                DescriptorWatch(self._metrics).run(),
            )
            tasks = [asyncio.create_task(each) for each in work]
            yield
        finally:
            await self._stop(tasks)

    def describe(self) -> NodeStatus:
        """Return how this gateway is."""
        log = self.view.log
        state = "serving" if self.gateway.is_ready() else "catching_up" if not log.caught_up.is_set() else "behind"
        return self._this.status(
            state=state,
            sequence=log.sequence,
            lag_ms=log.lag_ms,
            connections=self.gateway.connections,
            problem=None if log.leadership.leader else "no engine leads, as far as this gateway can tell",
        )

    def _send(self, writer: str, command: SentCommand) -> None:
        self._courier.send(writer, command)

    async def _catch_up(self) -> None:
        caught_up = asyncio.create_task(self.view.log.caught_up.wait())
        try:
            while not caught_up.done():
                await asyncio.wait(
                    {caught_up, self.following}, timeout=PROGRESS_APART_S, return_when=asyncio.FIRST_COMPLETED
                )
                if self.following.done():
                    raise StartError(str(self.following.exception()))
                if not caught_up.done():
                    log = self.view.log
                    state = "catching_up" if log.end else "waiting_for_engine"
                    _log.info(state, sequence=log.sequence, end=log.end)
        finally:
            caught_up.cancel()
        self.view.log.apply = self._apply

    def _apply(self, batch: Batch) -> None:
        self.gateway.follow(batch)
        if self.gateway.views_failed:
            raise LogDamagedError(
                f"Batch {batch.sequence} of the log cannot follow from what is before it.", batch.sequence
            )
        if self.view.hub.unknown_symbol_events:
            raise UnknownMarketError(
                f"Batch {batch.sequence} of the log has events of a market that is not configured here: configure it, "
                "and start again."
            )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECKED_APART_S)
            self._look()

    def _look(self) -> None:
        """See what the clock, and the connection, have done to commands and to what clients should know."""
        self.venue.check()
        if self._client.stats["reconnects"] != self._reconnects:
            self._reconnects = self._client.stats["reconnects"]
            self.venue.repeat()
        leads = self.view.log.leadership.leader is not None
        if leads is not self._leads:
            self._leads = leads
            if leads:
                _log.info("engine_leads", writer=self.view.log.leadership.writer)
            else:
                _log.warning("no_engine_leads")
            self.gateway.overrule_status(None if leads else RejectReason.EXCHANGE_UNAVAILABLE.value)
        self.gateway.source_running = self.view.log.current and not self.following.done()

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        await end_tasks(*tasks)
        self.gateway.source_running = False
        await self.venue.drain()
        await self.gateway.stop(STOP_GRACE_S)
        await self.venue.drain()
        await self._presence.stop()
        await self._responder.stop()
        await self._courier.stop()
        await end_tasks(self.following)
