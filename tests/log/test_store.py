"""The store: trimming, checkpoints, and what it says about itself."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from finalex.log.damage import Damage
from finalex.log.disk import Disk
from finalex.log.port import LogTrimmedError
from finalex.log.reading import LogReader, read_batches
from finalex.log.store import CHECKPOINT_BYTES, TRIM_RECORDS, WAL_BYTES_MAX, Store
from log.opened import event
from log.stored import OpenStore

EVERYTHING = 1 << 62


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[OpenStore]:
    stored = OpenStore(tmp_path)
    yield stored
    stored.store.close(clean=False)


def sequences(path: Path, after: int | None = None) -> list[int]:
    return [batch.sequence for batch in read_batches(path, Disk(), after)]


def fill(stored: OpenStore, count: int, text: str = "") -> None:
    for number in range(count):
        stored.write([event(number, text)])


# --- trimming -------------------------------------------------------------------------------------------


def test_what_is_neither_old_nor_too_much_stays(stored: OpenStore) -> None:
    fill(stored, 10)

    assert not stored.store.trim(9, EVERYTHING, oldest_ms=0)
    assert sequences(stored.path) == list(range(1, 11))


def test_what_is_too_old_goes(stored: OpenStore) -> None:
    fill(stored, 10)  # at 10, 20, … 100 ms

    assert stored.store.trim(9, EVERYTHING, oldest_ms=50)
    assert not stored.store.trim(9, EVERYTHING, oldest_ms=50)
    assert sequences(stored.path) == list(range(5, 11))


def test_what_is_too_much_goes_until_it_no_longer_is(stored: OpenStore) -> None:
    for number in range(3 * TRIM_RECORDS):
        stored.write([event(number, Path(__file__).read_text()[number : number + 900])])
    bytes_max = stored.store.bytes_used * 2 // 3
    steps = 0
    while stored.store.trim(EVERYTHING, bytes_max, oldest_ms=0):
        steps += 1

    assert steps == 2
    assert stored.store.bytes_used <= bytes_max
    assert sequences(stored.path) == list(range(2 * TRIM_RECORDS + 1, 3 * TRIM_RECORDS + 1))


def test_only_what_is_covered_goes(stored: OpenStore) -> None:
    stored.write([event(1)], [event(2)])
    stored.write([event(3)], [event(4)])
    stored.write([event(5)])

    assert not stored.store.trim(1, 0, EVERYTHING)
    assert stored.store.trim(3, 0, EVERYTHING)
    assert sequences(stored.path) == [3, 4, 5]


def test_the_last_record_always_stays(stored: OpenStore) -> None:
    fill(stored, 3)

    assert stored.store.trim(EVERYTHING, 0, EVERYTHING)
    assert not stored.store.trim(EVERYTHING, 0, EVERYTHING)
    assert sequences(stored.path) == [3]


def test_a_trimmed_log_says_what_it_no_longer_has(stored: OpenStore) -> None:
    fill(stored, 5)
    stored.store.trim(2, 0, EVERYTHING)

    assert sequences(stored.path, after=2) == [3, 4, 5]
    with pytest.raises(LogTrimmedError, match="up to 2 are no longer kept"):
        read_batches(stored.path, Disk(), 1)


def test_whoever_reads_too_slowly_is_told_that_it_was_trimmed(stored: OpenStore) -> None:
    fill(stored, 100)
    reading = read_batches(stored.path, Disk(), 0)
    assert next(reading).sequence == 1
    stored.store.trim(80, 0, EVERYTHING)

    with pytest.raises(LogTrimmedError, match="up to 80"):
        list(reading)


def test_pages_of_what_was_trimmed_are_used_again(stored: OpenStore) -> None:
    for _ in range(20):
        fill(stored, 50, "x" * 200)
        while stored.store.trim(stored.store.last - 50, 0, EVERYTHING):
            pass
    stored.store.checkpoint()

    assert stored.path.stat().st_size < 40 * 4096


# --- checkpoints ----------------------------------------------------------------------------------------


def test_the_write_ahead_log_stays_small(stored: OpenStore) -> None:
    wal = stored.path.with_name("events.sqlite-wal")
    chance = random.Random(1)
    checkpoints = 0
    while checkpoints < 3:
        stored.write([event(1, chance.randbytes(20_000).hex())])
        if stored.store.wants_checkpoint:
            stored.store.checkpoint()
            checkpoints += 1

    assert wal.stat().st_size < 2 * CHECKPOINT_BYTES < WAL_BYTES_MAX


def test_a_reader_does_not_stop_checkpoints_for_longer_than_it_reads(stored: OpenStore) -> None:
    fill(stored, 200)
    reading = read_batches(stored.path, Disk(), 0)
    next(reading)
    stored.store.checkpoint()
    stored.write([event(1)])

    assert stored.path.with_name("events.sqlite-wal").read_bytes()[12:16] == (1).to_bytes(4, "big")  # started anew
    assert [batch.sequence for batch in reading] == list(range(2, 202))


# --- what it says about itself --------------------------------------------------------------------------


def test_a_lost_end_is_found(stored: OpenStore) -> None:
    fill(stored, 5)
    stored.close()
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as database:
        database.execute("DELETE FROM records WHERE last > 3")

    with pytest.raises(Damage, match="batches after 3 are missing"):
        Store(stored.path, Disk())
    with pytest.raises(OSError, match="damaged at batch 4: batches are missing at its end"):
        sequences(stored.path)


@pytest.mark.parametrize(("statement", "lost"), [("last = 3", 3), ("last < 3", 1)])
def test_a_lost_record_is_found(stored: OpenStore, statement: str, lost: int) -> None:
    fill(stored, 5)
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as database:
        database.execute(f"DELETE FROM records WHERE {statement}")

    with pytest.raises(OSError, match=f"damaged at batch {lost}: batches are missing"):
        sequences(stored.path)


@pytest.mark.parametrize("column", ["created_ms", "trimmed", "marked", "clean", "crc"])
def test_a_change_of_what_it_says_about_itself_is_found(stored: OpenStore, column: str) -> None:
    stored.close()
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as database:
        database.execute(f"UPDATE meta SET {column} = {column} + 2")

    with pytest.raises(Damage, match="description of itself"):
        Store(stored.path, Disk())
    with pytest.raises(OSError, match="description of itself"):
        LogReader(stored.path, Disk(), 0)
