"""The operator of an exchange of many processes: what the command line does there, with real NATS and all roles."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nats.aio.msg import Msg
from structlog.testing import capture_logs
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosedError

from finalex.admin.messages import ErrorCode, ErrorReply, encode
from finalex.bus.connection import connect
from finalex.bus.file import read_bus_file, remove_bus_file, write_bus_file
from finalex.bus.names import Names
from finalex.cli import run_command
from finalex.cluster import operator_line
from finalex.roles.gateway_node import GatewayNode
from finalex.starting import StartError
from support.clusters import Cluster, until
from support.nats_servers import NatsServers, nats_servers, one_nats
from support.server import Client

__all__ = ["one_nats"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Terminal:
    """Where the operator of an exchange works: a data directory, and settings in the environment."""

    def __init__(self, cluster: Cluster, capture: pytest.CaptureFixture[str]) -> None:
        config = cluster.config("operator")
        self.directory = config.data_dir
        self._capture = capture
        self.environment = {
            "HOME": str(cluster.directory),
            "FINALEX_DATA_DIR": str(config.data_dir),
            "FINALEX_NATS": ",".join(config.nats),
            "FINALEX_CLUSTER_NAME": config.cluster_name,
            "FINALEX_NATS_REPLICAS": "1",
            "FINALEX_JWT_SECRET": "s" * 32,
        }

    async def run(self, *arguments: str, **environment: str | None) -> Result:
        """Run a command as another process would: beside the event loop."""
        given = self.environment | environment
        os.environ.clear()  # the fixture has put a copy in place of the process's own
        os.environ.update({name: value for name, value in given.items() if value is not None})
        code = await asyncio.to_thread(run_command, arguments)
        return Result(code, *self._capture.readouterr())

    async def new_key(self, *gateways: str) -> str:
        """Make an API key of alice's, and give these gateways the pepper, as the operator is told to."""
        key = (await self.run("api-key", "create", "--user", "alice")).out.strip()
        for name in gateways:
            target = self.directory.parent / name
            target.mkdir(mode=0o700, exist_ok=True)
            shutil.copy(self.directory / "api-key-pepper", target)
        return key


@pytest.fixture
def cluster(one_nats: NatsServers, tmp_path: Path) -> Cluster:
    return Cluster(one_nats, tmp_path, source="exchange")


