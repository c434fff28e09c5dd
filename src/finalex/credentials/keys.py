"""API keys, kept as keyed hashes in SQLite. Several processes may use the store at the same time."""

import hmac
import re
import secrets
import sqlite3
import string
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from finalex.credentials.database import BUSY_TIMEOUT_MS, Database, transaction
from finalex.credentials.grants import Grant
from finalex.credentials.key_records import KeyRecord, read_record, written_record
from finalex.credentials.key_schema import (
    ADOPT,
    INSERT,
    KEEP_USE,
    REVOKE,
    SCHEMA,
    SELECT,
    SET_END,
    VERSION,
    migrate_to_peppered,
)
from finalex.credentials.pepper import Pepper, stored_pepper

T = TypeVar("T")

KEYS_FILE_NAME = "keys.sqlite"
LABEL_LENGTH_MAX = 64

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 8
_SECRET_LENGTH = 32
"""Characters after the id: 62^32 possibilities are 190 bits."""

_ID = re.compile(rf"pk_(?:live|test)_[0-9A-Za-z]{{{_ID_LENGTH}}}", re.ASCII)
_KEY = re.compile(rf"({_ID.pattern})[0-9A-Za-z]{{{_SECRET_LENGTH}}}", re.ASCII)
_NO_HASH = bytes(32)


class KeyStoreError(OSError):
    """The store cannot be used; the text is a sentence for the operator."""


class HashedKey(msgspec.Struct, frozen=True):
    """A key as it is kept: its record, and its keyed hash."""

    record: KeyRecord
    hash: bytes


