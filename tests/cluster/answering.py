"""Nodes that answer whoever asks how they are, and the streams of their cluster."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from nats.aio.client import Client

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.cluster.status import NodeStatus, StatusResponder, ThisNode
from finalex.log.jetstream.stream import LogStream
from support.nats_servers import NatsServers

BYTES_MAX = 50 << 20

ENGINE = ThisNode("engine", "e1").status(state="leading", sequence=7, lag_ms=20)
STANDBY = ThisNode("engine", "e2").status(state="following", sequence=7, lag_ms=30)
GATEWAY = ThisNode("gateway", "g1").status(state="serving", sequence=6, lag_ms=40, connections=3)
NODES = (ENGINE, STANDBY, GATEWAY)

_clusters = count()


def new_names() -> Names:
    """Return the names of a cluster that nobody else has."""
    return Names(f"status{next(_clusters)}")


@asynccontextmanager
async def connected(servers: NatsServers) -> AsyncIterator[Client]:
    """Have a client until the block ends."""
    client = await connect(servers.address, "test")
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def answering(client: Client, names: Names, nodes: Sequence[NodeStatus] = NODES) -> AsyncIterator[None]:
    """Have these nodes answer until the block ends."""
    responders = [StatusResponder(client, names, partial(_same, node)) for node in nodes]
    for responder in responders:
        await responder.start()
    await client.flush()
    yield
    for responder in responders:
        await responder.stop()


async def prepared(client: Client, names: Names, replicas: int) -> None:
    """Make the streams that engines make, with one message in the log and two snapshots."""
    stream, snapshots = LogStream(client, names), SnapshotStore(client, names)
    await stream.prepare(replicas, BYTES_MAX)
    await snapshots.prepare(replicas)
    for sequence in (9, 10):
        await snapshots.write_content(sequence, b"unread")
    await client.jetstream().publish(names.log, b"unread")


def _same(node: NodeStatus) -> NodeStatus:
    return node
