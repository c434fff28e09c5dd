"""What NATS says of a cluster's streams, also while some of its servers are away."""

import asyncio

import pytest

from cluster.answering import BYTES_MAX, NODES, answering, connected, new_names, prepared
from finalex.bus.names import Names
from finalex.cluster.status import ask_nodes
from finalex.cluster.status_report import report
from finalex.cluster.status_storage import Storage, read_storage
from support.nats_servers import NatsServers, one_nats, three_nats

__all__ = ["one_nats", "three_nats"]

WITHIN_S = 0.1
WAIT_S = 60


@pytest.fixture
def names() -> Names:
    return new_names()


def problems(storage: Storage) -> list[str]:
    return report([*NODES], storage).problems


async def test_streams_that_are_not_there_are_absent_and_not_silent(one_nats: NatsServers, names: Names) -> None:
    async with connected(one_nats) as client:
        assert await read_storage(client, names) == Storage()


async def test_a_single_server_is_its_streams_only_replica(one_nats: NatsServers, names: Names) -> None:
    async with connected(one_nats) as client:
        await prepared(client, names, 1)
        await client.jetstream().add_stream(name=names.dead_stream, subjects=[names.dead])
        await client.jetstream().publish(names.dead, b"bad")
        storage = await read_storage(client, names)
    assert storage.log is not None
    assert [(replica.leader, replica.current) for replica in storage.log.replicas] == [(True, True)]
    assert (storage.log.messages, storage.log.first, storage.log.last) == (1, 1, 1)
    assert (storage.log.bytes_max, storage.snapshot, storage.dead_letters) == (BYTES_MAX, 10, 1)
    assert problems(storage) == []


async def test_replicas_that_are_away_are_seen_and_nodes_still_answer(three_nats: NatsServers, names: Names) -> None:
    async with connected(three_nats) as client:
        await prepared(client, names, 3)
        await asyncio.to_thread(three_nats.wait_until_in_sync, names.log_stream)
        assert problems(await read_storage(client, names)) == []
    leader = await asyncio.to_thread(three_nats.leader_of, names.log_stream)
    away = (leader + 1) % 3
    three_nats.kill(away)
    async with connected(three_nats) as client:
        await client.jetstream().publish(names.log, b"more")
        said: list[str] = []
        async with asyncio.timeout(WAIT_S):
            while not any(f"NATS server n{away}" in sentence for sentence in said):
                said = problems(await read_storage(client, names))
    three_nats.kill(leader)
    async with connected(three_nats) as client, answering(client, names):
        assert await ask_nodes(client, names, WITHIN_S) == [*NODES]
        assert "There is no answer from the log's stream." in problems(await read_storage(client, names))
