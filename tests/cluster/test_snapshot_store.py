"""The snapshots of a cluster: two good generations, whatever happens while writing."""

import base64
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from nats.aio.client import Client

from finalex.bus.connection import BusError, connect
from finalex.bus.names import Names
from finalex.channels.hub import Hub
from finalex.cluster import snapshot_store
from finalex.cluster.snapshot_store import CHUNK_BYTES, SnapshotStore
from finalex.model.events import Batch
from finalex.recovery import replay
from finalex.snapshots.encoding import encode_snapshot
from finalex.snapshots.errors import SnapshotDamagedError
from finalex.snapshots.snapshot import Snapshot, take_snapshot
from snapshots.logs import INSTRUMENTS, START_MS
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"snapshots-{number}" for number in itertools.count())


def at(sequence: int) -> Snapshot:
    """Return a snapshot of an exchange where nothing but time has passed."""
    hub = Hub(INSTRUMENTS)
    replay(hub, [Batch(sequence=sequence, time_ms=START_MS, events=())])
    return take_snapshot(hub)


@pytest.fixture
async def client(one_nats: NatsServers) -> AsyncIterator[Client]:
    client = await connect(one_nats.address, "test")
    yield client
    await client.close()


@pytest.fixture
def names() -> Names:
    return Names(next(CLUSTERS))


@pytest.fixture
async def store(client: Client, names: Names) -> SnapshotStore:
    store = SnapshotStore(client, names)
    await store.prepare(1)
    return store


async def subjects(client: Client, names: Names, kind: str) -> int:
    """Return how many names (`M`) or contents (`C`) the store holds, whatever refers to them."""
    stream, of_kind = f"OBJ_{names.snapshots}", f"$O.{names.snapshots}.{kind}.>"
    return len((await client.jetstream().stream_info(stream, subjects_filter=of_kind)).state.subjects or {})


async def test_a_store_that_does_not_exist_has_no_snapshots(client: Client, names: Names) -> None:
    assert await SnapshotStore(client, names).sequences() == []


async def test_what_is_written_is_read(store: SnapshotStore) -> None:
    written = await store.write(at(7))

    assert (written.sequence, written.kept, written.covered) == (7, [7], 0)
    assert written.size_bytes == len(encode_snapshot(at(7)))
    assert await store.read(7) == at(7)


async def test_a_large_snapshot_is_put_together_again(store: SnapshotStore) -> None:
    content = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"and a little more"
    await store.write_content(7, content)
    assert await store.read_content(7) == content


async def test_preparing_it_again_keeps_what_is_there(store: SnapshotStore) -> None:
    await store.write(at(7))
    await store.prepare(1)
    assert await store.sequences() == [7]


async def test_two_generations_are_kept_and_nothing_of_the_others(
    store: SnapshotStore, client: Client, names: Names
) -> None:
    for sequence in (3, 20, 100):
        written = await store.write(at(sequence))

    assert written.kept == [100, 20]
    assert written.covered == 20
    assert await store.sequences() == [100, 20]
    assert (await subjects(client, names, "M"), await subjects(client, names, "C")) == (2, 2)


async def test_writing_one_again_replaces_it(store: SnapshotStore, client: Client, names: Names) -> None:
    await store.write(at(7))
    assert (await store.write(at(7))).kept == [7]
    assert await subjects(client, names, "C") == 1


async def test_a_damaged_generation_does_not_count(store: SnapshotStore) -> None:
    await store.write(at(3))
    await store.write_content(20, encode_snapshot(at(20))[:-1] + b"?")

    with pytest.raises(SnapshotDamagedError, match=r"The snapshot at batch 20 in 'FINALEX_.*' cannot be used"):
        await store.read(20)
    assert (await store.write(at(100))).kept == [100, 3]
    assert await store.sequences() == [100, 3]


async def test_a_snapshot_of_another_batch_is_damaged(store: SnapshotStore) -> None:
    await store.write_content(20, encode_snapshot(at(3)))
    with pytest.raises(SnapshotDamagedError, match="it is of batch 3"):
        await store.read(20)


async def test_one_that_is_gone_is_damaged(store: SnapshotStore) -> None:
    with pytest.raises(SnapshotDamagedError, match="it is not there"):
        await store.read(7)


async def test_one_that_has_lost_a_part_is_damaged(store: SnapshotStore, client: Client, names: Names) -> None:
    await store.write_content(7, bytes(3 * CHUNK_BYTES))
    stream = f"OBJ_{names.snapshots}"
    first = (await client.jetstream().stream_info(stream)).state.first_seq
    assert await client.jetstream().delete_msg(stream, first + 1)

    with pytest.raises(SnapshotDamagedError, match="it is not there, or not all of it"):
        await store.read_content(7)


async def test_one_with_a_part_of_another_is_damaged(store: SnapshotStore, client: Client, names: Names) -> None:
    await store.write_content(7, b"0" * CHUNK_BYTES)
    stream = f"OBJ_{names.snapshots}"
    message = await client.jetstream().get_msg(
        stream, seq=(await client.jetstream().stream_info(stream)).state.first_seq
    )
    assert message.subject is not None
    await client.jetstream().publish(message.subject, b"1" * CHUNK_BYTES)
    assert message.seq is not None
    await client.jetstream().delete_msg(stream, message.seq)

    with pytest.raises(SnapshotDamagedError, match="its checksum is wrong"):
        await store.read_content(7)


async def test_one_whose_description_is_nonsense_is_damaged(store: SnapshotStore, client: Client, names: Names) -> None:
    name = base64.urlsafe_b64encode(b"7").decode()
    await client.jetstream().publish(f"$O.{names.snapshots}.M.{name}", b"nonsense")

    with pytest.raises(SnapshotDamagedError, match="its description"):
        await store.read(7)
    assert (await store.write(at(8))).kept == [8]
    assert await store.sequences() == [8]


async def test_what_was_never_finished_goes_when_nobody_can_be_writing_it_any_more(
    store: SnapshotStore, client: Client, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.jetstream().publish(f"$O.{names.snapshots}.C.unfinished", b"the beginning")
    await store.write(at(3))
    assert await subjects(client, names, "C") == 2

    monkeypatch.setattr(snapshot_store, "ORPHAN_AGE", timedelta(0))
    await store.write(at(4))
    assert await subjects(client, names, "C") == 2
    assert await store.read(3) == at(3)


async def test_an_unreachable_server_is_no_damage(one_nats: NatsServers, names: Names) -> None:
    client = await connect(one_nats.address, "test")
    store = SnapshotStore(client, names)
    await client.close()
    with pytest.raises(BusError, match=r"The snapshots in 'FINALEX_.*' cannot be reached"):
        await store.read(7)
