"""The store: the writer's side of the database of a log."""

import sqlite3
from itertools import takewhile
from pathlib import Path

import msgspec

from finalex.log.damage import Damage
from finalex.log.disk import Disk
from finalex.log.reading import COLUMNS, as_record
from finalex.log.records import Entry, Record, encode_batch, pack, unpack
from finalex.log.schema import Meta, check_format, read_meta, write_meta
from finalex.log.wal import PAGE_BYTES

CHECKPOINT_BYTES = 4 << 20
"""When about so much was written since the last time, the write-ahead log is copied into the database."""

WAL_BYTES_MAX = 16 << 20
"""A write-ahead log that grew larger, while somebody read, is cut to this once it starts anew."""

TRIM_RECORDS = 200
"""So many records are deleted in one transaction: commits wait no longer than for that."""

COMMIT_BYTES = 2 * PAGE_BYTES
"""What a transaction adds to the write-ahead log besides its payload, about."""

_SETTINGS = f"""
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA journal_size_limit = {WAL_BYTES_MAX};
PRAGMA secure_delete = OFF;
"""
INSERT = f"INSERT OR REPLACE INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
_LAST = f"SELECT {COLUMNS} FROM records ORDER BY last DESC LIMIT 1"  # noqa: S608
_OLDEST = f"SELECT last, time_ms FROM records WHERE last <= ? ORDER BY last LIMIT {TRIM_RECORDS}"  # noqa: S608


class Store:
    """One open database, used by one thread at a time; every method raises `sqlite3.Error`.

    `last` and `time_ms` are of the last batch in it; `clean` says whether it was closed when it was opened here.
    What is written is on disk when the method returns. The constructor raises `Damage` for a file that is no log,
    or whose end is damaged.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self._connection = disk.connect(path, writing=True)
        self._unchecked_bytes = 0
        try:
            check_format(self._connection)
            self._connection.executescript(_SETTINGS)
            _switch_to_wal(self._connection)
            self._meta = read_meta(self._connection)
            self.clean = self._meta.clean
            self.last, self.time_ms = self._end()
        except BaseException:
            self._connection.close()
            raise

    def begin(self, skipped: int) -> None:
        """Note that the log is in use, and skip `skipped` sequences if it was not closed properly the last time."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # nothing torn stays behind
        if not self.clean:
            self.skip(skipped)
        self._note(msgspec.structs.replace(self._meta, clean=False))

    def skip(self, skipped: int) -> None:
        """Write a batch without events so far above the last."""
        self.write(pack([Entry(self.last + skipped, self.time_ms, encode_batch(0, ()))], self.last))

    def write(self, record: Record) -> None:
        """Add the next record. Writing one that is there already, since a failure was reported wrongly, is right."""
        try:
            self._connection.execute(INSERT, record)
        except BaseException:
            self._roll_back()
            raise
        self.last = record.last
        self._unchecked_bytes += len(record.payload) + COMMIT_BYTES

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the write-ahead log has grown enough to be copied into the database."""
        return self._unchecked_bytes >= CHECKPOINT_BYTES

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database, so far as nobody reads what would be overwritten."""
        self._unchecked_bytes = 0
        self._note(msgspec.structs.replace(self._meta, marked=self.last))
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @property
    def bytes_used(self) -> int:
        """The size of the database without pages that will be used again."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(pages - free) * PAGE_BYTES

    def trim(self, covered: int, bytes_max: int, oldest_ms: int) -> bool:
        """Delete some of the oldest records if they end at or before `covered` and are too much or too old.

        The last record always stays. Returns whether there may be more to delete. The file does not shrink: its
        pages are used again.
        """
        rows = self._connection.execute(_OLDEST, (min(covered, self.last - 1),)).fetchall()
        if self.bytes_used <= bytes_max:
            rows = list(takewhile(lambda row: row[1] < oldest_ms, rows))
        if not rows:
            return False
        last = rows[-1][0]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute("DELETE FROM records WHERE last <= ?", (last,))
            self._note(msgspec.structs.replace(self._meta, trimmed=last))
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._unchecked_bytes += TRIM_RECORDS * PAGE_BYTES // 4
        return True

    def close(self, *, clean: bool) -> None:
        """Let go of the database; `clean` notes that nothing was lost, so that no sequences need to be skipped."""
        try:
            if clean:
                self._note(msgspec.structs.replace(self._meta, marked=self.last, clean=True))
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._connection.close()

    def _note(self, meta: Meta) -> None:
        write_meta(self._connection, meta)
        self._meta = meta

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _end(self) -> tuple[int, int]:
        row = self._connection.execute(_LAST).fetchone()
        if row is None:
            last, time_ms = 0, 0
        else:
            batch = unpack(as_record(row))[-1]
            last, time_ms = batch.sequence, batch.time_ms
        if last < max(self._meta.marked, self._meta.trimmed):
            raise Damage(f"the batches after {last} are missing", last + 1)
        return last, time_ms


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise sqlite3.OperationalError(f"it cannot have a write-ahead log, its journal is '{mode}'")
