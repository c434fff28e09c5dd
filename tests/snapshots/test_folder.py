"""The folder: two good generations, whatever happens while writing."""

import errno
import os
from pathlib import Path

import pytest

from finalex.channels.hub import Hub
from finalex.model.events import Batch
from finalex.recovery import replay
from finalex.snapshots.errors import SnapshotDamagedError
from finalex.snapshots.folder import SnapshotFolder
from finalex.snapshots.snapshot import Snapshot, take_snapshot
from snapshots.logs import INSTRUMENTS, START_MS


def at(sequence: int) -> Snapshot:
    """Return a snapshot of an exchange where nothing but time has passed."""
    hub = Hub(INSTRUMENTS)
    replay(hub, [Batch(sequence=sequence, time_ms=START_MS, events=())])
    return take_snapshot(hub)


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path / "data" / "snapshots")


def damage(folder: SnapshotFolder, sequence: int) -> None:
    path = folder.path / f"{sequence}.snapshot"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(folder: SnapshotFolder) -> list[str]:
    return sorted(os.listdir(folder.path))


def test_a_folder_that_does_not_exist_has_no_snapshots(folder: SnapshotFolder) -> None:
    assert folder.sequences() == []
    assert not folder.path.exists()


def test_what_is_written_is_read(folder: SnapshotFolder) -> None:
    written = folder.write(at(7))
    assert (written.sequence, written.kept) == (7, [7])
    assert written.size_bytes == (folder.path / "7.snapshot").stat().st_size
    assert folder.read(7) == at(7)


def test_snapshots_are_for_their_owner_alone(folder: SnapshotFolder) -> None:
    before = os.umask(0)
    try:
        folder.write(at(7))
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (folder.path / "7.snapshot").stat().st_mode & 0o777 == 0o600


def test_two_generations_are_kept_and_numbers_are_compared_as_numbers(folder: SnapshotFolder) -> None:
    kept = [folder.write(at(sequence)).kept for sequence in (9, 10, 100)]
    assert kept == [[9], [10, 9], [100, 10]]
    assert folder.sequences() == [100, 10]
    assert names(folder) == ["10.snapshot", "100.snapshot"]


def test_the_log_is_covered_up_to_the_older_of_two_generations(folder: SnapshotFolder) -> None:
    assert [folder.write(at(sequence)).covered for sequence in (9, 10, 100)] == [0, 9, 10]


def test_the_same_place_in_the_log_is_one_snapshot(folder: SnapshotFolder) -> None:
    folder.write(at(9))
    assert folder.write(at(9)).kept == [9]


def test_a_damaged_snapshot_is_named(folder: SnapshotFolder) -> None:
    folder.write(at(7))
    damage(folder, 7)
    with pytest.raises(
        SnapshotDamagedError, match=r"The snapshot '.*7\.snapshot' cannot be used: its checksum is wrong\."
    ):
        folder.read(7)


def test_a_renamed_snapshot_is_damage(folder: SnapshotFolder) -> None:
    folder.write(at(7))
    os.rename(folder.path / "7.snapshot", folder.path / "8.snapshot")
    with pytest.raises(SnapshotDamagedError, match="it is of batch 7"):
        folder.read(8)


def test_a_damaged_snapshot_is_no_generation(folder: SnapshotFolder) -> None:
    for sequence in (1, 2):
        folder.write(at(sequence))
    damage(folder, 2)
    assert folder.write(at(3)).kept == [3, 1]
    assert names(folder) == ["1.snapshot", "3.snapshot"]


def test_other_files_are_left_alone_and_unfinished_ones_go(folder: SnapshotFolder) -> None:
    folder.write(at(1))
    for name in ("notes.txt", "007.snapshot", "x.snapshot", "5.snapshot.part"):
        (folder.path / name).write_text("?")
    assert folder.sequences() == [1]
    folder.write(at(2))
    assert names(folder) == ["007.snapshot", "1.snapshot", "2.snapshot", "notes.txt", "x.snapshot"]


def test_what_a_killed_writer_left_is_in_nobodys_way(folder: SnapshotFolder) -> None:
    folder.write(at(1))
    part = folder.path / "2.snapshot.part"
    part.write_text("half")
    part.chmod(0o644)
    assert folder.write(at(2)).kept == [2, 1]
    assert (folder.path / "2.snapshot").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_what_was_there(
    folder: SnapshotFolder, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    for sequence in (1, 2):
        folder.write(at(sequence))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(OSError, match="No space left"):
            folder.write(at(3))
    assert names(folder) == ["1.snapshot", "2.snapshot"]
    assert folder.read(2) == at(2)


def test_a_snapshot_has_its_name_only_once_it_is_on_disk(
    folder: SnapshotFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        steps.append("directory" if os.path.isdir(f"/dev/fd/{descriptor}") else "file")
        real_sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        steps.append(f"{source.name} to {target.name}")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    folder.write(at(1))
    assert steps == ["file", "1.snapshot.part to 1.snapshot", "directory"]
