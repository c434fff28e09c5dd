"""The permissions on NATS that docs/cluster-security.md gives each role: enough for its work, and for no more."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from structlog.testing import capture_logs

from cluster.test_operator import Terminal, client, greeting
from finalex.bus.connection import connect
from finalex.bus.names import Names
from support.clusters import Cluster, until
from support.nats_servers import NatsServers, nats_servers

PAGE = (Path(__file__).parents[2] / "docs" / "cluster-security.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^finalex (.*)$", "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE)
NAMES = Names("main")


@pytest.fixture(scope="module")
def guarded_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServers]:
    """A server with the users of the page; each has its name as its password."""
    (block,) = re.findall(r"```\n(authorization .*?)```", PAGE, re.DOTALL)
    with nats_servers(tmp_path_factory.mktemp("nats"), extra=re.sub(r"\$(\w+)_PASSWORD", r"\1", block)) as servers:
        yield servers


@pytest.fixture
def terminal(
    guarded_nats: NatsServers,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Terminal]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with capture_logs():
        terminal = Terminal(Cluster(guarded_nats, tmp_path, cluster_name="main", source="exchange"), capsys)
        terminal.environment |= {"FINALEX_NATS_USER": "operator", "FINALEX_NATS_PASSWORD": "OPERATOR"}
        yield terminal


@asynccontextmanager
async def logged_in(servers: NatsServers, role: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """Connect as a role; the list is what the server refused."""
    address = Cluster(servers, Path("unused"), nats_user=role, nats_password=role.upper()).config("x").bus_address
    with capture_logs() as logs:
        connected = await connect(address, role)
        refused: list[str] = []
        try:
            yield connected, refused
            with suppress(NatsError):
                await connected.flush()
        finally:
            await connected.close()
        refused += [entry["reason"] for entry in logs if "violation" in entry.get("reason", "").lower()]


async def test_every_role_can_do_its_work_with_the_permissions_of_the_page(
    guarded_nats: NatsServers, tmp_path: Path, terminal: Terminal
) -> None:
    cluster = Cluster(guarded_nats, tmp_path, cluster_name="main", source="exchange")
    with capture_logs() as logs:
        async with (
            cluster.engine(nats_user="engine", nats_password="ENGINE"),
            cluster.gateway("first", nats_user="gateway", nats_password="GATEWAY"),
        ):
            for command in COMMANDS:
                assert (await terminal.run(*command.split())).code == 0, command
        key = await terminal.new_key("gateway")
        async with (
            cluster.engine(nats_user="engine", nats_password="ENGINE", snapshot_interval_ms="1000") as engine,
            cluster.gateway(nats_user="gateway", nats_password="GATEWAY") as gateway,
        ):
            await until(lambda: engine.role.leading is not None and gateway.gateway.is_ready())
            assert (await greeting(gateway, key))["data"]["authenticated"] is True
            assert (await terminal.run("account", "credit", "alice", "BTC", "1")).code == 0
            async with client(gateway, f"?api_key={key}") as alice:
                order = {"symbol": "BTC/USDT", "side": "sell", "type": "limit", "quantity": "0.1", "price": "50000"}
                assert (await alice.request("place_order", **order))["type"] == "order_accepted"
                assert (await terminal.run("api-key", "revoke", key)).code == 0
                assert (await alice.next_of("error"))["data"]["code"] == "INVALID_TOKEN"
            status = await terminal.run("cluster", "status")
            assert "gateway" in status.out
            await until(lambda: engine.role.snapshots.newest > 0)
        async with cluster.gateway("gateway", nats_user="gateway", nats_password="GATEWAY") as later:
            assert later.view.hub.sequence > 0
    assert [entry for entry in logs if "violation" in str(entry).lower()] == []


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        ("gateway", NAMES.log),
        ("gateway", NAMES.live),
        ("gateway", NAMES.operator()),
        ("gateway", NAMES.replies("another")),
        ("gateway", f"$KV.{NAMES.credentials}.key.x"),
        ("gateway", f"$JS.API.STREAM.DELETE.{NAMES.log_stream}"),
        ("gateway", f"$JS.API.STREAM.PURGE.{NAMES.log_stream}"),
        ("engine", NAMES.operator()),
        ("engine", NAMES.commands("another")),
        ("engine", f"$KV.{NAMES.credentials}.key.x"),
        ("operator", NAMES.log),
        ("operator", NAMES.commands("engine")),
        ("operator", f"$JS.API.STREAM.DELETE.{NAMES.log_stream}"),
    ],
)
async def test_no_role_can_do_the_work_of_another(guarded_nats: NatsServers, role: str, subject: str) -> None:
    async with logged_in(guarded_nats, role) as (connected, refused):
        await connected.publish(subject, b"x")
        await connected.flush()
    assert [subject.lower() in reason.lower() for reason in refused] == [True]


async def test_a_gateway_cannot_listen_to_the_operator(guarded_nats: NatsServers) -> None:
    async with logged_in(guarded_nats, "gateway") as (connected, refused):
        await connected.subscribe(NAMES.operator())
        await connected.flush()
        await asyncio.sleep(0)
    assert [NAMES.operator() in reason for reason in refused] == [True]
