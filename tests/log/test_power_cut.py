"""The power goes at any moment, or a bit changes: what was acknowledged is there, or its loss is said.

The model of a power cut: what was synced is on the disk; of what was written since, every sector may be or not. A
write-ahead log that starts anew has its head synced before its first frame; the database is only written to with what
the write-ahead log holds already.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from finalex.log.disk import Disk
from finalex.log.opening import check_files, open_store
from finalex.log.port import LogError
from finalex.log.reading import LogReader
from finalex.log.records import Entry, encode_batch, pack
from finalex.log.schema import FILE_NAME, WAL_SUFFIX
from finalex.log.wal import PAGE_BYTES
from finalex.model.events import AnyEvent, Batch
from log.opened import event
from log.stored import OpenStore

SECTOR_BYTES = 512
WAL_HEADER_BYTES = 32
FRAME_HEAD_BYTES = 24
TREE_NODES = (0x02, 0x05, 0x0A, 0x0D)
NODE_HEAD_BYTES = 12
SKIPPED = 1000
STEPS = 40
CUTS_OF_A_STEP = 8
FLIPS = 300


class Files(NamedTuple):
    """The contents of a log's directory."""

    database: bytes
    wal: bytes

    def write(self, directory: Path) -> Path:
        """Put them into `directory` and return the database's path."""
        directory.mkdir(exist_ok=True)
        for old in directory.iterdir():
            old.unlink()
        (directory / FILE_NAME).write_bytes(self.database)
        if self.wal:
            (directory / (FILE_NAME + WAL_SUFFIX)).write_bytes(self.wal)
        return directory / FILE_NAME


class State(NamedTuple):
    """What was on the disk after a sync, and what was acknowledged by then."""

    files: Files
    batches: list[Batch]


class Story:
    """A log through writes of all sizes, checkpoints and trimming; `states` has every sync boundary."""

    def __init__(self, directory: Path) -> None:
        self._stored = OpenStore(directory)
        self._chance = random.Random(7)
        self._stored.store.begin(0)
        self.states = [self._state()]
        for step in range(1, STEPS + 1):
            self._step(step)
            self.states.append(self._state())
        self._stored.close()
        self.closed = self._state()

    def _step(self, step: int) -> None:
        store = self._stored.store
        if step % 13 == 0:
            store.checkpoint()
        elif step == 30:
            assert store.trim(store.last - 20, 0, 0)
        else:
            self._stored.write(*(self._events(step) for _ in range(self._chance.choice([1, 1, 3]))))

    def _events(self, step: int) -> list[AnyEvent]:
        sizes = self._chance.choice([[], [5], [5, 50], [2500], [15_000], [10, 10, 10]])
        return [event(step, self._chance.randbytes(size).hex()) for size in sizes]

    def _state(self) -> State:
        path = self._stored.path
        wal = path.with_name(FILE_NAME + WAL_SUFFIX)
        files = Files(path.read_bytes(), wal.read_bytes() if wal.exists() else b"")
        return State(files, list(self._stored.batches))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(tmp_path_factory.mktemp("story"))


def mixed(before: bytes, after: bytes, chance: random.Random) -> bytes:
    """Return a file of which each sector is as before or as after, cut off anywhere in what was added."""
    size = chance.choice([len(after), chance.randint(min(len(before), len(after)), len(after))])
    old = before.ljust(size, b"\0")
    share = chance.random()
    sectors = range(0, size, SECTOR_BYTES)
    return b"".join((after if chance.random() < share else old)[at : at + SECTOR_BYTES] for at in sectors)[:size]


