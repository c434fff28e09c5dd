"""Clusters made of copies, on a real NATS server."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from cluster.copies import HAD_MS, cluster, copy, empty, fill, filled_server, state_of, trade
from cluster.engines import EngineCluster, led, order
from finalex.cli import app
from finalex.clock import now_ms
from finalex.cluster.backup import CREDENTIALS_NAME, MANIFEST_NAME, BackupError
from finalex.cluster.credentials_bucket import CredentialBucket
from finalex.cluster.credentials_entries import Check
from finalex.cluster.external import NatsEvents
from finalex.exchange.outcomes import Placed
from finalex.log.disk import Disk
from finalex.log.port import LogLockedError
from finalex.log.reading import LogReader, read_batches
from finalex.log.schema import FILE_NAME
from finalex.log.sqlite import CLOCK_BATCHES_AHEAD_MAX, SqliteLog
from finalex.model.orders import Side
from finalex.roles import backup as cluster_backup
from support.external import message
from support.nats_servers import one_nats

__all__ = ["cluster", "empty", "one_nats"]


async def test_a_cluster_is_restored_and_goes_on(cluster: EngineCluster, empty: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 5)
    saved = await copy(cluster, tmp_path / "copy")
    restored = await fill(empty, tmp_path / "copy")
    kept = await empty.batches()

    assert (restored.state_hash, restored.sequence) == (saved.state_hash, saved.sequence + 1)
    assert kept[:-1] == list(read_batches(tmp_path / "copy" / FILE_NAME, Disk(), 0))
    before = state_of(tmp_path / "copy")
    successor = await empty.lead("b")
    (placed,) = await empty.send(led(successor.role).writer, order("ann", Side.BUY, "20000.00"))
    assert isinstance(placed, Placed)
    assert placed.order.number == before.next_order
    assert empty.durable > saved.sequence + 1


async def test_a_cluster_that_is_not_empty_is_left_alone(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 1)
    await copy(cluster, tmp_path / "copy")

    with pytest.raises(BackupError, match="is not empty"):
        await fill(cluster, tmp_path / "copy")


async def test_a_single_servers_directory_becomes_a_cluster(empty: EngineCluster, tmp_path: Path) -> None:
    state = await filled_server(tmp_path / "one")
    restored = await fill(empty, tmp_path / "one")

    assert restored.state_hash == state.state_hash()
    assert (await empty.state()).state_hash() == state.state_hash()
    assert restored.sequence == 11


async def test_numbers_that_a_dead_server_may_have_given_out_are_not_used_again(
    empty: EngineCluster, tmp_path: Path
) -> None:
    state = await filled_server(tmp_path / "one", clean=False)
    restored = await fill(empty, tmp_path / "one")

    assert restored.state_hash == state.state_hash()
    assert restored.sequence == 10 + CLOCK_BATCHES_AHEAD_MAX + 1
    engine = await empty.lead("a")
    assert led(engine.role).engine_state.open_orders_count("ann") == 5


async def test_of_a_log_that_has_left_out_numbers_what_follows_them_is_restored(
    empty: EngineCluster, tmp_path: Path
) -> None:
    state = await filled_server(tmp_path / "one", clean=False)
    log = SqliteLog(tmp_path / "one", asyncio.get_running_loop().call_soon_threadsafe)
    log.append([], HAD_MS)
    log.close()
    restored = await fill(empty, tmp_path / "one")

    first = (await empty.stream.read(0))[0]
    assert first.previous == 10 + CLOCK_BATCHES_AHEAD_MAX
    assert (restored.sequence, restored.state_hash) == (first.previous + 2, state.state_hash())


async def test_only_what_fits_of_the_log_is_restored_and_all_of_the_state(
    cluster: EngineCluster, empty: EngineCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 3)
    await copy(cluster, tmp_path / "copy")
    await trade(cluster, led(engine.role).writer, 3)
    saved = await copy(cluster, tmp_path / "copy")
    with closing(LogReader(tmp_path / "copy" / FILE_NAME, Disk(), None)) as reader:
        records = [record for record, _ in reader.records()]
    assert len(records) > 1
    monkeypatch.setattr(cluster_backup, "FILLED_MAX", (len(records[-1].payload) + 1) / (64 << 20))
    restored = await fill(empty, tmp_path / "copy")

    assert restored.state_hash == saved.state_hash
    first = (await empty.stream.read(0))[0]
    assert first.previous == records[-1].previous


async def test_a_directory_in_use_or_without_a_log_is_refused(empty: EngineCluster, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="it has no log"):
        await fill(empty, tmp_path)
    log = SqliteLog(tmp_path / "one", asyncio.get_running_loop().call_soon_threadsafe)
    with pytest.raises(LogLockedError):
        await fill(empty, tmp_path / "one")
    log.close()


async def test_a_backup_that_was_changed_is_noticed(
    cluster: EngineCluster, empty: EngineCluster, tmp_path: Path
) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 1)
    saved = await copy(cluster, tmp_path / "copy")
    path = tmp_path / "copy" / MANIFEST_NAME
    path.write_text(path.read_text().replace(saved.state_hash, "0" * 64))

    with pytest.raises(BackupError, match="does not add up to the state"):
        await fill(empty, tmp_path / "copy")


async def test_an_external_engines_position_and_credentials_are_restored(
    cluster: EngineCluster, empty: EngineCluster, tmp_path: Path
) -> None:
    await cluster.lead("a", source="external")
    await NatsEvents(cluster.client, cluster.names, 1).prepare()
    credit = {"event": "credited", "user": "ann", "currency": "USDT", "amount": "1000"}
    for number in range(3):
        told = message([credit | {"reference": str(number)}], now_ms())
        await cluster.client.jetstream().publish(cluster.names.events, told)
    async with asyncio.timeout(30):
        while (await cluster.stream.end()).position < 3:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.01)
    bucket = CredentialBucket(cluster.client, cluster.names, now_ms)
    await bucket.prepare(1)
    check = Check(value=b"some", node="a")
    await bucket.change("check.pepper", lambda _: check)
    saved = await copy(cluster, tmp_path / "copy")
    restored = await fill(empty, tmp_path / "copy", source="external")
    await empty.lead("b", source="external")
    stored = await empty.client.jetstream().publish(
        empty.names.events, message([credit | {"reference": "9"}], now_ms())
    )

    assert (saved.position, restored.position, stored.seq) == (3, 3, 4)
    async with asyncio.timeout(30):
        while (await empty.state()).available("ann", "USDT") != 4_000 * 10**8:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.01)
    entry = await CredentialBucket(empty.client, empty.names, now_ms).find("check.pepper")
    assert entry is not None
    assert entry.content == check
    assert (tmp_path / "copy" / CREDENTIALS_NAME).stat().st_mode & 0o777 == 0o600


# --- the command line -------------------------------------------------------------------------------------


async def test_the_commands_say_what_they_have_done(
    cluster: EngineCluster, empty: EngineCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await cluster.lead("a")
    directory = str(tmp_path / "copy")

    def run(command: str, name: str) -> int:
        flags = ("--nats", cluster.servers.urls[0], "--cluster-name", name, "--nats-replicas", "1")
        arguments = ["cluster", command, directory, *flags, "--log-bytes-max", str(64 << 20)]
        return int(app(arguments, exit_on_error=False, result_action="return_value") or 0)

    assert await asyncio.to_thread(run, "backup", cluster.name) == 0
    assert await asyncio.to_thread(run, "restore", empty.name) == 0
    assert await asyncio.to_thread(run, "restore", empty.name) == 1
    output, errors = capsys.readouterr()
    assert f"backed up: {directory}, cluster {cluster.name}" in output
    assert f"restored: {directory}, cluster {empty.name}" in output
    assert "is not empty" in errors
