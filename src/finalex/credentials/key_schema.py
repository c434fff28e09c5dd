"""The database of API keys: its tables, its statements, and how an older one becomes it."""

import sqlite3

from finalex.credentials.key_records import KeyRecord
from finalex.credentials.pepper import Pepper

VERSION = 2
"""Version 1 kept a plain SHA-256 of each key, and neither addresses nor the last use."""

_PEPPER_TABLE = "CREATE TABLE pepper_check (one INTEGER PRIMARY KEY CHECK (one = 1), value BLOB NOT NULL)"

SCHEMA = f"""
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    user TEXT NOT NULL,
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    addresses TEXT NOT NULL DEFAULT '',
    last_used_ms INTEGER
) WITHOUT ROWID;
{_PEPPER_TABLE};
"""

_COLUMNS = KeyRecord.__struct_fields__
INSERT = (
    f"INSERT INTO api_keys (hash, {', '.join(_COLUMNS)}) "  # noqa: S608 (the columns are our own)
    f"VALUES (:hash, {', '.join(f':{column}' for column in _COLUMNS)})"
)
ADOPT = f"""{INSERT}
ON CONFLICT (id) DO UPDATE SET
    hash = excluded.hash, user = excluded.user, scopes = excluded.scopes, label = excluded.label,
    created_ms = excluded.created_ms, addresses = excluded.addresses,
    revoked_ms = coalesce(api_keys.revoked_ms, excluded.revoked_ms),
    expires_ms = min(coalesce(api_keys.expires_ms, excluded.expires_ms),
                     coalesce(excluded.expires_ms, api_keys.expires_ms))
"""
"""A key that was made elsewhere: what ends it counts, here or there; when it was last used here stays."""

SELECT = f"SELECT {', '.join(_COLUMNS)} FROM api_keys "  # noqa: S608 (the columns are our own)
REVOKE = "UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"
SET_END = "UPDATE api_keys SET expires_ms = ? WHERE id = ?"
KEEP_USE = "UPDATE api_keys SET last_used_ms = ? WHERE coalesce(last_used_ms, 0) < ? AND id = ?"


def migrate_to_peppered(database: sqlite3.Connection, pepper: Pepper) -> None:
    """Bring a database of version 1 to version 2, in a transaction: every key goes on to work.

    What is kept of a key is the keyed hash of its SHA-256, so that the old hash is all that this needs.
    """
    database.execute("ALTER TABLE api_keys ADD COLUMN addresses TEXT NOT NULL DEFAULT ''")
    database.execute("ALTER TABLE api_keys ADD COLUMN last_used_ms INTEGER")
    database.execute(_PEPPER_TABLE)
    for key_id, digest in database.execute("SELECT id, hash FROM api_keys").fetchall():
        database.execute("UPDATE api_keys SET hash = ? WHERE id = ?", (pepper.keyed(digest), key_id))
    database.execute("INSERT INTO pepper_check VALUES (1, ?)", (pepper.check,))
