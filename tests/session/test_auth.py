"""Credentials and identities."""

from typing import Any

import jwt
import pytest

from finalex.credentials.key_records import KeyRecord
from finalex.session.auth import Authenticator, Credentials, Identity, InvalidCredentialsError, valid_user
from finalex.session.tokens import FixedKeys, secret_key

SECRET = "s" * 32
NOW_MS = 1_700_000_000_000
CLAIMS = {"sub": "alice", "scope": "read trade", "exp": NOW_MS // 1000 + 60, "iat": NOW_MS // 1000}


BOBS_KEY = KeyRecord(
    id="pk_live_bo", user="bob", scopes=frozenset({"read"}), label="", created_ms=0, expires_ms=None, revoked_ms=None
)


class Keys:
    """A key directory with one key, or a broken one."""

    def __init__(self, *, broken: bool = False) -> None:
        self._broken = broken

    def lookup(self, api_key: str, now_ms: int) -> KeyRecord | None:
        if self._broken:
            raise OSError("disk gone")
        return BOBS_KEY if api_key == "pk_live_bob" else None


def identify(token: str | None = None, api_key: str | None = None, *, repeated: bool = False) -> Identity:
    return Authenticator(FixedKeys(secret_key(SECRET)), Keys()).identify(Credentials(token, api_key, repeated), NOW_MS)


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    return jwt.encode(claims, secret, algorithm)


def test_a_good_token_identifies_its_user_with_its_scopes_until_it_expires() -> None:
    assert identify(token()) == Identity("alice", frozenset({"read", "trade"}), NOW_MS + 60_000, issued_ms=NOW_MS)


def test_a_token_without_scope_may_only_read() -> None:
    assert identify(token(scope=...)).scopes == {"read"}


def test_unknown_scopes_are_ignored() -> None:
    assert identify(token(scope="trade admin root")).scopes == {"trade"}


def test_a_good_key_identifies_its_user() -> None:
    assert identify(api_key="pk_live_bob") == Identity("bob", frozenset({"read"}), None, "pk_live_bo")


BAD_TOKENS = {
    "empty": "",
    "no token": "hello",
    "dots": "..",
    "another secret": token("t" * 32),
    "unsigned": jwt.encode(CLAIMS, "", "none"),
    "another algorithm": token("s" * 64, "HS512"),
    "no signature": token().rpartition(".")[0] + ".",
    "expired now": token(exp=NOW_MS // 1000),
    "no expiry": token(exp=...),
    "expiry a text": token(exp="tomorrow"),
    "expiry negative": token(exp=-1),
    "expiry infinite": token(exp=float("inf")),
    "expiry true": token(exp=True),
    "no user": token(sub=...),
    "user a number": token(sub=5),
    "user empty": token(sub=""),
    "user with a space": token(sub="a b"),
    "user with a line break": token(sub="a\nb"),
    "user too long": token(sub="a" * 65),
    "user of the simulator": token(sub="sim-maker-1"),
    "user of the fees": token(sub="@fees"),
    "scope a list": token(scope=["trade"]),
    "huge": "a" * 100_000,
    "not ASCII": "é.é.é",
}


@pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_token_identifies_nobody(bad: str) -> None:
    with pytest.raises(InvalidCredentialsError) as caught:
        identify(bad)
    assert not bad or bad not in str(caught.value)


def test_an_unknown_key_identifies_nobody() -> None:
    with pytest.raises(InvalidCredentialsError):
        identify(api_key="pk_live_eve")


def test_two_kinds_at_once_or_one_twice_identify_nobody() -> None:
    with pytest.raises(InvalidCredentialsError, match="more than one"):
        identify(token(), "pk_live_bob")
    with pytest.raises(InvalidCredentialsError, match="more than one"):
        identify(token(), repeated=True)


def test_a_key_store_that_fails_lets_nobody_in() -> None:
    with pytest.raises(InvalidCredentialsError, match="cannot be checked"):
        Authenticator(FixedKeys(secret_key(SECRET)), Keys(broken=True)).identify(
            Credentials(api_key="pk_live_bob"), NOW_MS
        )


def test_credentials_do_not_show_themselves() -> None:
    assert "secret" not in repr(Credentials("secret", "secret"))


def test_user_names() -> None:
    assert valid_user("alice@example.com")
    assert not valid_user("zoë")
