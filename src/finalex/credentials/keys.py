"""API keys, kept as hashes in SQLite. Several processes may use the store at the same time."""

import hashlib
import os
import re
import secrets
import sqlite3
import string
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from finalex.credentials.files import create_private
from finalex.credentials.grants import Grant

T = TypeVar("T")

KEYS_FILE_NAME = "keys.sqlite"
LABEL_LENGTH_MAX = 64
BUSY_TIMEOUT_MS = 100
"""How long to wait for another process: a server that looks keys up waits with all its connections."""

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 8
_SECRET_LENGTH = 32
"""Characters after the id: 62^32 possibilities are 190 bits."""

_KEY = re.compile(rf"(pk_(?:live|test)_[0-9A-Za-z]{{{_ID_LENGTH}}})[0-9A-Za-z]{{{_SECRET_LENGTH}}}", re.ASCII)
_SCHEMA_VERSION = 1
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    user TEXT NOT NULL,
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER
) WITHOUT ROWID;
PRAGMA user_version = {_SCHEMA_VERSION};
"""
_INSERT = (
    "INSERT INTO api_keys (id, hash, user, scopes, label, created_ms, expires_ms) "
    "VALUES (:id, :hash, :user, :scopes, :label, :created_ms, :expires_ms)"
)
_SELECT = "SELECT id, user, scopes, label, created_ms, expires_ms, revoked_ms FROM api_keys "
_REVOKE = "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"


class KeyStoreError(OSError):
    """The store cannot be used; the text is a sentence for the operator."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; `id` is its beginning. Times are wall-clock milliseconds, `None` is never."""

    id: str
    user: str
    scopes: frozenset[str]
    label: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None

    def valid(self, now_ms: int) -> bool:
        """Whether the key opens anything at `now_ms`."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


class KeyStore:
    """The keys of one database file, which is made (mode 0600) when first needed.

    What another process creates or revokes counts at once, and so does another file put in its place. Every method
    raises `KeyStoreError` if the database cannot be used, and tries anew at the next call.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def create(self, grant: Grant, label: str, now_ms: int, *, live: bool = True) -> tuple[str, KeyRecord]:
        """Make a key and return it, this once, with its record."""
        random = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH + _SECRET_LENGTH))
        key = f"pk_{'live' if live else 'test'}_{random}"
        record = KeyRecord(
            id=key[:-_SECRET_LENGTH],
            user=grant.user,
            scopes=grant.scopes,
            label=label,
            created_ms=now_ms,
            expires_ms=None if grant.ttl_ms is None else now_ms + grant.ttl_ms,
            revoked_ms=None,
        )
        row = msgspec.structs.asdict(record) | {"scopes": " ".join(sorted(grant.scopes)), "hash": _hash(key)}
        self._do(lambda database: database.execute(_INSERT, row))
        return key, record

    def records(self) -> list[KeyRecord]:
        """Return every key there ever was, oldest first."""
        query = _SELECT + "ORDER BY created_ms, id"
        return self._do(lambda database: [_record(row) for row in database.execute(query)])

    def revoke(self, key_id: str, now_ms: int) -> KeyRecord | None:
        """Make a key worthless from `now_ms` on and return its record, or `None` if there is no such key.

        A whole key is taken for its id. A key revoked before keeps its time.
        """
        match = _KEY.fullmatch(key_id)
        key_id = match[1] if match else key_id

        def revoke(database: sqlite3.Connection) -> KeyRecord | None:
            database.execute(_REVOKE, (now_ms, key_id))
            return _first(database.execute(_SELECT + "WHERE id = ?", (key_id,)))

        return self._do(revoke)

    def lookup(self, api_key: str, now_ms: int) -> KeyRecord | None:
        """Return the record of a key that is valid at `now_ms`, or `None`. See `session.auth.KeyDirectory`."""
        if not _KEY.fullmatch(api_key):
            return None
        query = _SELECT + "WHERE hash = ?"
        record = self._do(lambda database: _first(database.execute(query, (_hash(api_key),))))
        return record if record is not None and record.valid(now_ms) else None

    def close(self) -> None:
        """Let go of the database; the next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None or self._file != _identity(self._path):
                self.close()
                self._connection = self._open()
                self._file = _identity(self._path)
            return action(self._connection)
        except (sqlite3.Error, msgspec.ValidationError) as error:
            self.close()
            raise KeyStoreError(f"The API keys in '{self._path}' cannot be used: {error}.") from None
        except OSError as error:
            raise KeyStoreError(f"The API keys in '{self._path}' cannot be used: {error.strerror}.") from None

    def _open(self) -> sqlite3.Connection:
        create_private(self._path, _write_schema)
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        timeout_s = self._busy_timeout_ms / 1000
        connection = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version != _SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"it has version {version}, this program knows {_SCHEMA_VERSION}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _write_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _hash(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()


def _first(cursor: sqlite3.Cursor) -> KeyRecord | None:
    row = cursor.fetchone()
    return None if row is None else _record(row)


def _record(row: tuple[object, ...]) -> KeyRecord:
    return msgspec.convert(
        dict(zip(KeyRecord.__struct_fields__, row, strict=True)) | {"scopes": str(row[2]).split()}, KeyRecord
    )
