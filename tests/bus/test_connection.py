"""Connecting to real NATS servers: who is let in, what is said of a failure, and that a client comes back."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from nats.aio.client import Client

from finalex.bus.address import BusAddress
from finalex.bus.connection import BusError, connect
from support.certificates import Authority
from support.nats_accounts import Operator
from support.nats_servers import MAX_PAYLOAD_BYTES, NatsServers, nats_servers, restarted

PASSWORD = "correct horse battery staple"
USERS = f'authorization {{ users: [ {{ user: "engine", password: "{PASSWORD}" }} ] }}'
WAIT_S = 30.0


def told(address: BusAddress, **changes: object) -> BusAddress:
    return msgspec.structs.replace(address, **changes)


async def answers(client: Client) -> bool:
    """Ask oneself something and take the answer."""
    subscription = await client.subscribe("finalex.test.echo")
    await client.publish("finalex.test.echo", b"hello")
    message = await subscription.next_msg(WAIT_S)
    await subscription.unsubscribe()
    return message.data == b"hello"


async def refused(address: BusAddress) -> str:
    with pytest.raises(BusError) as refusal:
        await connect(address, "test")
    assert PASSWORD not in str(refusal.value)
    return str(refusal.value)


async def test_who_has_the_password_is_let_in_and_nobody_else(tmp_path: Path) -> None:
    with nats_servers(tmp_path, extra=USERS) as servers:
        client = await connect(told(servers.address, user="engine", password=PASSWORD), "test")
        assert await answers(client)
        await client.close()

        sentence = await refused(told(servers.address, user="engine", password="guessed"))
        assert "Authorization Violation" in sentence or "after a wrong login" in sentence
        await refused(servers.address)


async def test_a_credentials_file_lets_in_and_a_user_of_another_operator_does_not(tmp_path: Path) -> None:
    operator = Operator()
    with nats_servers(tmp_path, extra=operator.configuration) as servers:
        mine = told(servers.address, credentials_file=operator.credentials(tmp_path / "engine.creds"))
        client = await connect(mine, "test")
        assert (await client.jetstream().account_info()).streams == 0
        await client.close()

        await refused(told(servers.address, credentials_file=Operator().credentials(tmp_path / "other.creds")))


async def test_a_wrong_credentials_file_is_named(tmp_path: Path) -> None:
    address = BusAddress(servers=("nats://127.0.0.1:1",))
    assert f"'{tmp_path}/a.creds' cannot be read" in await refused(told(address, credentials_file=tmp_path / "a.creds"))
    (tmp_path / "a.creds").write_text("no credentials at all\n" * 100)
    assert "is no .creds file" in await refused(told(address, credentials_file=tmp_path / "a.creds"))


async def test_a_server_is_believed_if_its_certificate_is(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue(tmp_path)
    tls = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}'
    with nats_servers(tmp_path, extra=tls) as servers:
        known = told(servers.address, ca_file=authority.trust_file(tmp_path))
        client = await connect(known, "test")
        assert await answers(client)

        await restarted(servers, 0)
        await until(lambda: client.is_connected)
        assert await answers(client)
        await client.close()

        assert "its certificate is not believed: unable to get local issuer" in await refused(told(servers.address))
        by_name = (servers.urls[0].replace("nats://127.0.0.1", "tls://localhost"),)
        client = await connect(told(known, servers=by_name), "test")
        await client.close()


async def test_a_server_that_wants_a_certificate_of_the_client_gets_it(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue(tmp_path)
    trust = authority.trust_file(tmp_path)
    tls = f'tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{trust}", verify: true }}'
    with nats_servers(tmp_path, extra=tls) as servers:
        address = told(servers.address, ca_file=trust)
        client = await connect(told(address, certificate_file=certificate, key_file=key), "test")
        assert await answers(client)
        await client.close()
        await refused(address)


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_nothing_is_sent_in_the_clear_where_tls_is_wanted(scheme: str, tmp_path: Path) -> None:
    """A server that does not offer TLS, or somebody between who says so, gets no password."""
    got: list[bytes] = []

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","auth_required":true,"headers":true}\r\n')
        got.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(pretend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    trust = Authority().trust_file(tmp_path) if scheme == "nats" else None
    address = BusAddress(servers=(f"{scheme}://127.0.0.1:{port}",), user="engine", password=PASSWORD, ca_file=trust)

    assert "the server does not speak TLS" in await refused(address)
    await until(lambda: len(got) == 2)
    assert got == [b"", b""]
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ca_file": Path("none.pem")}, "'none.pem' holds no certificates that can be read: no such file"),
        ({"ca_file": Path(__file__)}, "holds no certificates that can be read: no certificate or crl found"),
        ({"certificate_file": Path("a.pem"), "key_file": Path("b.key")}, "'a.pem' and 'b.key' cannot be used as"),
    ],
)
async def test_a_wrong_file_is_named(changes: dict[str, Path], sentence: str) -> None:
    assert sentence in await refused(told(BusAddress(servers=("nats://127.0.0.1:1",)), **changes))


async def test_where_nobody_answers_it_is_said() -> None:
    assert (
        await refused(BusAddress(servers=("nats://127.0.0.1:1",)))
        == "NATS at nats://127.0.0.1:1: nobody listens there."
    )


async def test_any_of_several_servers_will_do_and_the_others_follow(tmp_path: Path) -> None:
    with nats_servers(tmp_path, 3) as servers:
        some_away = told(servers.address, servers=("nats://127.0.0.1:1", *servers.urls))
        clients = [await connect(some_away, f"test {number}") for number in range(3)]
        assert [await answers(client) for client in clients] == [True] * 3

        servers.kill(0)
        servers.kill(1)
        await until(lambda: all(client.is_connected and on(client, servers, 2) for client in clients))
        assert [await answers(client) for client in clients] == [True] * 3
        for client in clients:
            await client.close()


async def test_a_client_that_waits_forever_finds_a_server_that_comes_later(tmp_path: Path) -> None:
    with nats_servers(tmp_path) as servers:
        servers.kill(0)
        connecting = asyncio.create_task(connect(servers.address, "test", forever=True))
        await asyncio.wait({connecting}, timeout=0.3)
        assert not connecting.done()

        servers.start(0)
        client = await connecting
        assert await answers(client)
        await client.close()


async def test_it_can_be_given_up(tmp_path: Path) -> None:
    connecting = asyncio.create_task(connect(BusAddress(servers=("nats://127.0.0.1:1",)), "test", forever=True))
    await asyncio.wait({connecting}, timeout=0.1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting


async def test_a_client_that_the_server_throws_out_comes_back(tmp_path: Path) -> None:
    """The library by itself would stay away for good after any error that ends a connection."""
    with nats_servers(tmp_path) as servers:
        client = await connect(servers.address, "test")
        client._max_payload = 1 << 40  # so that the library lets it through
        await client.publish("finalex.test.large", bytes(MAX_PAYLOAD_BYTES + 1))
        await until(lambda: client.stats["reconnects"] == 1)
        assert await answers(client)
        await client.close()


def on(client: Client, servers: NatsServers, node: int) -> bool:
    return client.connected_url is not None and client.connected_url.port == servers.ports[node]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 (the library has no event for it)
            await asyncio.sleep(0.01)
