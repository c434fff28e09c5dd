"""What becomes of an API key: the pepper of its hash, where it may be used from, its last use, its successor."""

import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from finalex.credentials.addresses import parse_addresses
from finalex.credentials.grants import Grant, GrantError
from finalex.credentials.keys import KeyStore, KeyStoreError
from finalex.credentials.pepper import PEPPER_FILE_NAME, Pepper
from finalex.session.auth import Authenticator, Credentials, InvalidCredentialsError
from finalex.session.tokens import FixedKeys

GRANT = Grant(user="alice", scopes=frozenset({"read", "trade"}), ttl_ms=None)

OLD_KEY = "pk_live_" + "k" * 40
OLD_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, user TEXT NOT NULL, scopes TEXT NOT NULL, label TEXT NOT NULL,
    created_ms INTEGER NOT NULL, expires_ms INTEGER, revoked_ms INTEGER
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[KeyStore]:
    store = KeyStore(path)
    yield store
    store.close()


def kept_hashes(path: Path) -> list[bytes]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT hash FROM api_keys ORDER BY created_ms")]
    finally:
        connection.close()


def write_old_store(path: Path, expires_ms: int | None = None) -> None:
    """Write a key as the version before kept it: as a plain SHA-256."""
    connection = sqlite3.connect(path)
    connection.executescript(OLD_SCHEMA)
    digest = hashlib.sha256(OLD_KEY.encode()).digest()
    row = (OLD_KEY[:16], digest, "bob", "read", "desk", 5, expires_ms, None)
    connection.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    path.chmod(0o600)


# --- the pepper ---


