"""What is kept in the bucket of credentials: API keys as hashes, revoked tokens, and checks of what nodes must share.

The values are JSON, so an operator can look at them with NATS' own tools. A new field of a later release is passed
over by an earlier one.
"""

import hashlib
from typing import NamedTuple

import msgspec

from finalex.credentials.keys import HashedKey
from finalex.credentials.revocations import RevokedTokens

PEPPER_CHECK = "check.pepper"
SECRET_CHECK = "check.secret"  # noqa: S105 (a name)

_KEYS = "key."
_REVOKED = "revoked."


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a secret that all nodes must have from another, without being of use to whoever reads it.

    `node` is the one that brought it, for people.
    """

    value: bytes
    node: str


class EntryError(ValueError):
    """Something in the bucket is not ours; the text is a sentence for the operator."""


Content = HashedKey | RevokedTokens | Check


class Entry(NamedTuple):
    """What the bucket has under one name: `None` once it was taken out. `sequence` grows with every change there."""

    name: str
    sequence: int
    content: Content | None


def key_name(key_id: str) -> str:
    """Return what the API key with this id is called in the bucket."""
    return _KEYS + key_id


def key_id_of(name: str) -> str | None:
    """Return the id of the API key that is called `name` in the bucket; `None` if it is no key."""
    return name.removeprefix(_KEYS) if name.startswith(_KEYS) else None


def revocation_name(entry: RevokedTokens) -> str:
    """Return what an entry for a token, or a user's tokens, is called: it may have characters that a name must not."""
    return f"{_REVOKED}{entry.kind}.{hashlib.sha256(entry.name.encode()).hexdigest()}"


def ended(key: HashedKey, content: Content | None) -> HashedKey | None:
    """Return a key that ends when the bucket's or `key` does, whichever is earlier; `None` if the bucket's does so."""
    if not isinstance(content, HashedKey):
        return HashedKey(msgspec.structs.replace(key.record, last_used_ms=None), key.hash)
    ours, theirs = key.record, content.record
    both = theirs if ours.expires_ms is None else theirs.ending(ours.expires_ms)
    if both.revoked_ms is None:
        both = msgspec.structs.replace(both, revoked_ms=ours.revoked_ms)
    return None if both == theirs else HashedKey(both, content.hash)


def wider(entry: RevokedTokens, content: Content | None) -> RevokedTokens | None:
    """Return an entry that covers what the bucket has and `entry`; `None` if the bucket's covers both."""
    if not isinstance(content, RevokedTokens):
        return entry
    both = msgspec.structs.replace(
        content,
        issued_until_ms=max(content.issued_until_ms, entry.issued_until_ms),
        expires_ms=max(content.expires_ms, entry.expires_ms),
    )
    return None if both == content else both


def encode_content(content: Content) -> bytes:
    """Return what is kept."""
    return msgspec.json.encode(content)


def decode_entry(name: str, sequence: int, data: bytes) -> Entry:
    """Return what is kept under `name`; empty `data` is nothing. Raises `EntryError`."""
    if not data:
        return Entry(name, sequence, None)
    kind: type[Content] = HashedKey if name.startswith(_KEYS) else RevokedTokens if name.startswith(_REVOKED) else Check
    try:
        content = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError(f"Entry {name[:80]!r} of the credentials on NATS cannot be understood: {error}.") from None
    if isinstance(content, HashedKey) and name != key_name(content.record.id):
        raise EntryError(f"Entry {name[:80]!r} of the credentials on NATS is about another key.")
    return Entry(name, sequence, content)
