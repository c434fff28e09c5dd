"""The limits of an address and an account across gateways with real sockets, on a real NATS server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import pytest

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.clock import now_ms
from finalex.cluster import presence, presence_peers
from finalex.cluster.presence import Caps, Presence
from support.conversation import token
from support.nats_servers import NatsServers, one_nats
from support.served import Served, serve
from support.sockets import RawWebSocket
from terminal.waiting import until

__all__ = ["one_nats"]

LOCAL = "127.0.0.1"
PER_ADDRESS, PER_ACCOUNT = 10, 3

_clusters = count()


class Member:
    """One gateway of the cluster."""

    def __init__(self, served: Served, presence: Presence) -> None:
        self.served = served
        self.presence = presence


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second be a quarter of one."""
    monkeypatch.setattr(presence, "BEAT_S", 0.25)
    monkeypatch.setattr(presence, "SETTLE_MS", 125)
    for module in (presence, presence_peers):
        monkeypatch.setattr(module, "SILENT_MS", 750)


@pytest.fixture
def names() -> Names:
    return Names(f"gateways{next(_clusters)}")


@asynccontextmanager
async def member(servers: NatsServers, names: Names, name: str) -> AsyncIterator[Member]:
    client = await connect(servers.address, name)
    told = Presence(client, names, name, Caps(PER_ADDRESS, PER_ACCOUNT), now_ms)
    limits: dict[str, Any] = {"connections_per_ip": PER_ADDRESS, "connections_per_account": PER_ACCOUNT}
    try:
        async with serve(elsewhere=told, close_timeout_ms=100, sweep_interval_ms=100, **limits) as served:
            await told.start(served.gateway.end_excess)
            yield Member(served, told)
    finally:
        await told.stop()
        await client.close()


@asynccontextmanager
async def two(servers: NatsServers, names: Names) -> AsyncIterator[tuple[Member, Member]]:
    async with member(servers, names, "a") as a, member(servers, names, "b") as b:
        await until(lambda: a.presence.gateways == b.presence.gateways == 1)
        yield a, b


class Visitors:
    """Connections of one address that stay open until the block ends."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def open(self, gateway: Member, path: str = "/") -> tuple[RawWebSocket, dict[str, object]]:
        """Connect, and return the connection with its first message."""
        client = await self._stack.enter_async_context(await gateway.served.connect(path))
        return client, await client.message()

    async def crowd(self, gateway: Member, number: int) -> list[RawWebSocket]:
        """Open connections that are admitted."""
        clients = []
        for _ in range(number):
            client, first = await self.open(gateway)
            assert first["type"] == "connection_status"
            clients.append(client)
        return clients


@pytest.fixture
async def visitors() -> AsyncIterator[Visitors]:
    async with AsyncExitStack() as stack:
        yield Visitors(stack)


async def assert_refused(visitors: Visitors, gateway: Member, path: str = "/") -> None:
    client, first = await visitors.open(gateway, path)
    assert first["type"] == "error"
    assert first["data"]["code"] == "CONNECTION_LIMIT"  # type: ignore[index]
    assert await client.close_code() == 1008


async def test_ten_of_an_address_in_all_and_the_eleventh_is_refused_everywhere(
    one_nats: NatsServers, names: Names, visitors: Visitors
) -> None:
    async with two(one_nats, names) as (a, b):
        first = await visitors.crowd(a, 6)
        await until(lambda: b.presence.connections(LOCAL) == 6)
        _, greeting = await visitors.open(b)
        assert greeting["data"]["rate_limits"]["connections_remaining"] == 3  # type: ignore[index]
        await visitors.crowd(b, 3)
        await until(lambda: a.presence.connections(LOCAL) == 4)
        await assert_refused(visitors, a)
        await assert_refused(visitors, b)
        await first[0].close()
        await until(lambda: b.presence.connections(LOCAL) == 5)
        await visitors.crowd(b, 1)


async def test_those_who_slip_in_at_the_same_moment_are_ended_until_ten_are_left(
    one_nats: NatsServers, names: Names, visitors: Visitors
) -> None:
    async with two(one_nats, names) as (a, b):
        one_nats.pause(0)  # whatever the gateways say waits
        older, younger = await visitors.crowd(a, 8), await visitors.crowd(b, 8)
        assert (a.served.gateway.connections, b.served.gateway.connections) == (8, 8)
        one_nats.resume(0)
        for client in younger[2:]:
            error = await client.message()
            assert (error["type"], error["data"]["code"]) == ("error", "CONNECTION_LIMIT")
            assert await client.close_code() == 1008
            await client.close()
        await until(lambda: a.presence.connections(LOCAL) == 2)
        assert (a.served.gateway.connections, b.served.gateway.connections) == (8, 2)
        assert (a.presence.ended, b.presence.ended) == (0, 6)
        for client in (*older, *younger[:2]):
            client.request("ping")
            assert (await client.message())["type"] == "pong"


async def test_an_account_has_so_many_in_all(one_nats: NatsServers, names: Names, visitors: Visitors) -> None:
    ann = f"/?token={token('ann')}"
    async with two(one_nats, names) as (a, b):
        for _ in range(2):
            assert (await visitors.open(a, ann))[1]["type"] == "connection_status"
        await until(lambda: b.presence.seats("ann") == 2)
        assert (await visitors.open(b, ann))[1]["type"] == "connection_status"
        await until(lambda: a.presence.seats("ann") == 1)
        await assert_refused(visitors, a, ann)
        await assert_refused(visitors, b, ann)
        assert (await visitors.open(a, f"/?token={token('bob')}"))[1]["type"] == "connection_status"


async def test_without_nats_each_gateway_admits_as_many_as_it_would_alone(
    one_nats: NatsServers, names: Names, visitors: Visitors
) -> None:
    async with two(one_nats, names) as (a, b):
        await visitors.crowd(a, PER_ADDRESS)
        await until(lambda: b.presence.connections(LOCAL) == PER_ADDRESS)
        await assert_refused(visitors, b)
        one_nats.pause(0)
        await until(lambda: b.presence.gateways == 0)
        await visitors.crowd(b, PER_ADDRESS)
        await assert_refused(visitors, b)
        one_nats.resume(0)
        await until(lambda: b.served.gateway.connections == 0)
        assert a.served.gateway.connections == PER_ADDRESS
