"""A small SQLite database of credentials that several processes use at the same time."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from finalex.credentials.files import create_private

T = TypeVar("T")

BUSY_TIMEOUT_MS = 100
"""How long to wait for another process: a server that looks something up waits with all its connections."""

Migration = Callable[[sqlite3.Connection], None]


class Database:
    """A file of one `schema`, which is made (mode 0600) when first needed.

    What another process writes counts at once, and so does another file put in its place. A file of an older version
    is brought to this one by `migrations`, by the version that each begins with; all of them or none. Belongs to one
    thread.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        migrations: dict[int, Migration] | None = None,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        *,
        version: int,
    ) -> None:
        self._path = path
        self._schema = f"PRAGMA journal_mode = WAL;\n{schema}\nPRAGMA user_version = {version};"
        self._version = version
        self._migrations = migrations or {}
        self._busy_timeout_ms = busy_timeout_ms
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a file; raises `OSError` if that cannot be told."""
        return _identity(self._path) is not None

    def do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `action` makes of the database; raises `sqlite3.Error` or `OSError`, and tries anew next time."""
        try:
            if self._connection is None or self._file != _identity(self._path):
                self.close()
                self._connection = self._open()
                self._file = _identity(self._path)
            return action(self._connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        create_private(self._path, self._write_schema)
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        timeout_s = self._busy_timeout_ms / 1000
        connection = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)
        try:
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == self._version:
            return
        if version not in self._migrations:
            raise sqlite3.DatabaseError(f"it has version {version}, this program knows {self._version}")
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            (version,) = connection.execute("PRAGMA user_version").fetchone()  # another process may have been first
            while version < self._version:
                self._migrations[version](connection)
                version += 1
            connection.execute(f"PRAGMA user_version = {self._version}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write_schema(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(self._schema)


class transaction:  # noqa: N801 (used as the word that it is)
    """A block whose changes are made all or not at all, with nobody else's between."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
