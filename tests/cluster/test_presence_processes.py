"""The ten connections of an address on an exchange of real processes, one of which is killed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.asyncio.client import connect

from cluster.faults.roles import Role, held_port, until_ready
from finalex.bus.connection import connect as connect_bus
from finalex.cli_cluster_status import read_status
from finalex.roles.gateway_node import GatewayNode
from support.clusters import FAST, Cluster
from support.nats_servers import NatsServers, one_nats
from support.server import WAIT_S

__all__ = ["one_nats"]

POLL_S = 0.05


class Victim:
    """A gateway in a process of its own, which can be killed."""

    def __init__(self, role: Role, port: int, admin_port: int) -> None:
        self.role = role
        self.port = port
        self.admin_port = admin_port


@asynccontextmanager
async def victim(cluster: Cluster, servers: NatsServers, directory: Path) -> AsyncIterator[Victim]:
    with held_port() as held, held_port() as held_too:
        port, admin_port = held.getsockname()[1], held_too.getsockname()[1]
        settings = {
            **FAST,
            "nats": ",".join(servers.urls),
            "cluster_name": cluster.config("any").cluster_name,
            "node_name": "victim",
            "data_dir": str(directory / "victim"),
            "port": str(port),
            "admin_port": str(admin_port),
        }
        environment = {f"FINALEX_{name.upper()}": value for name, value in settings.items()}
        role = Role("victim", ["gateway"], environment, directory)
        role.start()
        try:
            await until_ready(role, port)
            yield Victim(role, port, admin_port)
        finally:
            role.end()


async def come(stack: AsyncExitStack, port: int) -> dict[str, Any]:
    """Open a connection that stays, and return its first message."""
    client = await stack.enter_async_context(connect(f"ws://127.0.0.1:{port}/"))
    first: dict[str, Any] = json.loads(await client.recv())
    return first


async def until_elsewhere(gateway: GatewayNode | Victim, connections: int) -> None:
    """Wait until a gateway knows of so many connections of the others."""

    def known() -> str:
        with urlopen(f"http://127.0.0.1:{gateway.admin_port}/metrics") as answer:
            text: str = answer.read().decode()
        found = re.search(r"^finalex_cluster_connections (\d+)", text, re.MULTILINE)
        assert found is not None
        return found[1]

    async with asyncio.timeout(WAIT_S):
        while await asyncio.to_thread(known) != str(connections):  # noqa: ASYNC110 (it is in another process)
            await asyncio.sleep(POLL_S)


async def test_the_eleventh_is_refused_everywhere_and_those_of_a_killed_gateway_count_no_longer(
    one_nats: NatsServers, tmp_path: Path
) -> None:
    cluster = Cluster(one_nats, tmp_path)
    async with (
        cluster.engine(),
        cluster.gateway("survivor", admin_port="0") as survivor,
        victim(cluster, one_nats, tmp_path) as other,
        AsyncExitStack() as stack,
    ):
        for _ in range(6):
            assert (await come(stack, other.port))["type"] == "connection_status"
        await until_elsewhere(survivor, 6)
        left = [(await come(stack, survivor.port))["data"]["rate_limits"]["connections_remaining"] for _ in range(4)]
        assert left == [3, 2, 1, 0]
        await until_elsewhere(other, 4)
        for port in (other.port, survivor.port):
            assert (await come(stack, port))["data"]["code"] == "CONNECTION_LIMIT"
        bus = await connect_bus(one_nats.address, "test")
        stack.push_async_callback(bus.close)
        found = await read_status(survivor.config.bus_names, bus)
        assert [(node.name, node.connections) for node in found.nodes if node.role == "gateway"] == [
            ("survivor", 4),
            ("victim", 6),
        ]
        assert found.problems == []
        other.role.kill()
        await until_elsewhere(survivor, 0)
        assert (await come(stack, survivor.port))["data"]["rate_limits"]["connections_remaining"] == 5
        names = [node.name for node in (await read_status(survivor.config.bus_names, bus)).nodes]
        assert names == ["engine", "survivor"]
