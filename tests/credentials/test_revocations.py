"""The list of revoked tokens: what is on it, for how long, and what becomes of it when its file is in trouble."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finalex.credentials import revocations
from finalex.credentials.grants import Grant
from finalex.credentials.revocations import RevocationStore, RevocationStoreError, RevokedTokens
from finalex.credentials.secret import Secret
from finalex.credentials.tokens import sign_token
from finalex.session.auth import Authenticator, Credentials, Identity, InvalidCredentialsError
from finalex.session.tokens import FixedKeys, secret_key
from support.conversation import NoKeys

SECRET = Secret("a secret that is certainly long enough")
GRANT = Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=60_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "revocations.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[RevocationStore]:
    store = RevocationStore(path)
    yield store
    store.close()


def identity(user: str = "alice", jti: str | None = None, issued_ms: int | None = None) -> Identity:
    return Identity(user, frozenset({"read"}), 10_000, token_id=jti, issued_ms=issued_ms)


def of_token(jti: str, revoked_ms: int = 5, expires_ms: int = 10_000) -> RevokedTokens:
    return RevokedTokens(kind="token", name=jti, revoked_ms=revoked_ms, expires_ms=expires_ms)


def of_user(user: str, until_ms: int, expires_ms: int = 10_000) -> RevokedTokens:
    return RevokedTokens(kind="user", name=user, issued_until_ms=until_ms, revoked_ms=until_ms, expires_ms=expires_ms)


def test_a_list_that_nobody_wrote_has_nothing_on_it_and_no_file(store: RevocationStore, path: Path) -> None:
    assert not store.revoked(identity(jti="one"))
    assert store.entries(0) == []
    assert not path.exists()


def test_one_token_is_revoked_and_no_other(store: RevocationStore) -> None:
    store.add(of_token("one"))

    assert store.revoked(identity(jti="one"))
    assert not store.revoked(identity(jti="two"))
    assert not store.revoked(identity(user="one"))
    assert not store.revoked(identity())


def test_a_users_tokens_are_revoked_up_to_the_time_they_were_issued(store: RevocationStore) -> None:
    store.add(of_user("alice", 5_000))

    assert store.revoked(identity(issued_ms=5_000))
    assert store.revoked(identity(issued_ms=None, jti="unknown age"))
    assert not store.revoked(identity(issued_ms=5_001))
    assert not store.revoked(identity(user="bob", issued_ms=1))


def test_a_later_revocation_of_a_user_covers_more_and_an_earlier_one_not_less(store: RevocationStore) -> None:
    for until_ms in (5_000, 7_000, 6_000):
        store.add(of_user("alice", until_ms))

    assert store.revoked(identity(issued_ms=7_000))
    assert [entry.issued_until_ms for entry in store.entries(0)] == [7_000]


def test_an_entry_is_dropped_once_its_tokens_have_expired(store: RevocationStore) -> None:
    store.add(of_token("short", expires_ms=100))
    store.add(of_token("long", expires_ms=1_000))

    assert [entry.name for entry in store.entries(99)] == ["long", "short"]
    assert [entry.name for entry in store.entries(100)] == ["long"]

    store.add(of_token("new", revoked_ms=100))
    assert [entry.name for entry in store.entries(0)] == ["long", "new"]


def test_the_list_has_an_end(store: RevocationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocations, "REVOCATIONS_MAX", 2)
    for jti in ("one", "two"):
        store.add(of_token(jti))

    with pytest.raises(RevocationStoreError, match="it has 2 entries already"):
        store.add(of_token("three"))
    store.add(of_token("three", revoked_ms=10_001, expires_ms=20_000))


def test_only_the_owner_can_read_it(store: RevocationStore, path: Path) -> None:
    store.add(of_token("one"))

    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_what_another_process_adds_counts_at_once(store: RevocationStore, path: Path) -> None:
    store.add(of_token("one"))
    program = f"""
from pathlib import Path
from finalex.credentials.revocations import RevocationStore, RevokedTokens
RevocationStore(Path({str(path)!r})).add(RevokedTokens(kind="token", name="two", revoked_ms=5, expires_ms=10_000))
"""
    assert not store.revoked(identity(jti="two"))
    subprocess.run([sys.executable, "-c", program], check=True)

    assert store.revoked(identity(jti="two"))


def test_a_revoked_token_logs_nobody_in_and_others_do(store: RevocationStore) -> None:
    authenticator = Authenticator(FixedKeys(secret_key(SECRET.reveal())), NoKeys(), revocations=store)
    first, second = (sign_token(SECRET, GRANT, 5_000) for _ in range(2))
    jti = authenticator.identify(Credentials(token=first), 6_000).token_id
    assert jti is not None
    store.add(of_token(jti, revoked_ms=6_000, expires_ms=65_000))

    with pytest.raises(InvalidCredentialsError, match="the token was revoked") as caught:
        authenticator.identify(Credentials(token=first), 7_000)
    assert caught.value.known is not None
    assert authenticator.identify(Credentials(token=second), 7_000).user == "alice"


def test_a_list_that_cannot_be_read_lets_nobody_in(store: RevocationStore, path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)
    authenticator = Authenticator(FixedKeys(secret_key(SECRET.reveal())), NoKeys(), revocations=store)
    token = sign_token(SECRET, GRANT, 5_000)

    with pytest.raises(InvalidCredentialsError, match="cannot be checked at the moment"):
        authenticator.identify(Credentials(token=token), 6_000)
    with pytest.raises(RevocationStoreError, match=f"^The revoked tokens in '{path}' cannot be used: file is not a "):
        store.entries(0)

    path.unlink()
    assert authenticator.identify(Credentials(token=token), 6_000).user == "alice"