@pytest.fixture
def terminal(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with capture_logs():
        yield Terminal(cluster, capsys)


@asynccontextmanager
async def client(gateway: GatewayNode, query: str = "") -> AsyncIterator[Client]:
    """Connect to a gateway; the greeting is read."""
    async with connect_websocket(f"ws://127.0.0.1:{gateway.port}/{query}") as connection:
        client = Client(connection)
        await client.receive()
        yield client


async def greeting(gateway: GatewayNode, key: str) -> dict[str, Any]:
    """Return the first message to somebody with this API key."""
    async with client(gateway, f"?api_key={key}") as connected:
        return connected.seen[0]


# --- credentials ----------------------------------------------------------------------------------------------


async def test_a_key_works_at_every_gateway_until_it_is_revoked_and_then_its_connections_end(
    cluster: Cluster, terminal: Terminal
) -> None:
    key = await terminal.new_key("a", "b")
    async with cluster.engine(), cluster.gateway("a") as a, cluster.gateway("b") as b:
        async with client(a, f"?api_key={key}") as first, client(b, f"?api_key={key}") as second:
            assert first.seen[0]["data"]["authenticated"] is second.seen[0]["data"]["authenticated"] is True
            code, out, _ = await terminal.run("api-key", "revoke", key[:16])
            assert (code, out.splitlines()[1]) == (0, "Every gateway ends the connections that it opened.")
            for connected in (first, second):
                assert (await connected.next_of("error"))["data"]["details"] == "the API key was revoked"
                with pytest.raises(ConnectionClosedError, match="3000"):
                    await connected.receive()
        for gateway in (a, b):
            assert (await greeting(gateway, key))["data"]["details"] == "the API key is not valid"
    listed = await terminal.run("api-key", "list")
    assert f"{key[:16]}  alice  read,trade  revoked" in listed.out


async def test_a_users_revoked_tokens_are_refused_at_every_gateway(cluster: Cluster, terminal: Terminal) -> None:
    token = (await terminal.run("token", "--user", "bob")).out.strip()
    async with (
        cluster.engine(),
        cluster.gateway("a") as a,
        cluster.gateway("b") as b,
        client(a, f"?token={token}") as first,
        client(b, f"?token={token}") as second,
    ):
        assert (await terminal.run("token", "revoke", "--user", "bob")).code == 0
        for connected in (first, second):
            assert (await connected.next_of("error"))["data"]["details"] == "the token was revoked"
    assert "Tokens of bob issued until" in (await terminal.run("token", "revoked")).out


async def test_when_nats_is_away_known_keys_log_in_and_changes_are_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with nats_servers(tmp_path) as servers, capture_logs():
        cluster = Cluster(servers, tmp_path, source="exchange")
        terminal = Terminal(cluster, capsys)
        key = await terminal.new_key("a")
        async with cluster.engine(), cluster.gateway("a") as a:
            servers.kill(0)
            assert (await greeting(a, key))["data"]["authenticated"] is True
            for change in (("api-key", "revoke", key), ("token", "revoke", "--user", "bob"), ("halt", "all")):
                code, out, err = await terminal.run(*change)
                assert (code, out) == (1, "")
                assert err == f"finalex: NATS at {servers.urls[0]}: nobody listens there.\n"
            token = await terminal.run("token", "--user", "bob")
            assert (token.code, token.out.count(".")) == (0, 2)
            assert token.err.startswith("finalex: Whether the exchange's nodes have the same secret is not known.")


async def test_a_token_that_no_node_would_take_is_not_made(cluster: Cluster, terminal: Terminal) -> None:
    async with cluster.engine(), cluster.gateway("a"):
        code, out, err = await terminal.run("token", "--user", "bob", FINALEX_JWT_SECRET="another secret" * 3)
    assert (code, out) == (1, "")
    assert "is not the one of this exchange's other nodes, which 'a' brought" in err


async def test_a_gateway_that_takes_other_tokens_than_the_others_does_not_start(cluster: Cluster) -> None:
    async with cluster.engine(), cluster.gateway("a"):
        with pytest.raises(StartError, match="not the one of this exchange's other nodes, which 'a' brought"):
            async with cluster.gateway("b", jwt_secret="another secret" * 3):
                pytest.fail("it has started")


async def test_a_secret_that_is_changed_on_purpose_is_adopted_before_the_nodes_are_restarted(
    cluster: Cluster, terminal: Terminal
) -> None:
    new = "another secret" * 3
    async with cluster.engine():
        async with cluster.gateway("a"):
            assert (await terminal.run("token", "adopt", FINALEX_JWT_SECRET=new)).code == 0
        async with cluster.gateway("a", jwt_secret=new) as a:
            token = (await terminal.run("token", "--user", "bob", FINALEX_JWT_SECRET=new)).out.strip()
            async with client(a, f"?token={token}") as connected:
                assert connected.seen[0]["data"]["authenticated"] is True


# --- markets and accounts -------------------------------------------------------------------------------------


async def test_a_halt_is_seen_at_every_gateway(cluster: Cluster, terminal: Terminal) -> None:
    async with cluster.engine() as engine, cluster.gateway("a") as a, cluster.gateway("b") as b:
        await until(lambda: engine.role.leading is not None)
        async with client(a) as first, client(b) as second:
            for connected in (first, second):
                await connected.send({"method": "subscribe", "params": {"channel": "status", "symbol": "BTC/USDT"}})
            code, out, _ = await terminal.run("halt", "BTC/USDT", "--reason", "prices look wrong")
            assert (code, out.splitlines()[1]) == (0, "BTC/USDT  halted  prices look wrong")
            for connected in (first, second):
                halted = await connected.next(lambda message: message["data"].get("state") == "halted")
                assert halted["data"]["reason"] == "prices look wrong"
        assert (await terminal.run("open", "all")).code == 0
        assert "halted" not in (await terminal.run("markets")).out


async def test_a_credit_is_done_once_by_the_engine_that_leads_and_recorded_there(
    cluster: Cluster, terminal: Terminal
) -> None:
    credit = ("account", "credit", "alice", "BTC", "1.5", "--reference", "gift")
    async with cluster.engine(demo_balances="false") as engine:
        await until(lambda: engine.role.leading is not None)
        assert (await terminal.run(*credit)).out.startswith("Credited 1.50000000 BTC, account alice, reference gift.")
        assert "done earlier, nothing was done now" in (await terminal.run(*credit)).out
        through_socket = await terminal.run(
            "account", "show", "alice", FINALEX_NATS=None, FINALEX_DATA_DIR=str(cluster.directory / "engine")
        )
        status = await terminal.run("status")
    assert "BTC       1.50000000" in through_socket.out
    assert "source       exchange" in status.out
    entries = [json.loads(line) for line in (cluster.directory / "engine" / "audit.jsonl").read_text().splitlines()]
    assert [(entry["event"], entry["outcome"]) for entry in entries] == [
        ("account_changed", "Done(earlier=False)"),
        ("account_changed", "Done(earlier=True)"),
    ]


async def test_the_next_leader_knows_what_the_one_before_it_has_done(cluster: Cluster, terminal: Terminal) -> None:
    credit = ("account", "credit", "alice", "BTC", "1.5", "--reference", "gift")
    async with cluster.engine("one") as one:
        await until(lambda: one.role.leading is not None)
        async with cluster.engine("two") as two:
            await until(lambda: two.role.standby is not None and two.role.standby.following)
            assert (await terminal.run(*credit)).out.startswith("Credited 1.50000000 BTC")
            one.running.cancel()
            await until(lambda: two.role.leading is not None)
            assert "done earlier, nothing was done now" in (await terminal.run(*credit)).out


async def test_without_a_leader_nothing_is_done_which_is_said(cluster: Cluster, terminal: Terminal) -> None:
    code, out, err = await terminal.run("account", "credit", "alice", "BTC", "1")
    name = terminal.environment["FINALEX_CLUSTER_NAME"]
    assert (code, out) == (1, "")
    assert err == (
        f"finalex: No engine leads the exchange '{name}' at the moment: nothing was done. "
        "'finalex cluster status' shows its nodes.\n"
    )


@pytest.mark.parametrize("answer", [b"", b"{}", encode(ErrorReply(code=ErrorCode.FAILED, message="It failed."))])
async def test_an_outcome_that_is_not_known_can_be_asked_for_again_by_its_reference(
    cluster: Cluster, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(operator_line, "ASK_TIMEOUT_S", 0.2)

    async def reply(message: Msg) -> None:
        if answer:
            await message.respond(answer)

    config = cluster.config("mute")
    mute = await connect(config.bus_address, "mute")
    await mute.subscribe(config.bus_names.operator(), cb=reply)
    await mute.flush()
    code, out, err = await terminal.run("account", "credit", "alice", "BTC", "1", "--reference", "gift")
    await mute.close()
    assert (code, out) == (1, "")
    assert err.endswith(" Asking again with --reference gift is safe.\n")


async def test_a_command_that_knows_the_data_directory_alone_finds_the_nats_of_its_exchange(
    cluster: Cluster, terminal: Terminal
) -> None:
    config = cluster.config("engine")
    async with cluster.engine() as engine:
        await until(lambda: engine.role.leading is not None)
        write_bus_file(terminal.directory, config.bus_address, config.bus_names)
        shown = await terminal.run("markets", FINALEX_NATS=None, FINALEX_CLUSTER_NAME=None)
        assert (shown.code, shown.out.splitlines()[1]) == (0, "BTC/USDT  open")
    assert oct((terminal.directory / "nats.json").stat().st_mode)[-3:] == "600"
    remove_bus_file(terminal.directory)
    without = await terminal.run("markets", FINALEX_NATS=None)
    assert (without.code, without.err.split("'")[0]) == (1, "finalex: No server runs on the data directory ")


def test_a_bus_file_is_read_as_it_was_written(tmp_path: Path, cluster: Cluster) -> None:
    address = cluster.config("x").bus_address
    assert read_bus_file(tmp_path) is None
    write_bus_file(tmp_path, address, Names("other"))
    assert read_bus_file(tmp_path) == (address, Names("other"))
    (tmp_path / "nats.json").write_text("{")
    with pytest.raises(OSError, match=r"nats.json' is damaged"):
        read_bus_file(tmp_path)
