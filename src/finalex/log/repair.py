"""The repair: a new database of everything before the first damage, in place of the damaged one, which is kept."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

from finalex.log.damage import Damage, explained
from finalex.log.disk import Disk
from finalex.log.lock import DirectoryLock
from finalex.log.opening import REPAIRED_SUFFIX, is_interrupted
from finalex.log.reading import COLUMNS, as_record
from finalex.log.records import Entry, Record, encode_batch, pack, unpack
from finalex.log.schema import (
    SHM_SUFFIX,
    WAL_SUFFIX,
    Meta,
    create_database,
    read_meta,
    sync_directory,
    write_meta,
)
from finalex.log.sqlite import CLOCK_BATCHES_AHEAD_MAX
from finalex.log.store import INSERT
from finalex.log.survey import log_path

_ALL = f"SELECT {COLUMNS} FROM records ORDER BY last"  # noqa: S608


def repair(directory: Path, disk: Disk) -> Path:
    """Keep what comes before the first damage of the log in `directory`; return where the damaged files are now.

    The new log goes on so far above what the old one may have given out that no sequence gets a second meaning.
    Interrupted, it is ended by the next call. Raises `LogLockedError` while a server runs, and `LogError`.
    """
    path = log_path(directory)
    lock = DirectoryLock(directory)
    try:
        with explained(path):
            repaired = path.with_name(path.name + REPAIRED_SUFFIX)
            if not is_interrupted(path):
                _copy_good(path, repaired, disk)
            return _swap(path, repaired)
    finally:
        lock.release()


def _copy_good(path: Path, repaired: Path, disk: Disk) -> None:
    unfinished = path.with_name(path.name + ".repairing")
    with _open_if_there(path, disk) as source:
        meta = _meta(source)
        create_database(unfinished, disk, meta.created_ms)
        with closing(disk.connect(unfinished, writing=True)) as target:
            target.execute("PRAGMA synchronous = OFF")  # it counts once it has its name
            target.execute("PRAGMA journal_mode = OFF").fetchall()
            target.execute("BEGIN")
            _copy(source, meta, target)
            target.execute("COMMIT")
            target.execute("PRAGMA journal_mode = WAL").fetchall()
    _sync_file(unfinished)
    os.rename(unfinished, repaired)
    sync_directory(path.parent)


@contextmanager
def _open_if_there(path: Path, disk: Disk) -> Iterator[sqlite3.Connection]:
    with closing(disk.connect(path, writing=False) if path.exists() else sqlite3.connect(":memory:")) as connection:
        yield connection


def _copy(source: sqlite3.Connection, meta: Meta, target: sqlite3.Connection) -> None:
    trimmed: int | None = None
    last, time_ms = meta.trimmed, 0
    for record, end_ms in _good_records(source):
        trimmed = record.previous if trimmed is None else trimmed
        target.execute(INSERT, record)
        last, time_ms = record.last, end_ms
    above = max(last, meta.marked) + CLOCK_BATCHES_AHEAD_MAX
    target.execute(INSERT, pack([Entry(above, time_ms, encode_batch(0, ()))], last))
    kept_after = last if trimmed is None else trimmed
    write_meta(target, Meta(created_ms=meta.created_ms, trimmed=kept_after, marked=above, clean=True))


def _good_records(source: sqlite3.Connection) -> Iterator[tuple[Record, int]]:
    """Iterate the records before the first damage, each with the time of its last batch."""
    last: int | None = None
    try:
        for row in source.execute(_ALL):
            record = as_record(row)
            end_ms = unpack(record)[-1].time_ms
            if last is not None and record.previous != last:
                return
            yield record, end_ms
            last = record.last
    except (sqlite3.Error, Damage):
        return


def _meta(source: sqlite3.Connection) -> Meta:
    try:
        return read_meta(source)
    except (sqlite3.Error, Damage):
        return Meta(created_ms=0)


def _swap(path: Path, repaired: Path) -> Path:
    """Put `repaired` in the place of `path`, each step in an order in which no start takes one for the other."""
    aside = next(name for n in count(1) if not (name := path.with_name(f"{path.name}.damaged-{n}")).exists())
    for suffix in (WAL_SUFFIX, ""):
        old = path.with_name(path.name + suffix)
        if old.exists():
            os.rename(old, aside.with_name(aside.name + suffix))
    path.with_name(path.name + SHM_SUFFIX).unlink(missing_ok=True)
    sync_directory(path.parent)
    os.rename(repaired, path)
    sync_directory(path.parent)
    return aside


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
