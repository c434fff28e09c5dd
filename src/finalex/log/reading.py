"""Reading a log's database: in small steps, beside the writer, and believing nothing without its checksum."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from finalex.log.damage import Damage, explained
from finalex.log.disk import Disk
from finalex.log.port import LogTrimmedError
from finalex.log.records import Record, unpack
from finalex.log.schema import check_format, read_meta
from finalex.model.events import Batch

RECORDS_READ = 32
"""So many records are read in one transaction: the writer's checkpoints wait no longer than for that."""

COLUMNS = "last, first, previous, time_ms, crc, payload"
_NEXT = f"SELECT {COLUMNS} FROM records WHERE last > ? ORDER BY last LIMIT {RECORDS_READ}"  # noqa: S608


def as_record(row: tuple[Any, ...]) -> Record:
    """Return a row of the table of records, whose checksum nobody has looked at yet."""
    return Record(*row)


class LogReader:
    """Reads one database by a connection of its own, which only one thread may use at a time.

    `position` is the last sequence read, at first `after`, or with `None` the last one that is no longer kept. The
    constructor raises `LogTrimmedError` if what follows `after` is no longer kept, and `LogError` for a database
    that cannot be used.
    """

    def __init__(self, path: Path, disk: Disk, after: int | None) -> None:
        self.position = after or 0
        self._started = False
        self._path = path
        with explained(path):
            self._connection = disk.connect(path, writing=False)
        try:
            with explained(path):
                check_format(self._connection)
                if after is None:
                    self.position = read_meta(self._connection).trimmed
                self._check_trimmed()
        except BaseException:
            self._connection.close()
            raise

    def records(self) -> Iterator[tuple[Record, list[Batch]]]:
        """Iterate the records that hold batches above `position`, oldest first, each with all its batches.

        Ends at what is the last record when it gets there. Raises `LogDamagedError` at the first that is damaged or
        missing, `LogTrimmedError` if the writer has deleted it meanwhile, `LogError` if it cannot be read.
        """
        while rows := self._fetch():
            for row in rows:
                with explained(self._path, self.position + 1):
                    record = as_record(row)
                    batches = unpack(record)
                    self._check_place(record)
                self.position, self._started = record.last, True
                yield record, batches

    @property
    def end(self) -> int:
        """The last sequence there is now, so far as the database can tell; raises `LogError`."""
        with explained(self._path):
            (last,) = self._connection.execute("SELECT max(last) FROM records").fetchone()
        return last or 0

    def check_pages(self) -> None:
        """Raise `LogDamagedError` if SQLite finds anything wrong with the whole database."""
        with explained(self._path):
            (finding,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
            if finding != "ok":
                raise Damage(" ".join(finding.split()))

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows; those before one that cannot be read come first."""
        rows: list[tuple[Any, ...]] = []
        with explained(self._path, self.position + 1):
            marked = read_meta(self._connection).marked  # before the rows, for it grows with them
            try:
                for row in self._connection.execute(_NEXT, (self.position,)):
                    rows.append(row)  # noqa: PERF402 (what came before an error counts)
            except sqlite3.Error:
                if not rows:
                    raise
            if not rows and self.position < marked:
                raise Damage("batches are missing at its end")
        return rows

    def _check_place(self, record: Record) -> None:
        fits = record.previous == self.position if self._started else record.previous <= self.position
        if not fits or record.last <= self.position:
            self._check_trimmed()
            raise Damage("batches are missing")

    def _check_trimmed(self) -> None:
        trimmed = read_meta(self._connection).trimmed
        if trimmed > self.position:
            raise LogTrimmedError(f"Batches up to {trimmed} are no longer kept.")


def read_batches(path: Path, disk: Disk, after: int | None) -> Iterator[Batch]:
    """Iterate the stored batches above `after`, or with `None` all; see `LogReader` for what it raises.

    Whether what follows `after` is still kept is looked at now, the rest while iterating.
    """
    LogReader(path, disk, after).close()
    return _batches(path, disk, after)


def _batches(path: Path, disk: Disk, after: int | None) -> Iterator[Batch]:
    with closing(LogReader(path, disk, after)) as reader:
        for _, batches in reader.records():
            for batch in batches:
                if after is None or batch.sequence > after:
                    yield batch