class KeyStore:
    """The keys of one database file, which is made (mode 0600) when first needed, with the pepper beside it.

    What another process creates or revokes counts at once, and so does another file put in its place. Every method
    raises `KeyStoreError` if the database cannot be used, and tries anew at the next call. `uses` is when each key
    that was looked up was last good for something, until somebody takes it to `record_uses`.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._path = path
        self._database = Database(
            path,
            SCHEMA,
            {1: lambda old: migrate_to_peppered(old, self._new_pepper())},
            busy_timeout_ms,
            version=VERSION,
        )
        self._pepper: Pepper | None = None
        self.uses: dict[str, int] = {}

    def create(
        self, grant: Grant, label: str, now_ms: int, *, live: bool = True, addresses: tuple[str, ...] = ()
    ) -> tuple[str, KeyRecord]:
        """Make a key for use from `addresses` (none: from anywhere) and return it, this once, with its record."""
        record = new_record(grant, label, now_ms, addresses)
        return self._do(lambda database: self._add(database, record, live=live))

    def rotate(self, key_id: str, grace_ms: int, now_ms: int) -> tuple[str, KeyRecord, KeyRecord] | None:
        """Make a key for the same as another, which is good for `grace_ms` more at most.

        Return the new key, its record and the other's new one; `None` if there is no such key, or it is not valid.
        """
        key_id = id_of(key_id)

        def rotate(database: sqlite3.Connection) -> tuple[str, KeyRecord, KeyRecord] | None:
            with transaction(database):
                old = _find(database, key_id)
                if old is None or not old.valid(now_ms):
                    return None
                copied = msgspec.structs.replace(old, created_ms=now_ms, last_used_ms=None)
                key, new = self._add(database, copied, live=key_id.startswith("pk_live_"))
                ended = old.ending(now_ms + grace_ms)
                database.execute(SET_END, (ended.expires_ms, key_id))
                return key, new, ended

        return self._do(rotate)

    def records(self) -> list[KeyRecord]:
        """Return every key there ever was, oldest first."""
        query = SELECT + "ORDER BY created_ms, id"
        return self._do(lambda database: [read_record(row) for row in database.execute(query)])

    def revoke(self, key_id: str, now_ms: int) -> KeyRecord | None:
        """Make a key worthless from `now_ms` on and return its record, or `None` if there is no such key.

        A whole key is taken for its id. A key revoked before keeps its time.
        """

        def revoke(database: sqlite3.Connection) -> KeyRecord | None:
            database.execute(REVOKE, (now_ms, id_of(key_id)))
            return _find(database, id_of(key_id))

        return self._do(revoke)

    def lookup(self, api_key: str, now_ms: int) -> KeyRecord | None:
        """Return the record of a key that is valid at `now_ms`, or `None`. See `session.auth.KeyDirectory`.

        The key is found by its id, which is public, and its hash compared in a time that does not depend on it.
        """
        match = _KEY.fullmatch(api_key)
        if match is None:
            return None
        key_id = match[1]
        record, right = self._do(lambda database: (_find(database, key_id), self._is_right(database, key_id, api_key)))
        if record is None or not right or not record.valid(now_ms):
            return None
        self.uses[record.id] = now_ms
        return record

    def record_uses(self, uses: dict[str, int]) -> None:
        """Write down when keys were last used."""

        def write(database: sqlite3.Connection) -> None:
            with transaction(database):
                database.executemany(KEEP_USE, [(used_ms, used_ms, key_id) for key_id, used_ms in uses.items()])

        self._do(write)

    def hashed_keys(self) -> list[HashedKey]:
        """Return every key there ever was as it is kept."""
        query = f"SELECT {', '.join(KeyRecord.__struct_fields__)}, hash FROM api_keys"  # noqa: S608 (our own columns)
        return self._do(lambda database: [_read_hashed(row) for row in database.execute(query)])

    def pepper_check(self) -> bytes | None:
        """Return the check of the pepper that the keys were hashed with, or `None` while there was never a key."""
        return self._do(_pepper_check)

    def adopt(self, keys: Sequence[HashedKey], pepper_check: bytes, forget: Iterable[str] = ()) -> None:
        """Take in keys that were made elsewhere, hashed with the pepper of that check, and drop those to `forget`.

        What ends a key counts, here or there: one that was revoked stays so, the earlier end is its end. So it does
        not matter which of several processes does this first, or with older news.
        """

        def adopt(database: sqlite3.Connection) -> None:
            with transaction(database):
                database.execute("INSERT OR IGNORE INTO pepper_check VALUES (1, ?)", (pepper_check,))
                if _pepper_check(database) != pepper_check:
                    raise sqlite3.DatabaseError("they were hashed with another pepper than the exchange's")
                database.executemany(ADOPT, [written_record(key.record) | {"hash": key.hash} for key in keys])
                database.executemany("DELETE FROM api_keys WHERE id = ?", [(key_id,) for key_id in forget])

        self._do(adopt)

    def close(self) -> None:
        """Let go of the database; the next call opens it again."""
        self._pepper = None
        self._database.close()

    def _add(self, database: sqlite3.Connection, like: KeyRecord, *, live: bool) -> tuple[str, KeyRecord]:
        key, record = new_key(like, live=live)
        database.execute(INSERT, written_record(record) | {"hash": self._pepper_to_write(database).hash(key)})
        return key, record

    def _is_right(self, database: sqlite3.Connection, key_id: str, api_key: str) -> bool:
        """Whether `api_key` is the key with that id; an id that does not exist takes as long as one that does."""
        check = _pepper_check(database)
        if check is None:  # no key was ever made here
            return False
        kept = database.execute("SELECT hash FROM api_keys WHERE id = ?", (key_id,)).fetchone()
        return hmac.compare_digest(kept[0] if kept else _NO_HASH, self._right_pepper(check).hash(api_key))

    def _pepper_to_write(self, database: sqlite3.Connection) -> Pepper:
        check = _pepper_check(database)
        if check is not None:
            return self._right_pepper(check)
        pepper = self._new_pepper()
        database.execute("INSERT OR IGNORE INTO pepper_check VALUES (1, ?)", (pepper.check,))
        return pepper

    def _right_pepper(self, check: bytes) -> Pepper:
        """Return the pepper of the hashes in the database, which has kept its `check`."""
        if self._pepper is None or self._pepper.check != check:
            self._pepper = stored_pepper(self._path.parent, make=False)
        if self._pepper.check != check:
            raise sqlite3.DatabaseError("they were hashed with another pepper: put the right one back from a backup")
        return self._pepper

    def _new_pepper(self) -> Pepper:
        return stored_pepper(self._path.parent, make=True)

    def _do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._database.do(action)
        except (sqlite3.Error, msgspec.ValidationError) as error:
            raise KeyStoreError(f"The API keys in '{self._path}' cannot be used: {error}.") from None
        except OSError as error:
            raise KeyStoreError(f"The API keys in '{self._path}' cannot be used: {error.strerror}.") from None


def new_record(grant: Grant, label: str, now_ms: int, addresses: tuple[str, ...]) -> KeyRecord:
    """Return the record of a key that is still to be drawn."""
    return KeyRecord(
        id="",
        user=grant.user,
        scopes=grant.scopes,
        label=label,
        created_ms=now_ms,
        expires_ms=None if grant.ttl_ms is None else now_ms + grant.ttl_ms,
        addresses=addresses,
    )


def new_key(like: KeyRecord, *, live: bool) -> tuple[str, KeyRecord]:
    """Draw a key; return it with its record, which is `like` another with an id of its own."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH + _SECRET_LENGTH))
    key = f"pk_{'live' if live else 'test'}_{random}"
    return key, msgspec.structs.replace(like, id=key[:-_SECRET_LENGTH])


def is_id(text: str) -> bool:
    """Whether `text` could be the id of a key."""
    return _ID.fullmatch(text) is not None


def id_of(key: str) -> str:
    """Return the id of a whole key; anything else is returned as it is."""
    match = _KEY.fullmatch(key)
    return match[1] if match else key


def _find(database: sqlite3.Connection, key_id: str) -> KeyRecord | None:
    row = database.execute(SELECT + "WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else read_record(row)


def _read_hashed(row: tuple[object, ...]) -> HashedKey:
    *record, digest = row
    return HashedKey(read_record(tuple(record)), msgspec.convert(digest, bytes))


def _pepper_check(database: sqlite3.Connection) -> bytes | None:
    row = database.execute("SELECT value FROM pepper_check").fetchone()
    return None if row is None else msgspec.convert(row[0], bytes)
