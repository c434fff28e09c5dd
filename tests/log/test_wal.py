"""The write-ahead log, looked at before SQLite does: damage is told from a torn end."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from finalex.log.damage import Damage
from finalex.log.wal import PAGE_BYTES, inspect_wal
from log.opened import event
from log.stored import OpenStore, flip

HEADER_BYTES = 32
FRAME_BYTES = 24 + PAGE_BYTES


class Wal:
    """A write-ahead log of several transactions; `ends` are its sizes after each."""

    def __init__(self, directory: Path) -> None:
        self.stored = OpenStore(directory)
        self.path = self.stored.path.with_name("events.sqlite-wal")
        self.stored.store.begin(0)
        self.ends = [self.path.stat().st_size]

    def write(self, *sizes: int) -> "Wal":
        """Write one transaction for each size of its event, in bytes that do not compress."""
        for size in sizes:
            self.stored.write([event(1, random.Random(size).randbytes(size // 2).hex())])
            self.ends.append(self.path.stat().st_size)
        return self

    def changed(self, name: str, bit: int) -> Path:
        """Return a copy with one bit flipped."""
        copy = self.path.with_name(name)
        shutil.copy(self.path, copy)
        flip(copy, bit)
        return copy

    @property
    def frames(self) -> int:
        return (self.path.stat().st_size - HEADER_BYTES) // FRAME_BYTES


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[Wal]:
    wal = Wal(tmp_path / "log")
    yield wal
    wal.stored.store.close(clean=False)


def verdict(path: Path) -> str:
    """Return `sound`, `torn` or `damaged`."""
    try:
        return "torn" if inspect_wal(path).torn_bytes else "sound"
    except Damage:
        return "damaged"


def test_no_write_ahead_log_and_an_empty_one_are_sound(tmp_path: Path) -> None:
    assert inspect_wal(tmp_path / "absent") == (0, 0)
    (tmp_path / "empty").write_bytes(b"")
    assert inspect_wal(tmp_path / "empty") == (0, 0)


def test_what_was_written_is_sound(wal: Wal) -> None:
    wal.write(10, 100, 20_000, 10)

    assert inspect_wal(wal.path) == (wal.frames, 0)


def test_frames_of_an_earlier_round_do_not_count(wal: Wal) -> None:
    wal.write(10, 20_000, 10)
    wal.stored.store.checkpoint()
    frames = wal.frames
    wal.write(10)

    assert wal.frames == frames
    assert inspect_wal(wal.path) == (1, 0)


def test_a_log_cut_off_anywhere_is_torn_after_its_last_whole_transaction(wal: Wal) -> None:
    wal.write(10, 9000, 9000)
    data = wal.path.read_bytes()
    copy = wal.path.with_name("cut")
    chance = random.Random(1)
    for size in [0, 1, 31, 32, 33, *wal.ends, *(chance.randrange(len(data)) for _ in range(60))]:
        copy.write_bytes(data[:size])
        whole = max([end for end in wal.ends if end <= size], default=0)
        tail = inspect_wal(copy)
        if whole:
            assert (HEADER_BYTES + tail.frames * FRAME_BYTES, tail.torn_bytes) == (whole, size - whole)
        else:
            assert tail.torn_bytes in (size, size - HEADER_BYTES)  # the header alone is no loss


def test_every_changed_bit_of_the_header_is_found(wal: Wal) -> None:
    wal.write(10, 10)
    unused = range(12 * 8, 16 * 8)  # the number of the checkpoint: covered by the checksum all the same
    found = {bit: verdict(wal.changed("changed", bit)) for bit in range(HEADER_BYTES * 8)}

    assert set(found.values()) == {"damaged"}
    assert set(unused) < set(found)


def test_every_changed_bit_of_a_frames_head_is_found(wal: Wal) -> None:
    wal.write(10, 9000, 10, 10)
    last_frame = wal.frames - 1
    for frame in range(wal.frames):
        start = HEADER_BYTES + frame * FRAME_BYTES
        found = {verdict(wal.changed("changed", 8 * start + bit)) for bit in range(24 * 8)}
        assert found == {"torn" if frame == last_frame else "damaged"}, frame


def test_changed_bits_of_pages_are_found(wal: Wal) -> None:
    wal.write(10, 9000, 10, 9000)
    chance = random.Random(1)
    for _ in range(200):
        at = chance.randrange(HEADER_BYTES, wal.path.stat().st_size)
        expected = "torn" if at >= wal.ends[-2] else "damaged"
        assert verdict(wal.changed("changed", 8 * at + chance.randrange(8))) == expected


def test_a_lost_block_is_found_though_it_hits_two_frames(wal: Wal) -> None:
    wal.write(10, 10, 10, 10, 10)
    data = bytearray(wal.path.read_bytes())
    data[4096:8192] = bytes(4096)
    damaged = wal.path.with_name("damaged")
    damaged.write_bytes(data)

    assert verdict(damaged) == "damaged"


def test_remains_of_a_transaction_that_failed_are_no_damage(wal: Wal, tmp_path: Path) -> None:
    wal.write(10, 10)
    other = tmp_path / "other"
    shutil.copytree(wal.path.parent, other)
    (other / "events.sqlite-shm").unlink()
    failed = OpenStore(other)
    failed.write([event(1, random.Random(1).randbytes(20_000).hex())])
    remains = (other / wal.path.name).read_bytes()
    failed.store.close(clean=False)
    wal.write(10, 9000)
    data = wal.path.read_bytes()
    mixed = wal.path.with_name("mixed")
    mixed.write_bytes(data + remains[len(data) :])

    tail = inspect_wal(mixed)
    assert tail.frames == wal.frames
    assert tail.torn_bytes == len(remains) - len(data) > 0


@pytest.mark.parametrize("size", [5, 32, 100, 5000, 100_000])
def test_anything_else_is_no_log_and_no_damage(tmp_path: Path, size: int) -> None:
    path = tmp_path / "noise"
    path.write_bytes(random.Random(1).randbytes(size))

    assert inspect_wal(path) == (0, size)
