"""The database of the log: its tables, and what it knows about itself."""

import os
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import msgspec

from finalex.log.damage import Damage
from finalex.log.disk import Disk
from finalex.log.wal import PAGE_BYTES

FILE_NAME = "events.sqlite"
WAL_SUFFIX = "-wal"
SHM_SUFFIX = "-shm"

FORMAT_VERSION = 1
_APPLICATION_ID = int.from_bytes(b"FnxL", "big")

_SCHEMA = """
PRAGMA page_size = :page_bytes;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE records (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE meta (
    created_ms INTEGER NOT NULL,
    trimmed INTEGER NOT NULL,
    marked INTEGER NOT NULL,
    clean INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
INSERT INTO meta VALUES (:created_ms, 0, 0, 1, :crc);
PRAGMA application_id = :application_id;
PRAGMA user_version = :version;
COMMIT;
"""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows about itself, in one row with a checksum.

    Records up to the batch `trimmed` were deleted. All up to `marked` were there at some time: if the last record
    is before it, some are lost. `clean` says that the log was closed and not opened since.
    """

    created_ms: int
    trimmed: int = 0
    marked: int = 0
    clean: bool = True

    @property
    def crc(self) -> int:
        """The checksum of all fields."""
        return zlib.crc32(repr(msgspec.structs.astuple(self)).encode())


def create_database(path: Path, disk: Disk, created_ms: int) -> None:
    """Make an empty log database (mode 0600) at `path`, completely or not at all; raises `OSError`, `sqlite3.Error`."""
    temporary = path.with_name(f".{path.name}-new")
    for left in (temporary, *(Path(f"{temporary}{suffix}") for suffix in (WAL_SUFFIX, SHM_SUFFIX))):
        left.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    meta = Meta(created_ms=created_ms)
    with closing(disk.connect(temporary, writing=True)) as connection:
        connection.executescript(_filled(created_ms=created_ms, crc=meta.crc, page_bytes=PAGE_BYTES))
    os.replace(temporary, path)
    sync_directory(path.parent)


def _filled(**numbers: int) -> str:
    """Return the schema with its numbers: a script takes no parameters."""
    script = _SCHEMA
    for name, number in ({"application_id": _APPLICATION_ID, "version": FORMAT_VERSION} | numbers).items():
        script = script.replace(f":{name}", str(number))
    return script


def check_format(connection: sqlite3.Connection) -> None:
    """Raise `Damage` for a database that is no log, `sqlite3.Error` for one of another version or that fails."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise Damage("it is not a log of events")
    if version != FORMAT_VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, this program knows {FORMAT_VERSION}")


def read_meta(connection: sqlite3.Connection) -> Meta:
    """Return what the database knows about itself; raises `Damage`, `sqlite3.Error`."""
    rows = connection.execute("SELECT created_ms, trimmed, marked, clean, crc FROM meta").fetchall()
    try:
        ((created_ms, trimmed, marked, clean, crc),) = rows
        meta = Meta(created_ms=created_ms, trimmed=trimmed, marked=marked, clean=bool(clean))
    except ValueError:
        raise Damage("its description of itself is missing") from None
    if meta.crc != crc or clean not in (0, 1):
        raise Damage("its description of itself is damaged")
    return meta


def write_meta(connection: sqlite3.Connection, meta: Meta) -> None:
    """Replace what the database knows about itself; raises `sqlite3.Error`."""
    connection.execute(
        "UPDATE meta SET trimmed = ?, marked = ?, clean = ?, crc = ?",
        (meta.trimmed, meta.marked, meta.clean, meta.crc),
    )


def sync_directory(directory: Path) -> None:
    """Make names in `directory` durable; raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