def test_what_is_kept_of_a_key_needs_the_pepper(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    pepper = bytes.fromhex((path.parent / PEPPER_FILE_NAME).read_text())
    digest = hashlib.sha256(key.encode()).digest()

    assert kept_hashes(path) == [hmac.digest(pepper, digest, "sha256")]


def test_only_the_owner_can_read_the_pepper(store: KeyStore, path: Path) -> None:
    store.create(GRANT, "", 5)
    (path.parent / PEPPER_FILE_NAME).chmod(0o644)
    store.close()

    with pytest.raises(KeyStoreError, match="can be read by other users: run chmod 600"):
        store.create(GRANT, "", 6)


def test_no_pepper_is_made_before_there_is_a_key(store: KeyStore, path: Path) -> None:
    assert store.lookup(OLD_KEY, 5) is None
    assert store.records() == []
    assert not (path.parent / PEPPER_FILE_NAME).exists()


def test_a_lost_pepper_lets_nobody_in_and_is_never_replaced_by_another(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    pepper = path.parent / PEPPER_FILE_NAME
    kept = pepper.read_bytes()
    pepper.unlink()
    store.close()

    for attempt in (lambda: store.lookup(key, 6), lambda: store.create(GRANT, "", 6)):
        with pytest.raises(KeyStoreError, match="is missing: put it back from a backup"):
            attempt()
    assert not pepper.exists()

    pepper.write_bytes(kept)
    pepper.chmod(0o600)
    assert store.lookup(key, 6) is not None


def test_another_pepper_is_noticed(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    (path.parent / PEPPER_FILE_NAME).write_text("ab" * 32 + "\n")
    store.close()

    with pytest.raises(KeyStoreError, match="hashed with another pepper"):
        store.lookup(key, 6)


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31])
def test_a_damaged_pepper_is_noticed(content: str, store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    (path.parent / PEPPER_FILE_NAME).write_text(content)
    store.close()

    with pytest.raises(KeyStoreError, match="is damaged"):
        store.lookup(key, 6)


def test_a_pepper_does_not_show_itself() -> None:
    assert "secret" not in repr(Pepper(b"secret" * 6))


# --- keys of the version before ---


def test_keys_kept_without_a_pepper_go_on_to_work(store: KeyStore, path: Path) -> None:
    write_old_store(path)

    record = store.lookup(OLD_KEY, 6)

    assert record is not None
    assert (record.user, record.label, record.created_ms, record.addresses) == ("bob", "desk", 5, ())
    assert store.create(GRANT, "", 6)[0]
    assert store.lookup(OLD_KEY, 7) == record


def test_their_plain_hashes_are_gone_from_the_disk(store: KeyStore, path: Path) -> None:
    write_old_store(path)
    digest = hashlib.sha256(OLD_KEY.encode()).digest()
    assert digest in path.read_bytes()

    store.records()
    store.close()

    assert digest not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_migration_that_fails_changes_nothing(store: KeyStore, path: Path) -> None:
    write_old_store(path)
    pepper = path.parent / PEPPER_FILE_NAME
    pepper.write_text("damaged")
    pepper.chmod(0o600)

    with pytest.raises(KeyStoreError, match="is damaged"):
        store.records()
    assert kept_hashes(path) == [hashlib.sha256(OLD_KEY.encode()).digest()]

    pepper.unlink()
    assert store.lookup(OLD_KEY, 6) is not None


def test_two_processes_that_migrate_do_it_once(path: Path) -> None:
    write_old_store(path)
    stores = [KeyStore(path), KeyStore(path)]

    found = [store.lookup(OLD_KEY, 6) for store in stores]

    assert None not in found
    for store in stores:
        store.close()


def test_a_store_of_a_later_version_is_not_touched(store: KeyStore, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()

    with pytest.raises(KeyStoreError, match="it has version 3, this program knows 2"):
        store.records()


# --- where from ---


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("203.0.113.7", True),
        ("203.0.113.8", False),
        ("10.255.0.1", True),
        ("11.0.0.0", False),
        ("::ffff:203.0.113.7", True),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_a_key_is_good_at_its_addresses_alone(address: str, admitted: bool, store: KeyStore) -> None:
    key, _ = store.create(GRANT, "", 5, addresses=parse_addresses("203.0.113.7, 10.0.0.0/8, 2001:db8::/32"))
    authenticator = Authenticator(FixedKeys(), store)

    if admitted:
        assert authenticator.identify(Credentials(api_key=key), 6, address).user == "alice"
    else:
        with pytest.raises(InvalidCredentialsError, match="may not be used from this address"):
            authenticator.identify(Credentials(api_key=key), 6, address)


def test_a_key_without_addresses_is_good_anywhere(store: KeyStore) -> None:
    key, record = store.create(GRANT, "", 5)

    assert record.admits("")
    assert Authenticator(FixedKeys(), store).identify(Credentials(api_key=key), 6, "192.0.2.1").user == "alice"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "here", "1.2.3", "1.2.3.4,", "1.2.3.4/33", "::/129"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(GrantError, match="must be an address or a range"):
        parse_addresses(text)


def test_a_key_has_no_more_ranges_than_can_be_looked_through_quickly() -> None:
    assert len(parse_addresses(",".join(f"10.0.0.{n}" for n in range(32)))) == 32
    with pytest.raises(GrantError, match="at most 32"):
        parse_addresses(",".join(f"10.0.0.{n}" for n in range(33)))


# --- the last use ---


def test_a_use_is_remembered_and_written_down_later(store: KeyStore, path: Path) -> None:
    key, record = store.create(GRANT, "", 5)
    for now_ms in (7, 8, 9):
        store.lookup(key, now_ms)
    store.lookup(key[:-1] + ("a" if key[-1] != "a" else "b"), 10)

    assert store.uses == {record.id: 9}
    assert [kept.last_used_ms for kept in store.records()] == [None]

    store.record_uses(store.uses)
    store.record_uses({record.id: 3, "pk_live_unknown0": 4})
    assert [kept.last_used_ms for kept in store.records()] == [9]


# --- rotation ---


def test_a_new_key_takes_over_and_the_old_one_ends_after_its_grace(store: KeyStore) -> None:
    old_key, old = store.create(GRANT, "desk", 5, addresses=("10.0.0.0/8",))

    rotated = store.rotate(old.id, 100, 50)

    assert rotated is not None
    new_key, new, ended = rotated
    assert (new.user, new.scopes, new.label, new.addresses) == ("alice", GRANT.scopes, "desk", ("10.0.0.0/8",))
    assert (new.created_ms, new.expires_ms, ended.expires_ms) == (50, None, 150)
    assert [store.lookup(key, 149) is not None for key in (old_key, new_key)] == [True, True]
    assert [store.lookup(key, 150) is not None for key in (old_key, new_key)] == [False, True]


def test_a_key_that_ends_earlier_is_not_prolonged_by_its_rotation(store: KeyStore) -> None:
    _, old = store.create(Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=60), "", 5)

    rotated = store.rotate(old.id, 100, 50)

    assert rotated is not None
    assert (rotated[1].expires_ms, rotated[2].expires_ms) == (65, 65)


def test_a_test_key_is_followed_by_a_test_key(store: KeyStore) -> None:
    key, _ = store.create(GRANT, "", 5, live=False)

    rotated = store.rotate(key, 100, 50)

    assert rotated is not None
    assert rotated[0].startswith("pk_test_")


def test_a_key_that_is_worthless_is_not_rotated(store: KeyStore) -> None:
    _, revoked = store.create(GRANT, "", 5)
    store.revoke(revoked.id, 6)
    _, expired = store.create(Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=1), "", 5)

    assert [store.rotate(key_id, 100, 50) for key_id in (revoked.id, expired.id, "pk_live_00000000")] == [None] * 3
    assert len(store.records()) == 2


def test_a_right_beginning_with_a_wrong_end_is_no_key(store: KeyStore) -> None:
    key, _ = store.create(GRANT, "", 5)
    other, _ = store.create(GRANT, "", 5)

    assert store.lookup(key[:16] + other[16:], 6) is None
