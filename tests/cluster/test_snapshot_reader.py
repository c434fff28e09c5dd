"""Threads read the snapshots of a cluster as they would read those in a folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

import msgspec
import pytest
from nats.aio.client import Client

from finalex.bus.connection import BusError, connect
from finalex.bus.names import Names
from finalex.channels.hub import Hub
from finalex.cluster import snapshot_reader
from finalex.cluster.snapshot_reader import SnapshotReader
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.recovery import restore_newest
from finalex.snapshots.errors import SnapshotDamagedError
from finalex.snapshots.snapshot import Snapshot, take_snapshot
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]


class Part(msgspec.Struct):
    """What somebody asks of a snapshot."""

    state_hash: str


def taken(sequence: int) -> Snapshot:
    """Return a snapshot of a log in which nothing happened."""
    hub = Hub(DEFAULT_INSTRUMENTS)
    hub.apply(Batch(sequence=sequence, time_ms=1, events=()), ())
    return take_snapshot(hub)


@asynccontextmanager
async def stored(servers: NatsServers, *sequences: int) -> AsyncIterator[tuple[SnapshotReader, SnapshotStore, Client]]:
    names = Names(f"t{token_hex(4)}")
    client = await connect(servers.address, "test")
    try:
        store = SnapshotStore(client, names)
        await store.prepare(1)
        for sequence in sequences:
            await store.write(taken(sequence))
        yield SnapshotReader(store, asyncio.get_running_loop(), names.snapshots), store, client
    finally:
        await client.close()


async def test_the_newest_is_restored(one_nats: NatsServers) -> None:
    async with stored(one_nats, 3, 8) as (reader, _, _):
        restored = await asyncio.to_thread(restore_newest, reader, lambda: Hub(DEFAULT_INSTRUMENTS))

        assert (restored.snapshot, restored.hub.sequence, restored.problems) == (8, 8, [])


async def test_a_part_is_read_and_the_content_kept_for_whoever_asks_again(one_nats: NatsServers) -> None:
    async with stored(one_nats, 3) as (reader, store, _):
        first = await asyncio.to_thread(reader.read_part, 3, Part)
        await store.write(taken(4))
        await store.write(taken(5))  # now 3 is gone

        assert await asyncio.to_thread(reader.read_part, 3, Part) == first
        assert (await asyncio.to_thread(reader.read, 3)).state_hash == first.state_hash


async def test_one_that_is_not_there_is_damaged(one_nats: NatsServers) -> None:
    async with stored(one_nats, 3) as (reader, _, _):
        with pytest.raises(SnapshotDamagedError, match="at batch 4"):
            await asyncio.to_thread(reader.read, 4)


async def test_what_cannot_be_reached_is_an_error_after_some_patience(
    one_nats: NatsServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_reader, "PATIENCE_S", 0.0)
    async with stored(one_nats) as (reader, _, client):
        await client.close()
        with pytest.raises(BusError, match="cannot be reached"):
            await asyncio.to_thread(reader.sequences)
