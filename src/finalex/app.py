"""The composition root: the one place where all rooms meet."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop

from finalex import __version__, garbage
from finalex.admin.errors import AdminError
from finalex.admin.messages import StatusReply
from finalex.admin.operator import Operator
from finalex.admin.server import AdminServer
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.audit.log import AuditLog
from finalex.bus.file import remove_bus_file
from finalex.clock import now_ms
from finalex.config import Config
from finalex.descriptors import DescriptorWatch
from finalex.gateway.back_door import BackDoor
from finalex.gateway.server import Gateway
from finalex.hosting import build_gateway
from finalex.log.limits import SqliteLimits
from finalex.log.port import LogError
from finalex.loop_health import LoopHealth
from finalex.metrics import Metrics
from finalex.persistence import Kept, keep_in_memory, keep_on_disk, keep_rewound
from finalex.recovery import RecoveryError
from finalex.rewind import rewind
from finalex.snapshotting import SnapshotJob
from finalex.sources.port import Source
from finalex.sourcing import build_source, describe_source, show_share
from finalex.starting import StartError, authority, build_authentication, data_directory, listen, listen_behind
from finalex.stopping import STOP_GRACE_S, stop_signal
from finalex.welcome import welcome

HOUR_MS = 3_600_000

_log = structlog.get_logger("finalex.app")


@dataclass(frozen=True)
class Server:
    """A server that runs: with what, where it listens, and the task that feeds it."""

    config: Config
    port: int
    source: Source
    feeding: asyncio.Task[None]
    admin_port: int

    @property
    def authority(self) -> str:
        """See `authority`."""
        return authority(self.config, self.port)


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Server]:
    """Run a server with `config` for as long as the context lasts; raises `StartError`."""
    with data_directory(config) as config:
        kept = _keep(config)
        try:
            async with _serving(config, kept) as server:
                yield server
        finally:
            kept.close()


@asynccontextmanager
async def _serving(config: Config, kept: Kept) -> AsyncIterator[Server]:
    metrics = Metrics()
    authentication = build_authentication(config, metrics)
    source = _build_source(config, kept, metrics)
    gateway = build_gateway(config, kept, source, metrics, authentication, now_ms)
    kept.log.follow(gateway.follow)
    operator = _build_operator(config, kept, source, gateway, authentication.audit)
    admin = AdminServer(config.data_dir / SOCKET_FILE_NAME, operator.handle)
    back_door = BackDoor(metrics, gateway.is_ready)
    tasks = []
    try:
        authentication.start()
        if config.source.operated:
            await _open(admin)
            remove_bus_file(config.data_dir)
        port = await listen(gateway, config, metrics)
        admin_port = await listen_behind(back_door, config)
        running = (_feed(source, gateway), kept.run(), LoopHealth(metrics).run(), DescriptorWatch(metrics).run())
        tasks = [asyncio.create_task(each) for each in running]
        yield Server(config, port, source, tasks[0], admin_port)
    finally:
        await admin.stop()
        back_door.stop()
        await gateway.stop(STOP_GRACE_S)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        await authentication.stop()


def _keep(config: Config) -> Kept:
    """Return what is kept in the data directory; a recording is played anew each time and is not kept."""
    job = SnapshotJob(
        data_dir=str(config.log_dir),
        until=0,
        instruments=list(config.instruments.values()),
        ticker_interval_ms=config.ticker_interval_ms,
        kline_interval_ms=config.kline_interval_ms,
    )
    if config.source.data_directory is not None:
        return _rewind(config, config.source.data_directory, job)
    if config.keeps_nothing or not config.source.trading:
        return keep_in_memory(job.build_hub, config.open_orders_max)
    limits = SqliteLimits(bytes_max=config.log_bytes_max, age_ms_max=config.log_hours_max * HOUR_MS)
    try:
        return keep_on_disk(
            job,
            asyncio.get_running_loop().call_soon_threadsafe,
            now_ms=now_ms(),
            limits=limits,
            open_orders_max=config.open_orders_max,
            interval_ms=config.snapshot_interval_ms,
        )
    except (LogError, RecoveryError) as error:
        raise StartError(str(error)) from None


def _rewind(config: Config, directory: Path, job: SnapshotJob) -> Kept:
    try:
        return keep_rewound(rewind(directory, job.build_hub, config.source.from_ms), config.open_orders_max)
    except RecoveryError as error:
        raise StartError(str(error)) from None


async def _open(admin: AdminServer) -> None:
    try:
        await admin.start()
    except AdminError as error:
        raise StartError(str(error)) from None


def _build_operator(config: Config, kept: Kept, source: Source, gateway: Gateway, audit: AuditLog) -> Operator:
    clock = asyncio.get_running_loop().time
    started_s = clock()

    def status() -> StatusReply:
        return StatusReply(
            version=__version__,
            process=os.getpid(),
            source=describe_source(config, source),
            sequence=kept.log.sequence,
            time_ms=kept.log.time_ms,
            problem=kept.log.problem,
            connections=gateway.connections,
            uptime_ms=int((clock() - started_s) * 1000),
        )

    return Operator(kept.hub.state, source, gateway.close_revoked, status, audit)


async def _feed(source: Source, gateway: Gateway) -> None:
    gateway.source_running = True
    try:
        await source.run()
    except Exception:
        gateway.source_running = False
        _log.exception("source_failed")
        raise


def _build_source(config: Config, kept: Kept, metrics: Metrics) -> Source:
    try:
        return build_source(config, kept, metrics, now_ms)
    except ValueError as error:
        raise StartError(str(error)) from None


def run(config: Config) -> int:
    """Serve until a signal asks to stop; return the exit code of the process."""
    try:
        return uvloop.run(_run(config))
    except StartError as error:
        print(f"finalex: {error}", file=sys.stderr)
        return 1


async def _run(config: Config) -> int:
    stopping = stop_signal()
    async with serving(config) as server:
        garbage.settle()
        print(welcome(server.config, server.authority), flush=True)
        showing = asyncio.create_task(show_share(server.source, sys.stderr))
        await asyncio.wait({server.feeding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if server.feeding.done() and server.feeding.exception() is None:
            await stopping  # a recording that has ended is still served
        failed = not stopping.done()
        showing.cancel()
        _log.info("stopping")
    return 1 if failed else 0
