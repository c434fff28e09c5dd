"""Copying a log from one implementation to another: batches in, records out, and a database made of them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from finalex.log.damage import explained
from finalex.log.disk import Disk
from finalex.log.records import Entry, Record, encode_batch, pack
from finalex.log.schema import Meta, create_database, read_meta, sync_directory, write_meta
from finalex.log.store import INSERT
from finalex.model.events import Batch

COPIED_BATCHES_MAX = 1000
COPIED_BYTES_MAX = 256 << 10
"""A copied record has no more batches, and ends before it has more bytes, encoded and not compressed yet."""


class Repacker:
    """Makes records of batches; `last`, at `time_ms`, is the batch added last, or the one before the first."""

    def __init__(self, last: int, time_ms: int = 0) -> None:
        self.last, self.time_ms = last, time_ms
        self._previous = last
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, batch: Batch) -> Record | None:
        """Add the next batch, and return the record of those before it if that is full or does not go on with it."""
        encoded = encode_batch(batch.time_ms - self.time_ms, batch.events)
        full = len(self._entries) >= COPIED_BATCHES_MAX or self._bytes + len(encoded) > COPIED_BYTES_MAX
        record = self.flush() if full or batch.sequence != self.last + 1 else None
        self._entries.append(Entry(batch.sequence, batch.time_ms, encoded))
        self._bytes += len(encoded)
        self.last, self.time_ms = batch.sequence, batch.time_ms
        return record

    def flush(self) -> Record | None:
        """Return a record of what was added since the last one, if anything was."""
        if not self._entries:
            return None
        record = pack(self._entries, self._previous)
        self._previous, self._entries, self._bytes = record.last, [], 0
        return record


class LogCopy:
    """A database that a log is copied into; it counts once the block of `copying` has ended."""

    def __init__(self, connection: sqlite3.Connection, meta: Meta) -> None:
        self._connection = connection
        self._meta = meta
        self._last = meta.marked

    def add(self, record: Record | None) -> None:
        """Add the next record, if it is one; the first one's `previous` is where the log begins."""
        if record is None:
            return
        if not self._last:
            self._meta = Meta(created_ms=self._meta.created_ms, trimmed=record.previous)
        self._connection.execute(INSERT, record)
        self._last = record.last

    def finish(self) -> None:
        """Note where the log ends, and that it was closed."""
        meta = self._meta
        write_meta(self._connection, Meta(created_ms=meta.created_ms, trimmed=meta.trimmed, marked=self._last))


@contextmanager
def copying(path: Path, created_ms: int) -> Iterator[LogCopy]:
    """Make a database at `path`, or go on with the copy that is there, and sync it once everything was added.

    If the block raises, what is there is of no use. Raises `LogError`.
    """
    disk = Disk()
    with explained(path):
        if not path.exists():
            create_database(path, disk, created_ms)
        with closing(disk.connect(path, writing=True)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # it counts once it is synced as a whole
            connection.execute("PRAGMA journal_mode = OFF").fetchall()
            connection.execute("BEGIN")
            copy = LogCopy(connection, read_meta(connection))
            yield copy
            copy.finish()
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        _sync(path)
        sync_directory(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
