"""Copies of a live cluster, on a real NATS server."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cluster.copies import cluster, copy, state_of, trade
from cluster.engines import EngineCluster, led
from finalex.clock import now_ms
from finalex.cluster.backup import MANIFEST_NAME, BackupError, read_log
from finalex.log.disk import Disk
from finalex.log.port import LogTrimmedError
from finalex.log.reading import read_batches
from finalex.log.schema import FILE_NAME
from finalex.log.sqlite import SqliteLog
from finalex.roles import backup as cluster_backup
from finalex.roles.backup import PARTIAL_SUFFIX
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from support.nats_servers import one_nats

__all__ = ["cluster", "one_nats"]


async def test_a_live_cluster_becomes_a_data_directory(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 5)
    manifest = await copy(cluster, tmp_path / "copy")

    live = [batch for batch in await cluster.batches() if batch.sequence <= manifest.sequence]
    copied = list(read_batches(tmp_path / "copy" / FILE_NAME, Disk(), 0))
    assert copied == live
    assert copied[-1].sequence == manifest.sequence
    assert state_of(tmp_path / "copy").state_hash() == manifest.state_hash
    assert json.loads((tmp_path / "copy" / MANIFEST_NAME).read_text())["cluster"] == cluster.name
    assert not (tmp_path / f"copy{PARTIAL_SUFFIX}").exists()


async def test_a_second_backup_goes_on_where_the_first_ended(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 2)
    first = await copy(cluster, tmp_path / "copy")
    await trade(cluster, led(engine.role).writer, 2)
    read_from: list[int] = []

    def observed(stream: Any, after: int, end: Any) -> Any:
        read_from.append(after)
        return read_log(stream, after, end)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_backup, "read_log", observed)
        second = await copy(cluster, tmp_path / "copy")

    assert read_from == [first.sequence]
    live = [batch for batch in await cluster.batches() if batch.sequence <= second.sequence]
    assert list(read_batches(tmp_path / "copy" / FILE_NAME, Disk(), 0)) == live
    assert state_of(tmp_path / "copy").state_hash() == second.state_hash != first.state_hash


async def test_a_server_goes_on_from_a_backup(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 2)
    manifest = await copy(cluster, tmp_path / "copy")

    log = SqliteLog(tmp_path / "copy", asyncio.get_running_loop().call_soon_threadsafe)
    try:
        assert (log.sequence, log.time_ms) == (manifest.sequence, manifest.time_ms)
    finally:
        log.close()


async def test_a_backup_that_a_server_has_used_is_left_alone(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 1)
    await copy(cluster, tmp_path / "copy")
    log = SqliteLog(tmp_path / "copy", asyncio.get_running_loop().call_soon_threadsafe)
    log.append([], now_ms())
    log.close()

    with pytest.raises(BackupError, match="A server has used the backup"):
        await copy(cluster, tmp_path / "copy")


async def test_other_directories_are_not_overwritten(cluster: EngineCluster, tmp_path: Path) -> None:
    await cluster.lead("a")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(BackupError, match="is not empty, and no backup"):
        await copy(cluster, tmp_path / "photos")
    await copy(cluster, tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST_NAME).write_bytes(
        (tmp_path / "copy" / MANIFEST_NAME).read_bytes().replace(cluster.name.encode(), b"other")
    )
    with pytest.raises(BackupError, match="is a backup of the cluster 'other'"):
        await copy(cluster, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


async def test_what_was_interrupted_is_not_there(
    cluster: EngineCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.lead("a")
    first = await copy(cluster, tmp_path / "copy")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(cluster_backup, "write_private", fail)
    for name in ("copy", "new"):
        with pytest.raises(OSError, match="the disk is full"):
            await copy(cluster, tmp_path / name)

    assert not (tmp_path / "new").exists()
    assert not any((tmp_path / f"{name}{PARTIAL_SUFFIX}").exists() for name in ("copy", "new"))
    assert state_of(tmp_path / "copy").state_hash() == first.state_hash


async def test_an_empty_cluster_has_nothing_to_back_up(cluster: EngineCluster, tmp_path: Path) -> None:
    await cluster.stream.prepare(1, 64 << 20)
    with pytest.raises(BackupError, match="has no log yet"):
        await copy(cluster, tmp_path / "copy")


async def test_a_log_that_was_trimmed_is_copied_with_its_snapshot(cluster: EngineCluster, tmp_path: Path) -> None:
    engine = await cluster.lead("a")
    await trade(cluster, led(engine.role).writer, 2)
    await engine.role.snapshots.write(cluster.durable)
    snapshot = (await cluster.store.sequences())[0]
    place = await cluster.stream.place(snapshot)
    await cluster.stream.purge(place)
    await trade(cluster, led(engine.role).writer, 2)
    manifest = await copy(cluster, tmp_path / "copy")

    with pytest.raises(LogTrimmedError):
        list(read_batches(tmp_path / "copy" / FILE_NAME, Disk(), 0))
    assert SnapshotFolder(tmp_path / "copy" / FOLDER_NAME).sequences() == [snapshot]
    assert state_of(tmp_path / "copy").state_hash() == manifest.state_hash
