"""The composition root: the one place where all rooms meet."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
import uvloop

from finalex import __version__, garbage
from finalex.admin.errors import AdminError
from finalex.admin.messages import StatusReply
from finalex.admin.operator import Operator
from finalex.admin.server import AdminServer
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.channels.hub import Hub
from finalex.clock import now_ms
from finalex.config import Config
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.descriptors import DescriptorWatch, raise_limit, share_out
from finalex.gateway.http_messages import Response
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.log.limits import SqliteLimits
from finalex.log.port import LogError
from finalex.loop_health import LoopHealth
from finalex.metrics import Metrics
from finalex.persistence import Kept, keep_in_memory, keep_on_disk, keep_rewound
from finalex.recovery import RecoveryError
from finalex.reference.documents import documents
from finalex.rewind import rewind
from finalex.session.auth import Authenticator
from finalex.session.desk import Desk
from finalex.session.limits import Limits
from finalex.settings.places import IN_MEMORY
from finalex.snapshotting import SnapshotJob
from finalex.sources.port import Source
from finalex.sourcing import build_source, describe_source
from finalex.stopping import stop_signal
from finalex.welcome import welcome

STOP_GRACE_S = 5.0
"""How long clients have to go once they were told that the server closes."""

HOUR_MS = 3_600_000

_log = structlog.get_logger("finalex.app")


class StartError(Exception):
    """The server cannot start; the text is a sentence for the operator."""


@dataclass(frozen=True)
class Server:
    """A server that runs: with what, where it listens, and the task that feeds it."""

    config: Config
    port: int
    source: Source
    feeding: asyncio.Task[None]

    @property
    def authority(self) -> str:
        """Host and port as an address has them; a server on all addresses is reached at this machine's own."""
        host = self.config.host
        host = {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Server]:
    """Run a server with `config` for as long as the context lasts; raises `StartError`."""
    with _data_directory(config) as config:
        kept = _keep(config)
        try:
            async with _serving(config, kept) as server:
                yield server
        finally:
            kept.close()


@asynccontextmanager
async def _serving(config: Config, kept: Kept) -> AsyncIterator[Server]:
    metrics = Metrics()
    source = _build_source(config, kept, metrics)
    gateway = _build_gateway(config, kept, source, metrics)
    kept.log.follow(gateway.follow)
    admin = AdminServer(config.data_dir / SOCKET_FILE_NAME, _build_operator(config, kept, source, gateway).handle)
    tasks = []
    try:
        if config.source.operated:
            await _open(admin)
        port = await _listen(gateway, config)
        running = (_feed(source, gateway), kept.run(), LoopHealth(metrics).run(), DescriptorWatch(metrics).run())
        tasks = [asyncio.create_task(each) for each in running]
        yield Server(config, port, source, tasks[0])
    finally:
        await admin.stop()
        await gateway.stop(STOP_GRACE_S)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


@contextmanager
def _data_directory(config: Config) -> Iterator[Config]:
    """Give a server that keeps nothing a directory for as long as it runs: for its secret and its keys."""
    if config.data_dir != IN_MEMORY:
        yield config
        return
    with TemporaryDirectory(prefix="finalex-") as directory:
        yield replace(config, data_dir=Path(directory), keeps_nothing=True)


def _keep(config: Config) -> Kept:
    """Return what is kept in the data directory; a recording is played anew each time and is not kept."""
    job = SnapshotJob(
        data_dir=str(config.data_dir),
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


async def _listen(gateway: Gateway, config: Config) -> int:
    try:
        return await gateway.start(config.host, config.port)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error
        raise StartError(f"cannot listen on {config.host} port {config.port}: {reason}") from None


async def _open(admin: AdminServer) -> None:
    try:
        await admin.start()
    except AdminError as error:
        raise StartError(str(error)) from None


def _build_operator(config: Config, kept: Kept, source: Source, gateway: Gateway) -> Operator:
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

    return Operator(kept.hub.state, source, gateway.close_revoked, status)


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
        return build_source(config, kept, metrics)
    except ValueError as error:
        raise StartError(str(error)) from None


def _build_gateway(config: Config, kept: Kept, source: Source, metrics: Metrics) -> Gateway:
    hub = kept.hub
    for name in hub.counters():
        metrics.watch(name, "Should stay 0 with a sound source", partial(_counter, hub, name))
    kept.watch(metrics)
    keys = KeyStore(config.data_dir / KEYS_FILE_NAME)
    limits = Limits(
        public_subscriptions_max=config.public_subscriptions_max,
        private_subscriptions_max=config.private_subscriptions_max,
        messages_per_minute_max=config.messages_per_minute_max,
    )
    room = share_out(raise_limit(), config.connections_max, GatewaySettings().handshakes_max)
    if room.connections < config.connections_max:
        _log.info("connections_limited", connections_max=room.connections, asked=config.connections_max)
    settings = GatewaySettings(
        connections_per_ip=config.connections_per_ip,
        connections_max=room.connections,
        handshakes_max=room.handshakes,
        handshake_timeout_ms=config.handshake_timeout_ms,
        origins=config.origins,
        trusted_proxies=config.trusted_proxies,
        message_bytes_max=config.message_bytes_max,
        lagging_bytes=config.lagging_bytes,
        queue_bytes_max=config.queue_bytes_max,
        queues_bytes_max=config.queues_bytes_max,
        slow_close_timeout_ms=config.slow_close_timeout_ms,
        compression=config.compression,
        live=config.source.trading,
        ping_interval_ms=config.ping_interval_ms,
        pong_timeout_ms=config.pong_timeout_ms,
    )
    authenticator = Authenticator(config.signing_secret().reveal(), keys)
    desk = Desk(hub, authenticator, limits, config.heartbeat_interval_ms)
    return Gateway(desk, source, settings, metrics, now_ms, kept.recaller, _documents(config))


def _documents(config: Config) -> dict[str, Response]:
    """Return the reference as pages; they are made once."""
    return {
        path: Response(
            HTTPStatus.OK, document.body, document.content_type, (("Content-Security-Policy", document.policy),)
        )
        for path, document in documents(config).items()
    }


def _counter(hub: Hub, name: str) -> float:
    return hub.counters()[name]


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
        await asyncio.wait({server.feeding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if server.feeding.done() and server.feeding.exception() is None:
            await stopping  # a recording that has ended is still served
        failed = not stopping.done()
        _log.info("stopping")
    return 1 if failed else 0