def cuts(before: Files, after: Files, chance: random.Random) -> Iterator[Files]:
    """Yield what a power cut between two syncs may leave."""
    yield before
    yield Files(before.database, after.wal)
    base = before.wal
    if after.wal[:WAL_HEADER_BYTES] != base[:WAL_HEADER_BYTES]:
        base = after.wal[:WAL_HEADER_BYTES] + base[WAL_HEADER_BYTES:]
        yield Files(before.database, base)
    for _ in range(CUTS_OF_A_STEP // 2):
        yield Files(before.database, base[: len(base)] + after.wal[len(base) : chance.randint(0, len(after.wal))])
        yield Files(before.database, after.wal[:WAL_HEADER_BYTES] + mixed(base, after.wal, chance)[WAL_HEADER_BYTES:])
    if after.database != before.database:
        for _ in range(CUTS_OF_A_STEP):
            yield Files(mixed(before.database, after.database, chance), after.wal)


def start(directory: Path) -> list[Batch]:
    """Open the log as a server does, write something more, and return what was there; raises `LogError`."""
    store, lock = open_store(directory, Disk(), 1, SKIPPED)
    try:
        more = Entry(store.last + 1, store.time_ms, encode_batch(0, (event(0),)))
        store.write(pack([more], store.last))
        with closing(LogReader(directory / FILE_NAME, Disk(), None)) as reader:
            batches = [batch for _, batches in reader.records() for batch in batches]
    finally:
        store.close(clean=False)
        lock.release()
    assert batches[-1].sequence == more.sequence
    return [batch for batch in batches if batch.sequence < more.sequence - (0 if store.clean else 1)]


def kept(batches: Iterable[Batch], read: list[Batch]) -> list[Batch]:
    """Return what of `batches` was not trimmed, going by what was read."""
    return [batch for batch in batches if read and batch.sequence >= read[0].sequence]


def test_a_power_cut_loses_nothing_that_was_acknowledged(story: Story, tmp_path: Path) -> None:
    chance = random.Random(11)
    found: Counter[str] = Counter()
    for step, (before, after) in enumerate(zip(story.states, story.states[1:], strict=False), 1):
        for files in cuts(before.files, after.files, chance):
            files.write(tmp_path / "log")
            read = start(tmp_path / "log")
            outcomes = {"before": kept(before.batches, read), "after": kept(after.batches, read)}
            whole = [name for name, batches in outcomes.items() if batches == read]
            assert whole, f"step {step}: {len(before.batches)} were acknowledged, {len(read)} are there"
            assert read or not before.batches
            found[whole[0]] += 1

    assert min(found["before"], found["after"]) > 20, found


def flips(files: Files, chance: random.Random) -> Iterator[Files]:
    """Yield the files with one bit flipped, more often in the heads of files, frames and nodes of trees."""
    frames = range(WAL_HEADER_BYTES, len(files.wal), PAGE_BYTES + FRAME_HEAD_BYTES)
    nodes = [at for at in range(0, len(files.database), PAGE_BYTES) if files.database[at] in TREE_NODES]
    for _ in range(FLIPS):
        database, wal = bytearray(files.database), bytearray(files.wal)
        if wal and chance.random() < 0.5:
            near = chance.choice(frames) + chance.randrange(2 * FRAME_HEAD_BYTES)
            wal[chance.choice([near, chance.randrange(len(wal))])] ^= 1 << chance.randrange(8)
        else:
            near = chance.choice(nodes) + chance.randrange(NODE_HEAD_BYTES)
            at = chance.choice([near, near, chance.randrange(100), chance.randrange(len(database))])
            database[at] ^= 1 << chance.randrange(8)
        yield Files(bytes(database), bytes(wal))


@pytest.mark.parametrize("step", [38, 40, "closed"])
def test_a_flipped_bit_is_found_or_changes_nothing(story: Story, tmp_path: Path, step: int | str) -> None:
    """Step 38 is before a checkpoint, 40 just after one; a bit of the last transaction is as if the power had gone."""
    state = story.states[step] if isinstance(step, int) else story.closed
    earlier = story.states[step - 1].batches if isinstance(step, int) else []
    found: Counter[str] = Counter()
    for files in flips(state.files, random.Random(13)):
        path = files.write(tmp_path / "log")
        try:
            torn = check_files(path).torn_bytes
            read = start(path.parent)
        except (LogError, sqlite3.Error):  # the writer waits at the latter, and says so
            found["refused"] += 1
            continue
        if read and read == kept(state.batches, read):
            found["harmless"] += 1
        else:
            assert torn
            assert read == kept(earlier, read)
            found["cut"] += 1

    assert min(found["refused"], found["harmless"]) > FLIPS // 20, found
    assert bool(found["cut"]) == isinstance(step, int), found
