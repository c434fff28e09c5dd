"""How the streams of an exchange are: what NATS says of the log, its snapshots and the events set aside."""

import asyncio

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from finalex.bus.connection import BusError
from finalex.bus.names import Names
from finalex.cluster.snapshot_store import SnapshotStore

ANSWER_S = 2.0
"""How long a stream may take to answer."""

ALONE = "(the only one)"
"""What a server that is no part of a cluster is called: it does not say its name."""


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A NATS server that has the stream; `lag` is how many messages it is behind the leader."""

    server: str
    leader: bool
    current: bool
    offline: bool
    lag: int


class StreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A stream: `first` and `last` are sequences of its messages; `bytes_max` is 0 for one without a limit."""

    replicas_configured: int
    replicas: list[ReplicaStatus]
    messages: int
    bytes: int
    bytes_max: int
    first: int
    last: int


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """What NATS keeps of an exchange; `None` for what is not there, or did not answer: then `silent` says so.

    `snapshot` is the sequence of the newest snapshot, `dead_letters` the number of events set aside.
    """

    log: StreamStatus | None = None
    snapshot: int | None = None
    dead_letters: int | None = None
    silent: list[str] = []


async def read_storage(client: Client, names: Names) -> Storage:
    """Return what NATS says; never raises for parts that do not answer within `ANSWER_S`."""
    silent: list[str] = []

    async def stream(name: str, called: str) -> StreamStatus | None:
        try:
            return _status(await client.jetstream(timeout=ANSWER_S).stream_info(name))
        except NotFoundError:
            return None
        except (NatsError, OSError, TimeoutError):
            silent.append(called)
            return None

    async def newest_snapshot() -> int | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                return max(await SnapshotStore(client, names).sequences(), default=None)
        except (BusError, TimeoutError):
            silent.append("the snapshots")
            return None

    log, snapshot, dead = await asyncio.gather(
        stream(names.log_stream, "the log's stream"),
        newest_snapshot(),
        stream(names.dead_stream, "the stream of events set aside"),
    )
    return Storage(
        log=log, snapshot=snapshot, dead_letters=None if dead is None else dead.messages, silent=sorted(silent)
    )


def _status(info: StreamInfo) -> StreamStatus:
    state, config = info.state, info.config
    return StreamStatus(
        replicas_configured=config.num_replicas or 1,
        replicas=_replicas(info),
        messages=state.messages,
        bytes=state.bytes,
        bytes_max=max(0, config.max_bytes or 0),
        first=state.first_seq,
        last=state.last_seq,
    )


def _replicas(info: StreamInfo) -> list[ReplicaStatus]:
    """Return the leader and those that follow it; a server that is alone does not speak of a cluster."""
    if info.cluster is None:
        return [ReplicaStatus(server=ALONE, leader=True, current=True, offline=False, lag=0)]
    found = [
        ReplicaStatus(
            server=replica.name or "",
            leader=False,
            current=bool(replica.current),
            offline=bool(replica.offline),
            lag=replica.lag or 0,
        )
        for replica in info.cluster.replicas or []
    ]
    if info.cluster.leader:
        found.append(ReplicaStatus(server=info.cluster.leader, leader=True, current=True, offline=False, lag=0))
    return sorted(found, key=lambda replica: (not replica.leader, replica.server))
