"""The role `finalex engine`: one engine of a cluster leads, the others follow it hot and take over.

An engine restores the state from the newest snapshot and the log, and follows the log. When nobody leads it appends an
empty batch where it believes the end to be; if that is stored there, everything ever accepted is in its state, and it
leads: its source writes the log, and gateways' commands come to it. When another engine's batch is stored instead of
one of its own, it was replaced: it forgets what it decided since, answers none of it, and begins anew as a standby. One
that is asked to stop says in the log that it leaves, and another takes over at once.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import uvloop
from nats.aio.client import Client

from finalex import garbage
from finalex.bus.connection import BusError, connect
from finalex.clock import now_ms
from finalex.cluster.leading import Leading
from finalex.cluster.node import node_name
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.cluster.standby import Standby
from finalex.cluster.status import StatusResponder, ThisNode
from finalex.config import Config
from finalex.ending import AGAIN_S, check_cancelled, end_tasks
from finalex.gateway.back_door import BackDoor
from finalex.log.jetstream.stream import LogStream, StreamAwayError
from finalex.log.jetstream.trimming import trim
from finalex.log.port import LogError, LogProblem, LogTrimmedError
from finalex.loop_health import LoopHealth
from finalex.metrics import Metrics
from finalex.recovery import RecoveryError, copy_state
from finalex.roles.engine_metrics import watch_engine
from finalex.roles.engine_operator import operated
from finalex.roles.engine_snapshots import EngineSnapshots
from finalex.roles.engine_source import build_engine_source, check_source
from finalex.roles.engine_status import describe_engine
from finalex.roles.engine_term import SourceFailedError, Term, log_limits
from finalex.roles.recovery import restore_stored
from finalex.session.order_rates import OrderRates
from finalex.starting import StartError, listen_behind
from finalex.stopping import stop_signal

RETRY_S = 0.5
"""The pause before NATS is asked again after a failure, and between two attempts to lead."""

FAILED_PAUSE_S = 5.0
"""After its source has failed, an engine leaves it to others to lead for so long."""

JITTER = 0.25
"""Standbys wait up to this share longer than `takeover_ms`, each by its own lot: they do not all come at once."""

Duty = Callable[[Leading], AbstractAsyncContextManager[object]]
"""What else there is to do while an engine leads."""

_log = structlog.get_logger("finalex.engine")


class EngineRole:
    """An engine of the cluster that `config` names, now a standby, now the leader.

    `standby` is there while it follows, `leading` while it leads, and neither while the state is being restored.
    Whenever it leads, `duties` are entered. `client`, `stream` and `store` are there once NATS is reached.
    """

    client: Client
    stream: LogStream
    store: SnapshotStore

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self.config = config
        self._metrics = metrics
        self.node = node_name(config.node_name)
        self.standby: Standby | None = None
        self.leading: Leading | None = None
        self.duties: list[Duty] = []
        self.takeovers = 0
        self.counts: Counter[str] = Counter()
        self.snapshots = EngineSnapshots(config)
        self._order_rates = OrderRates(config.orders_per_second_max)
        self._trimmed = -1
        self._term: Term | None = None

    @property
    def ready(self) -> bool:
        """Whether it leads, or has caught up with who does."""
        return self.leading is not None or (self.standby is not None and self.standby.following)

    @property
    def has_term(self) -> bool:
        """Whether it leads, or has not left in order yet."""
        return self._term is not None

    @property
    def sequence(self) -> int:
        """The last batch in its state."""
        if self.leading is not None:
            return self.leading.log.sequence
        return 0 if self.standby is None else self.standby.sequence

    async def run(self) -> None:
        """Stand by and lead until cancelled; then leave. Raises `StartError`, `RecoveryError`, `LogError`."""
        config = self.config
        _log.info("engine_starting", node=self.node, nats=", ".join(config.nats), cluster=config.cluster_name)
        self.client = await connect(config.bus_address, f"finalex engine {self.node}", forever=True)
        try:
            self.stream = LogStream(self.client, config.bus_names)
            self.store = SnapshotStore(self.client, config.bus_names)
            describe = partial(describe_engine, self, ThisNode("engine", self.node))
            await StatusResponder(self.client, config.bus_names, describe).start()  # the client's end is its own
            while True:
                check_cancelled()
                await self._turn()
        finally:
            if self._term is not None:
                await self._end(self._term)
            await self.client.close()

    async def _turn(self) -> None:
        """Restore, stand by, lead; what NATS cannot do now is tried again."""
        try:
            await self.stream.prepare(self.config.nats_replicas, self.config.log_bytes_max)
            await self.store.prepare(self.config.nats_replicas)
            await self._stand_by(await self._restored())
        except (StreamAwayError, BusError) as error:
            _log.warning("engine_waits", reason=str(error))
            await asyncio.sleep(RETRY_S)
        if self._term is not None:
            await self._lead(self._term)

    async def _restored(self) -> Standby:
        restored = await restore_stored(self.store, self.snapshots.job.build_hub)
        for problem in restored.problems:
            _log.warning("snapshot_problem", reason=problem)
        state = copy_state(restored.hub.state, self.config.open_orders_max)
        return Standby(self.stream, state, restored.hub.sequence)

    async def _stand_by(self, standby: Standby) -> None:
        """Follow until it is this engine's turn to lead: then there is a term."""
        restored = standby.sequence
        _log.info("engine_follows", node=self.node, snapshot=restored)
        self.standby = standby
        following = asyncio.create_task(standby.run())
        try:
            while True:
                term = await self._attempt(standby, following)
                if await term.begin():
                    self._term = term
                    return
                if term.problem is LogProblem.DISK_FULL:
                    await self._make_room(standby)
                await asyncio.sleep(RETRY_S)
        except LogTrimmedError as error:
            raise self._unless_repeated(error, restored) from error
        finally:
            self.standby = None
            await end_tasks(following)

    async def _make_room(self, standby: Standby) -> None:
        """Let the log forget what two snapshots cover: it is so full that nobody can lead, and so nobody else does."""
        _log.error("log_full", sequence=standby.sequence, bytes_max=self.config.log_bytes_max)
        written = await self.snapshots.write(standby.sequence)
        if written is not None:
            freed = await trim(self.stream, written.covered, log_limits(self.config))
            _log.info("log_trimmed", messages=freed)

    async def _attempt(self, standby: Standby, following: asyncio.Task[None]) -> Term:
        """Wait until nobody leads, and return an attempt to; raises what ends `following`."""
        silence_ms = self.config.takeover_ms * random.uniform(1, 1 + JITTER)  # noqa: S311 (no secret)
        vacancy = asyncio.create_task(standby.vacancy(silence_ms))
        try:
            await asyncio.wait({following, vacancy}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                await following
            end = await vacancy
        finally:
            await end_tasks(vacancy)
        return Term(self.client, self.config, self.node, standby.state, end, self._order_rates, self.counts)

    def _unless_repeated(self, error: LogTrimmedError, restored: int) -> Exception:
        """Return what to raise when the log does not reach back to what was restored: once, that may just have gone."""
        if restored == self._trimmed:
            return RecoveryError(
                f"The state cannot be restored without a good snapshot, because the log has lost its beginning. {error}"
            )
        self._trimmed = restored
        return StreamAwayError(str(error))

    async def _lead(self, term: Term) -> None:
        """Lead until replaced; after a failure of the source leave it to others for a while."""
        _log.info("engine_leads", node=self.node, writer=term.writer, sequence=term.log.sequence)
        self.takeovers += 1
        failure = None
        try:
            source = build_engine_source(self.config, term, self.client, self._metrics)
            self.leading = Leading(term.writer, term.log, term.engine_state, source, now_ms())
            garbage.settle()
            async with AsyncExitStack() as duties:
                for duty in self.duties:
                    await duties.enter_async_context(duty(self.leading))
                check_cancelled()
                await term.run(source, self.snapshots.run(self.store, term.log))
        except SourceFailedError as error:
            failure = error
            _log.exception("source_failed", exc_info=error.__cause__)
        finally:
            self.leading = None
            await self._end(term)
        if failure is not None:
            await asyncio.sleep(FAILED_PAUSE_S)

    async def _end(self, term: Term) -> None:
        try:
            await term.end()
        finally:
            self._term = None
        _log.info("engine_leads_no_more", node=self.node, writer=term.writer, replaced=term.replaced)


@dataclass(frozen=True)
class RunningEngine:
    """An engine that runs in this process, and the task that fails if it cannot."""

    role: EngineRole
    running: asyncio.Task[None]
    admin_port: int

    async def stop(self) -> None:
        """Let it leave in order, and wait until it has; what it raises is dropped.

        While it leads it is asked once: leaving takes its time.
        """
        self.running.cancel()
        while not self.running.done():
            await asyncio.wait({self.running}, timeout=AGAIN_S)
            if not self.role.has_term:
                self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@asynccontextmanager
async def engine_running(config: Config) -> AsyncIterator[RunningEngine]:
    """Run an engine with `config` for as long as the context lasts; then it leaves in order. Raises `StartError`."""
    _check(config)
    metrics = Metrics()
    role = EngineRole(config, metrics)
    role.duties.append(lambda leading: operated(config, role.client, leading))
    watch_engine(metrics, role)
    back_door = BackDoor(metrics, lambda: role.ready)
    admin_port = await listen_behind(back_door, config)
    health = asyncio.create_task(LoopHealth(metrics).run())
    engine = RunningEngine(role, asyncio.create_task(role.run()), admin_port)
    try:
        yield engine
    finally:
        await engine.stop()
        await end_tasks(health)
        back_door.stop()


def _check(config: Config) -> None:
    if not config.nats:
        raise StartError("An engine needs NATS servers: give it --nats, or the setting 'nats'.")
    check_source(config)


def run(config: Config) -> int:
    """Run an engine until a signal asks to stop; return the exit code of the process."""
    try:
        return uvloop.run(_run(config))
    except (StartError, RecoveryError, LogError) as error:
        print(f"finalex: {error}", file=sys.stderr)
        return 1


async def _run(config: Config) -> int:
    stopping = stop_signal()
    async with engine_running(config) as engine:
        await asyncio.wait({engine.running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if engine.running.done():
            await engine.running
        _log.info("stopping")
    return 0
