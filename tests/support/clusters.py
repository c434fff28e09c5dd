"""A whole exchange on NATS in the test's process: an engine, and gateways that its clients connect to."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from finalex.config import Config, load_config
from finalex.model.orders import Side
from finalex.roles.engine import RunningEngine, engine_running
from finalex.roles.gateway import gateway_running
from finalex.roles.gateway_node import GatewayNode
from support.nats_servers import NatsServers
from support.server import WAIT_S, Server

FAST = {"nats_replicas": "1", "takeover_ms": "200", "jwt_secret": "s" * 32}
"""For an exchange that is to be there soon."""

POLL_S = 0.01


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; only a failing test waits long."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(POLL_S)


class Cluster:
    """An exchange of its own on `servers`, with directories of its processes in `directory`.

    `settings` are those of all.
    """

    def __init__(self, servers: NatsServers, directory: Path, **settings: str) -> None:
        self.directory = directory
        self._settings = {
            "port": "0",
            "nats": ",".join(servers.urls),
            "cluster_name": f"t{secrets.token_hex(4)}",
            **FAST,
            **settings,
        }

    def config(self, node: str, **settings: str) -> Config:
        """Return the configuration of the process called `node`."""
        own = {"node_name": node, "data_dir": str(self.directory / node)}
        return load_config({**self._settings, **own, **settings}, {})

    @asynccontextmanager
    async def engine(self, node: str = "engine", **settings: str) -> AsyncIterator[RunningEngine]:
        """Run an engine."""
        async with engine_running(self.config(node, **settings)) as engine:
            yield engine

    @asynccontextmanager
    async def gateway(self, node: str = "gateway", **settings: str) -> AsyncIterator[GatewayNode]:
        """Run a gateway; it is there once it serves."""
        async with gateway_running(self.config(node, **settings)) as gateway:
            yield gateway


@asynccontextmanager
async def serving_cluster(servers: NatsServers, **settings: str) -> AsyncIterator[Server]:
    """Run an engine and a gateway with these settings, as `support.server.serving` runs one process."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = Cluster(servers, directory, **settings)
        engine = await stack.enter_async_context(cluster.engine())
        gateway = await stack.enter_async_context(cluster.gateway())
        await until(lambda: engine.role.leading is not None)
        assert engine.role.leading is not None
        if gateway.config.source.kind == "simulate":
            await until(lambda: gateway.view.hub.state.best("BTC/USDT", Side.BUY) is not None)
        source = engine.role.leading.source
        yield Server(gateway.config, gateway.port, source, gateway.config.data_dir, gateway.admin_port)
