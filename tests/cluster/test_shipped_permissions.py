"""What the NATS configuration that we ship lets each role do is enough for presence and status."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from nats.aio.client import Client

from cluster.answering import ENGINE, GATEWAY, answering, prepared
from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cli_cluster_status import read_status
from finalex.clock import now_ms
from finalex.cluster.presence import Caps, Presence
from finalex.cluster.status import ask_nodes
from support.nats_servers import NatsServers, nats_servers
from terminal.waiting import until

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "cluster" / "nats-server.conf"
NAMES = Names()
HERE = "192.0.2.1"


@asynccontextmanager
async def users(servers: NatsServers, *names: str) -> AsyncIterator[list[Client]]:
    """Log in as these users, whose passwords are the names of their variables."""
    async with AsyncExitStack() as stack:
        clients = []
        for name in names:
            address = replace(servers.address, user=name, password=f"{name.upper()}_PASSWORD")
            clients.append(await connect(address, name))
            stack.push_async_callback(clients[-1].close)
        yield clients


def ends_nobody(count: int, *, address: str | None = None, user: str | None = None) -> int:
    raise AssertionError((count, address, user))


async def test_gateways_hear_of_each_other_and_status_sees_everything(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    authorization = re.sub(r"\$(\w+_PASSWORD)", r"\1", text[text.index("authorization {") :])
    with nats_servers(tmp_path, extra=authorization) as servers:
        async with users(servers, "engine", "gateway", "gateway", "operator") as (engine, first, second, operator):
            await prepared(engine, NAMES, 1)
            told = [Presence(client, NAMES, name, Caps(10), now_ms) for name, client in (("a", first), ("b", second))]
            for presence in told:
                await presence.start(ends_nobody)
            told[0].tell_connections(HERE, 3)
            await until(lambda: told[1].connections(HERE) == 3)
            async with answering(engine, NAMES, [ENGINE]), answering(first, NAMES, [GATEWAY]):
                found = await read_status(NAMES, operator)
                assert (found.nodes, found.storage.snapshot, found.problems) == ([ENGINE, GATEWAY], 10, [])
                assert await ask_nodes(engine, NAMES) == [ENGINE, GATEWAY]
            for presence in told:
                await presence.stop()
    assert "permissions violation" not in "".join(capfd.readouterr()).lower()
