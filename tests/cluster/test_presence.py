"""Gateways that tell each other over a real NATS server who is connected to them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from nats.aio.client import Client

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cluster import presence, presence_peers
from finalex.cluster.presence import Caps, Presence
from finalex.cluster.presence_messages import KEYS_PER_MESSAGE_MAX
from finalex.metrics import Metrics
from support.nats_servers import NatsServers, one_nats
from terminal.waiting import until

__all__ = ["one_nats"]

HERE = "192.0.2.1"
CAPS = Caps(address=10, account=3)

_clusters = count()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second be a tenth of one."""
    monkeypatch.setattr(presence, "BEAT_S", 0.1)
    monkeypatch.setattr(presence, "SETTLE_MS", 50)
    for module in (presence, presence_peers):
        monkeypatch.setattr(module, "SILENT_MS", 500)


class Clients:
    """A gateway's connections of one address or account, as far as limits know: which were too many is noted."""

    def __init__(self, told: Presence) -> None:
        self.here = 0
        self.ended: list[tuple[int, str | None, str | None]] = []
        self._told = told

    def come(self, number: int) -> None:
        self.here += number
        self._told.tell_connections(HERE, self.here)

    def end_excess(self, count: int, *, address: str | None = None, user: str | None = None) -> int:
        self.ended.append((count, address, user))
        ended = min(count, self.here)
        if ended:
            self.come(-ended)
        return ended


class Node:
    """A gateway as the others know it."""

    def __init__(self, client: Client, presence: Presence) -> None:
        self.client = client
        self.presence = presence
        self.clients = Clients(presence)


class Cluster:
    """Gateways on one server under one cluster's name; the clock of each is a later one, and stands still."""

    def __init__(self, servers: NatsServers) -> None:
        self.names = Names(f"presence{next(_clusters)}")
        self._servers = servers
        self._times = count(1000)

    @asynccontextmanager
    async def node(self, name: str) -> AsyncIterator[Node]:
        client = await connect(self._servers.address, name)
        time_ms = next(self._times)
        node = Node(client, Presence(client, self.names, name, CAPS, lambda: time_ms))
        await node.presence.start(node.clients.end_excess)
        try:
            yield node
        finally:
            await node.presence.stop()
            await client.close()


@pytest.fixture
def cluster(one_nats: NatsServers) -> Cluster:
    return Cluster(one_nats)


@asynccontextmanager
async def three(cluster: Cluster) -> AsyncIterator[tuple[Node, Node, Node]]:
    async with cluster.node("a") as a, cluster.node("b") as b, cluster.node("c") as c:
        await until(lambda: [node.presence.gateways for node in (a, b, c)] == [2, 2, 2])
        yield a, b, c


async def test_each_knows_what_the_others_have(cluster: Cluster) -> None:
    async with three(cluster) as (a, b, c):
        a.clients.come(4)
        b.clients.come(3)
        a.presence.tell_seats("ann", 2)
        await until(lambda: c.presence.connections(HERE) == 7)
        await until(lambda: a.presence.connections(HERE) == 3)
        await until(lambda: b.presence.connections(HERE) == 4)
        await until(lambda: b.presence.seats("ann") == c.presence.seats("ann") == 2)
        assert a.presence.seats("ann") == 0
        a.clients.come(-4)
        await until(lambda: c.presence.connections(HERE) == 3)


async def test_a_new_one_hears_of_all_that_was_before(cluster: Cluster) -> None:
    async with cluster.node("a") as a:
        for number in range(2 * KEYS_PER_MESSAGE_MAX + 1):
            a.presence.tell_connections(f"198.51.100.{number}", 1)
        async with cluster.node("b") as b:
            await until(lambda: b.presence.connections("198.51.100.0") == 1)
            await until(lambda: b.presence.connections(f"198.51.100.{number}") == 1)


async def test_one_that_dies_is_forgotten(cluster: Cluster) -> None:
    async with three(cluster) as (a, b, c):
        a.clients.come(4)
        await until(lambda: b.presence.connections(HERE) == c.presence.connections(HERE) == 4)
        await a.client.close()
        await until(lambda: b.presence.connections(HERE) == c.presence.connections(HERE) == 0)
        assert b.presence.gateways == 1


