"""Survey and repair: what is said of a damaged log, and what is kept of it."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from finalex.log.disk import Disk
from finalex.log.lock import DirectoryLock
from finalex.log.opening import open_store
from finalex.log.port import LogDamagedError, LogError, LogLockedError
from finalex.log.reading import LogReader, read_batches
from finalex.log.repair import repair
from finalex.log.sqlite import CLOCK_BATCHES_AHEAD_MAX
from finalex.log.survey import Survey, survey
from log.opened import event
from log.stored import OpenStore, flip

DATABASE = "events.sqlite"
WAL = "events.sqlite-wal"


def build(directory: Path, *, closed: bool = True) -> OpenStore:
    """Write a log of 20 batches, and leave it closed, or as a crash would."""
    stored = OpenStore(directory if closed else directory / "running")
    stored.store.begin(0)
    for number in range(1, 21):
        stored.write([event(number, os.urandom(600).hex())])
    if not closed:
        for name in (DATABASE, WAL):
            shutil.copy(directory / "running" / name, directory / name)
    stored.store.close(clean=closed)
    return stored


def looked_at(directory: Path) -> Survey:
    return survey(directory, Disk(), lambda done, total: None)


def sequences(directory: Path) -> list[int]:
    return [batch.sequence for batch in read_batches(directory / DATABASE, Disk(), None)]


def damage_record(directory: Path, sequence: int) -> None:
    """Flip a bit in the payload of one record, wherever it is in the closed database."""
    with closing(LogReader(directory / DATABASE, Disk(), None)) as reader:
        payload = next(record.payload for record, _ in reader.records() if record.last == sequence)
    at = (directory / DATABASE).read_bytes().index(payload[:100])
    flip(directory / DATABASE, 8 * (at + 50))


def damage_meta(directory: Path) -> None:
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as database:
        database.execute("UPDATE meta SET crc = crc + 1")


# --- survey ---------------------------------------------------------------------------------------------


def test_a_sound_log_is_described(tmp_path: Path) -> None:
    stored = build(tmp_path)
    told: list[tuple[int, int]] = []
    found = survey(tmp_path, Disk(), lambda done, total: told.append((done, total)))

    assert (found.batches, found.events, found.end) == (20, 20, 20)
    assert (found.first, found.last) == (stored.batches[0], stored.batches[-1])
    assert (found.damage, found.torn_bytes, found.in_use) == (None, 0, False)
    assert told == [(number, 20) for number in range(1, 21)]


def test_a_log_in_use_can_be_surveyed(tmp_path: Path) -> None:
    store, lock = open_store(tmp_path, Disk(), 1, 0)
    found = looked_at(tmp_path)
    store.close(clean=True)
    lock.release()

    assert (found.in_use, found.damage, found.batches) == (True, None, 0)


def test_a_torn_end_is_no_damage(tmp_path: Path) -> None:
    build(tmp_path, closed=False)
    os.truncate(tmp_path / WAL, (tmp_path / WAL).stat().st_size - 1)
    found = looked_at(tmp_path)

    assert (found.batches, found.damage) == (19, None)
    assert found.torn_bytes > 0


def test_damage_is_named_with_what_is_good_before_it(tmp_path: Path) -> None:
    build(tmp_path)
    damage_record(tmp_path, 15)
    found = looked_at(tmp_path)

    assert (found.batches, found.end) == (14, 20)
    assert isinstance(found.damage, LogDamagedError)
    assert found.damage.sequence == 15
    assert "at batch 15: a checksum is wrong" in str(found.damage)


def test_damage_beside_the_batches_is_found_too(tmp_path: Path) -> None:
    stored = build(tmp_path)
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("CREATE TABLE spare (a)")
        database.execute("UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'spare'")
    found = looked_at(tmp_path)

    assert found.batches == 20
    assert found.damage is not None


def test_where_no_log_is_there_is_nothing_to_survey(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="There is no log in"):
        looked_at(tmp_path)


# --- repair ---------------------------------------------------------------------------------------------


def test_what_comes_before_the_damage_is_kept(tmp_path: Path) -> None:
    stored = build(tmp_path)
    damage_record(tmp_path, 15)
    damaged = stored.path.read_bytes()
    aside = repair(tmp_path, Disk())

    assert aside.read_bytes() == damaged
    assert sequences(tmp_path) == [*range(1, 15), 20 + CLOCK_BATCHES_AHEAD_MAX]
    assert list(read_batches(stored.path, Disk(), 0))[:14] == stored.batches[:14]
    assert looked_at(tmp_path).damage is None


def test_a_repaired_log_goes_on_above_all_that_was_given_out(tmp_path: Path) -> None:
    build(tmp_path)
    damage_record(tmp_path, 15)
    repair(tmp_path, Disk())
    again = OpenStore(tmp_path)
    again.write([event(1)])
    again.close()

    assert sequences(tmp_path)[-2:] == [20 + CLOCK_BATCHES_AHEAD_MAX, 21 + CLOCK_BATCHES_AHEAD_MAX]


def test_transactions_before_damage_in_the_write_ahead_log_are_kept(tmp_path: Path) -> None:
    build(tmp_path, closed=False)
    flip(tmp_path / WAL, 8 * ((tmp_path / WAL).stat().st_size // 2))
    good = looked_at(tmp_path)
    assert good.damage is not None
    assert 0 < good.batches < 20
    with pytest.raises(LogDamagedError):
        open_store(tmp_path, Disk(), 1, 0)

    aside = repair(tmp_path, Disk())
    assert sequences(tmp_path)[:-1] == list(range(1, good.batches + 1))
    assert aside.with_name(aside.name + "-wal").exists()


def test_batches_survive_the_loss_of_the_description(tmp_path: Path) -> None:
    build(tmp_path)
    damage_meta(tmp_path)
    repair(tmp_path, Disk())

    assert sequences(tmp_path)[:-1] == list(range(1, 21))


def test_of_a_file_that_is_no_database_nothing_is_kept(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"x" * 8192)
    repair(tmp_path, Disk())

    assert sequences(tmp_path) == [CLOCK_BATCHES_AHEAD_MAX]
    assert (tmp_path / "events.sqlite.damaged-1").read_bytes() == b"x" * 8192


def test_a_trimmed_log_stays_trimmed(tmp_path: Path) -> None:
    stored = OpenStore(tmp_path)
    for number in range(1, 11):
        stored.write([event(number, os.urandom(200).hex())])
    stored.store.trim(4, 0, 0)
    stored.close()
    damage_record(tmp_path, 9)
    repair(tmp_path, Disk())

    assert sequences(tmp_path)[:-1] == [5, 6, 7, 8]
    with pytest.raises(LogError, match="up to 4"):
        read_batches(tmp_path / DATABASE, Disk(), 3)


def test_files_of_an_earlier_repair_stay(tmp_path: Path) -> None:
    build(tmp_path)
    for sequence in (15, 10):
        damage_record(tmp_path, sequence)
        repair(tmp_path, Disk())

    assert sorted(path.name for path in tmp_path.glob("*.damaged-?")) == [
        "events.sqlite.damaged-1",
        "events.sqlite.damaged-2",
    ]
    assert sequences(tmp_path)[:-1] == list(range(1, 10))


def test_a_log_in_use_is_not_repaired(tmp_path: Path) -> None:
    build(tmp_path)
    lock = DirectoryLock(tmp_path)
    with pytest.raises(LogLockedError):
        repair(tmp_path, Disk())
    lock.release()


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_an_interrupted_repair_is_ended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: int
) -> None:
    build(tmp_path, closed=False)
    flip(tmp_path / WAL, 8 * ((tmp_path / WAL).stat().st_size // 2))
    good = looked_at(tmp_path).batches
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", rename_some(renamed + 1))
        with pytest.raises(LogError, match="power"):
            repair(tmp_path, Disk())
    with pytest.raises(LogError, match="was interrupted"):
        open_store(tmp_path, Disk(), 1, 0)

    repair(tmp_path, Disk())
    assert sequences(tmp_path)[:-1] == list(range(1, good + 1))
    assert {path.name for path in tmp_path.iterdir()} >= {"events.sqlite.damaged-1", "events.sqlite.damaged-1-wal"}


def rename_some(count: int) -> Callable[[Path, Path], None]:
    """Return an `os.rename` that fails after so many."""
    rename, left = os.rename, [count]

    def rename_while_possible(old: Path, new: Path) -> None:
        if not left[0]:
            raise OSError("the power has gone")
        left[0] -= 1
        rename(old, new)

    return rename_while_possible
