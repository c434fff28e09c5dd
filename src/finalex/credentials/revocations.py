"""The list of revoked tokens, kept in SQLite for as long as they could live."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from finalex.credentials.database import BUSY_TIMEOUT_MS, Database, transaction
from finalex.session.auth import Identity

T = TypeVar("T")

REVOCATIONS_FILE_NAME = "revocations.sqlite"
REVOCATIONS_MAX = 1_000_000
"""How many entries the list may have; those whose tokens have expired are dropped by themselves."""

_SCHEMA = """
CREATE TABLE revocations (
    kind TEXT NOT NULL CHECK (kind IN ('token', 'user')),
    name TEXT NOT NULL,
    issued_until_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""
_KEEP = """
INSERT INTO revocations (kind, name, issued_until_ms, revoked_ms, expires_ms)
VALUES (:kind, :name, :issued_until_ms, :revoked_ms, :expires_ms)
ON CONFLICT (kind, name) DO UPDATE SET
    issued_until_ms = max(issued_until_ms, excluded.issued_until_ms),
    expires_ms = max(expires_ms, excluded.expires_ms)
"""
_SELECT = "SELECT kind, name, issued_until_ms, revoked_ms, expires_ms FROM revocations "
_FIND = """
SELECT EXISTS (SELECT 1 FROM revocations WHERE kind = 'token' AND name = ?)
    OR EXISTS (SELECT 1 FROM revocations WHERE kind = 'user' AND name = ? AND issued_until_ms >= ?)
"""


class RevocationStoreError(OSError):
    """The list cannot be used; the text is a sentence for the operator."""


class RevokedTokens(msgspec.Struct, frozen=True, kw_only=True):
    """An entry: one token by its `jti` (`kind` is `token`), or all of a user's that were issued up to a time (`user`).

    After `expires_ms` none of them is good for anything, revoked or not. Times are wall-clock milliseconds.
    """

    kind: str
    name: str
    revoked_ms: int
    expires_ms: int
    issued_until_ms: int = 0


class RevocationStore:
    """The entries of one database file, which is made (mode 0600) with the first of them.

    What another process adds counts at once. Every method raises `RevocationStoreError` if the file cannot be used.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._path = path
        self._database = Database(path, _SCHEMA, busy_timeout_ms=busy_timeout_ms, version=1)

    def add(self, entry: RevokedTokens) -> None:
        """Keep an entry, and drop those whose tokens had expired when it was made."""

        def add(database: sqlite3.Connection) -> None:
            with transaction(database):
                database.execute("DELETE FROM revocations WHERE expires_ms <= ?", (entry.revoked_ms,))
                (count,) = database.execute("SELECT count(*) FROM revocations").fetchone()
                if count >= REVOCATIONS_MAX:
                    raise sqlite3.DataError(f"it has {REVOCATIONS_MAX} entries already")
                database.execute(_KEEP, msgspec.structs.asdict(entry))

        self._do(add)

    def adopt(self, entries: Sequence[RevokedTokens]) -> None:
        """Take in entries that were made elsewhere; of two for the same tokens the wider one counts."""

        def adopt(database: sqlite3.Connection) -> None:
            with transaction(database):
                database.executemany(_KEEP, [msgspec.structs.asdict(entry) for entry in entries])

        if entries:
            self._do(adopt)

    def entries(self, now_ms: int) -> list[RevokedTokens]:
        """Return the entries whose tokens may still be alive, oldest first."""
        query = _SELECT + "WHERE expires_ms > ? ORDER BY revoked_ms, kind, name"
        names = ("kind", "name", "issued_until_ms", "revoked_ms", "expires_ms")
        return self._read(
            lambda database: [
                msgspec.convert(dict(zip(names, row, strict=True)), RevokedTokens)
                for row in database.execute(query, (now_ms,))
            ],
            [],
        )

    def revoked(self, identity: Identity) -> bool:
        """See `session.auth.RevocationList.revoked`."""
        sought = (identity.token_id, identity.user, identity.issued_ms or 0)
        return self._read(lambda database: bool(database.execute(_FIND, sought).fetchone()[0]), False)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        self._database.close()

    def _read(self, action: Callable[[sqlite3.Connection], T], without_file: T) -> T:
        return self._do(action) if self._exists() else without_file

    def _exists(self) -> bool:
        try:
            return self._database.exists
        except OSError as error:
            raise self._failure(error.strerror) from None

    def _do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._database.do(action)
        except (sqlite3.Error, msgspec.ValidationError) as error:
            raise self._failure(str(error)) from None
        except OSError as error:
            raise self._failure(error.strerror) from None

    def _failure(self, reason: str | None) -> RevocationStoreError:
        return RevocationStoreError(f"The revoked tokens in '{self._path}' cannot be used: {reason}.")