async def test_one_that_stood_still_does_not_take_the_others_for_dead(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        a.clients.come(4)
        await until(lambda: b.presence.connections(HERE) == 4)
        heard = b.presence.messages
        time.sleep(0.7)  # noqa: ASYNC251 (longer than who is silent is remembered)
        while b.presence.messages < heard + 2:
            assert b.presence.connections(HERE) == 4
            await asyncio.sleep(0)


async def test_one_that_ends_is_forgotten_before_it_is_missed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_peers, "SILENT_MS", 3_600_000)
    async with cluster.node("b") as b:
        async with cluster.node("a") as a:
            a.clients.come(4)
            await until(lambda: b.presence.connections(HERE) == 4)
        await until(lambda: b.presence.gateways == b.presence.connections(HERE) == 0)


async def test_without_nats_each_counts_for_itself_and_afterwards_together_again(
    cluster: Cluster, one_nats: NatsServers
) -> None:
    async with three(cluster) as (a, b, c):
        a.clients.come(4)
        await until(lambda: b.presence.connections(HERE) == c.presence.connections(HERE) == 4)
        one_nats.kill(0)
        await until(lambda: b.presence.connections(HERE) == c.presence.connections(HERE) == 0)
        a.clients.come(-1)
        b.clients.come(2)
        one_nats.start(0, wait=False)
        await until(lambda: c.presence.connections(HERE) == 5)
        await until(lambda: (a.presence.connections(HERE), b.presence.connections(HERE)) == (2, 3))


async def test_what_cannot_be_understood_is_dropped_and_counted(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await until(lambda: b.presence.gateways == 1)
        await a.client.publish(cluster.names.presence, b"\xc1 nonsense")
        a.clients.come(1)
        await until(lambda: b.presence.connections(HERE) == 1)
        assert b.presence.dropped == 1
        metrics = Metrics()
        b.presence.watch(metrics)
        text = metrics.text().decode()
        assert "finalex_presence_dropped_total 1.0" in text
        assert "finalex_cluster_gateways 1.0" in text
        assert "finalex_cluster_connections 1.0" in text
        assert "finalex_over_limit_closes_total 0.0" in text


async def test_those_who_came_at_the_same_moment_go_where_the_last_one_came(cluster: Cluster) -> None:
    async with three(cluster) as (a, b, c):
        a.clients.come(4)
        await until(lambda: b.presence.connections(HERE) == c.presence.connections(HERE) == 4)
        b.clients.come(4)  # before any of the two has heard of the other
        c.clients.come(4)
        await until(lambda: a.presence.connections(HERE) == 6)
        assert [node.clients.ended for node in (a, b, c)] == [[], [], [(2, HERE, None)]]
        assert c.presence.ended == 2


async def test_a_whole_gateways_worth_of_excess_goes_on_to_the_one_before(cluster: Cluster) -> None:
    async with three(cluster) as (a, b, c):
        a.clients.come(9)
        b.clients.come(5)
        c.clients.come(1)
        await until(lambda: a.clients.here + b.clients.here + c.clients.here == 10)
        assert [node.clients.here for node in (a, b, c)] == [9, 1, 0]


async def test_an_account_has_its_limit_too(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await until(lambda: a.presence.gateways == b.presence.gateways == 1)
        a.presence.tell_seats("ann", 2)
        b.presence.tell_seats("ann", 2)
        await until(lambda: bool(b.clients.ended))
        assert (a.clients.ended, b.clients.ended[0]) == ([], (1, None, "ann"))


async def test_two_with_one_name_are_reported(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    async with cluster.node("a") as first, cluster.node("a"):
        first.clients.come(1)
        said = ""

        def reported() -> bool:
            nonlocal said
            said += "".join(capfd.readouterr())
            return "node_name_taken" in said

        await until(reported)
        assert first.presence.gateways == 0


async def test_many_changes_are_told_in_few_messages(cluster: Cluster) -> None:
    async with cluster.node("a") as a, cluster.node("b") as b:
        await until(lambda: b.presence.gateways == 1)
        before = b.presence.messages
        for _ in range(9):
            a.clients.come(1)
            await asyncio.sleep(0)
        await until(lambda: b.presence.connections(HERE) == 9)
        assert b.presence.messages - before <= 4
