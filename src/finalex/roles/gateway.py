"""The role `gateway`: a process that follows the log of an exchange on NATS and serves its clients.

It keeps nothing but who they are: any number of them come and go while the exchange goes on.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvloop

from finalex import __version__, garbage
from finalex.bus.connection import BusError, connect
from finalex.clock import now_ms
from finalex.cluster.node import node_name
from finalex.cluster.snapshot_reader import SnapshotReader
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.config import Config
from finalex.gateway.back_door import BackDoor
from finalex.gateway.server import Gateway
from finalex.log.jetstream.stream import LogStream
from finalex.metrics import Metrics
from finalex.recovery import RecoveryError
from finalex.roles.credentials import credentials_shared
from finalex.roles.gateway_node import GatewayNode
from finalex.roles.gateway_view import restore_view
from finalex.starting import StartError, build_authentication, data_directory, listen_behind
from finalex.stopping import stop_signal

_log = structlog.get_logger("finalex.cluster")


class _Readiness:
    """Whether there is a gateway, and it should get connections."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None

    def __call__(self) -> bool:
        return self.gateway is not None and self.gateway.is_ready()


@asynccontextmanager
async def gateway_running(config: Config) -> AsyncIterator[GatewayNode]:
    """Run a gateway with `config` for as long as the context lasts; entering waits for NATS, and for an engine.

    Raises `StartError`.
    """
    if not config.nats:
        raise StartError("Setting 'nats' must name at least one NATS server of the exchange.")
    async with AsyncExitStack() as stack:
        config = stack.enter_context(data_directory(config))
        metrics, ready = Metrics(), _Readiness()
        authentication = build_authentication(config, metrics)
        stack.push_async_callback(authentication.stop)
        authentication.start()
        back_door = BackDoor(metrics, ready)
        stack.callback(back_door.stop)
        admin_port = await listen_behind(back_door, config)
        name = node_name(config.node_name)
        try:
            client = await connect(config.bus_address, f"gateway {name}", forever=True)
        except BusError as error:
            raise StartError(str(error)) from None
        stack.push_async_callback(client.close)
        store = SnapshotStore(client, config.bus_names)
        snapshots = SnapshotReader(store, asyncio.get_running_loop(), config.bus_names.snapshots)
        try:
            view = await restore_view(config, LogStream(client, config.bus_names), snapshots, now_ms)
        except RecoveryError as error:
            raise StartError(str(error)) from None
        node = GatewayNode(config, name, client, view, authentication, metrics)
        node.admin_port, ready.gateway = admin_port, node.gateway
        close_revoked, audit = node.gateway.close_revoked, authentication.audit
        await stack.enter_async_context(credentials_shared(config, name, client, metrics, close_revoked, audit))
        await stack.enter_async_context(node.running())
        yield node


def run(config: Config) -> int:
    """Serve as a gateway until a signal asks to stop; return the exit code of the process."""
    try:
        return uvloop.run(_run(config))
    except StartError as error:
        print(f"finalex: {error}", file=sys.stderr)
        return 1


async def _run(config: Config) -> int:
    stopping, started = stop_signal(), asyncio.Event()
    serving = asyncio.create_task(_serve(config, started, stopping))
    waited: set[asyncio.Future[Any]] = {serving, stopping}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        serving.cancel()
    try:
        return await serving
    except asyncio.CancelledError:
        return 0


async def _serve(config: Config, started: asyncio.Event, stopping: asyncio.Future[None]) -> int:
    async with gateway_running(config) as node:
        started.set()
        garbage.settle()
        scheme = "wss" if config.tls_files else "ws"
        print(f"Finalex {__version__}, gateway {node.name}: {scheme}://{node.authority}", flush=True)
        await asyncio.wait({node.following, stopping}, return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping")
    if stopping.done():
        return 0
    print(f"finalex: {node.following.exception()}", file=sys.stderr)
    return 1
