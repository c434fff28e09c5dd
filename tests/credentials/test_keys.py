"""API keys: made, listed, revoked and looked up, also by several processes at once."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finalex.credentials.grants import Grant
from finalex.credentials.keys import KeyStore, KeyStoreError
from finalex.session.auth import Authenticator, Credentials, InvalidCredentialsError
from finalex.session.tokens import FixedKeys

GRANT = Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[KeyStore]:
    store = KeyStore(path)
    yield store
    store.close()


def test_a_key_stands_for_what_it_was_made_for(store: KeyStore) -> None:
    key, record = store.create(GRANT, "desk", 5)

    assert store.lookup(key, 6) == record
    assert (record.user, record.scopes, record.label, record.created_ms) == ("alice", frozenset({"read"}), "desk", 5)
    assert (record.expires_ms, record.revoked_ms) == (None, None)


def test_keys_look_as_documented_and_never_repeat(store: KeyStore) -> None:
    live = {store.create(GRANT, "", 5)[0] for _ in range(20)}
    test, record = store.create(GRANT, "", 5, live=False)

    assert all(re.fullmatch(r"pk_live_[0-9A-Za-z]{40}", key) for key in live)
    assert len(live) == 20
    assert re.fullmatch(r"pk_test_[0-9A-Za-z]{40}", test)
    assert test.startswith(record.id)


def test_a_key_is_nowhere_on_the_disk(store: KeyStore, path: Path) -> None:
    key, record = store.create(GRANT, "", 5)

    written = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert record.id.encode() in written
    assert key.removeprefix(record.id).encode() not in written


def test_only_the_owner_can_read_the_files(store: KeyStore, path: Path) -> None:
    store.create(GRANT, "", 5)

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}

    assert modes == {"api-key-pepper": 0o600, "keys.sqlite": 0o600, "keys.sqlite-wal": 0o600, "keys.sqlite-shm": 0o600}


def test_a_key_with_a_time_expires_to_the_millisecond(store: KeyStore) -> None:
    key, _ = store.create(Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=1000), "", 5)

    assert store.lookup(key, 1004) is not None
    assert store.lookup(key, 1005) is None


def test_a_revoked_key_is_worthless_and_stays_so(store: KeyStore) -> None:
    key, record = store.create(GRANT, "", 5)

    assert store.revoke(record.id, 7) == store.revoke(record.id, 9)
    assert store.lookup(key, 8) is None
    assert [kept.revoked_ms for kept in store.records()] == [7]


def test_a_whole_key_can_be_named_to_revoke_it(store: KeyStore) -> None:
    key, record = store.create(GRANT, "", 5)

    revoked = store.revoke(key, 7)

    assert revoked is not None
    assert revoked.id == record.id


def test_a_key_that_does_not_exist_cannot_be_revoked(store: KeyStore) -> None:
    assert store.revoke("pk_live_00000000", 7) is None


@pytest.mark.parametrize(
    "text", ["", "pk_live_", "pk_live_" + "a" * 40, "pk_prod_" + "a" * 40, "'; --", "\ud800", "a" * 10**6]
)
def test_other_texts_are_no_keys(text: str, store: KeyStore) -> None:
    store.create(GRANT, "", 5)

    assert store.lookup(text, 6) is None


def test_keys_are_listed_oldest_first(store: KeyStore) -> None:
    for created_ms in (3, 1, 2):
        store.create(GRANT, "", created_ms)

    assert [record.created_ms for record in store.records()] == [1, 2, 3]


def test_what_another_process_does_counts_at_once(store: KeyStore, path: Path) -> None:
    program = f"""
from pathlib import Path
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KeyStore
store = KeyStore(Path({str(path)!r}))
print(store.create(Grant(user="bob", scopes=frozenset(["trade"]), ttl_ms=None), "", 5)[0])
input()
store.revoke(store.records()[0].id, 7)
"""
    assert store.records() == []
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None

    key = other.stdout.readline().strip()
    found = store.lookup(key, 6)
    other.communicate("\n")

    assert found is not None
    assert found.user == "bob"
    assert store.lookup(key, 8) is None


def test_keys_can_be_looked_up_while_another_process_writes(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE api_keys SET revoked_ms = 6")

    assert store.lookup(key, 7) is not None
    other.execute("COMMIT")
    assert store.lookup(key, 7) is None
    other.close()


def test_another_database_put_in_the_place_of_the_first_counts_at_once(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    for file in path.parent.iterdir():
        file.unlink()

    assert store.lookup(key, 6) is None


def test_a_writer_that_never_ends_is_given_up(path: Path) -> None:
    store = KeyStore(path, busy_timeout_ms=1)
    store.records()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(KeyStoreError, match="database is locked"):
        store.create(GRANT, "", 5)

    other.close()
    store.close()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"this is no database at all" * 100, "file is not a database"), (b"", "it has version 0, this program knows 2")],
)
def test_a_file_that_is_no_key_store_is_named_and_not_touched(
    content: bytes, says: str, store: KeyStore, path: Path
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(KeyStoreError, match=f"^The API keys in '{path}' cannot be used: {says}.$"):
        store.records()

    assert path.read_bytes() == content


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KeyStoreError, match="cannot be used: Not a directory"):
        KeyStore(tmp_path / "file" / "data" / "keys.sqlite").records()


def test_a_session_refuses_keys_while_the_store_is_broken_and_accepts_them_again(store: KeyStore, path: Path) -> None:
    key, _ = store.create(GRANT, "", 5)
    authenticator = Authenticator(FixedKeys(), store)
    kept, broken = path.with_name("kept"), path.with_name("broken")
    broken.write_bytes(b"this is no database at all" * 100)
    store.close()
    os.link(path, kept)
    os.replace(broken, path)

    with pytest.raises(InvalidCredentialsError, match="cannot be checked at the moment"):
        authenticator.identify(Credentials(api_key=key), 6)

    os.replace(kept, path)
    assert authenticator.identify(Credentials(api_key=key), 6).user == "alice"
