"""Tokens: what is signed here is what a session verifies."""

from typing import Never

import jwt
import pytest

from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.credentials.tokens import sign_token
from finalex.session.auth import Authenticator, Credentials, InvalidCredentialsError
from finalex.session.tokens import FixedKeys, secret_key

SECRET = Secret("a secret that is certainly long enough")
GRANT = Grant(user="alice", scopes=frozenset({"trade", "read"}), ttl_ms=60_000)


class NoKeys:
    """A key directory that nobody should ask."""

    def lookup(self, api_key: str, now_ms: int) -> Never:
        raise AssertionError("asked for an API key")


def authenticator(secret: Secret) -> Authenticator:
    return Authenticator(FixedKeys(secret_key(secret.reveal())), NoKeys())


def test_a_session_accepts_a_token_until_it_expires() -> None:
    credentials = Credentials(token=sign_token(SECRET, GRANT, 5_000))

    identity = authenticator(SECRET).identify(credentials, 64_999)

    assert (identity.user, identity.scopes, identity.expires_ms) == ("alice", frozenset({"read", "trade"}), 65_000)
    with pytest.raises(InvalidCredentialsError, match="expired"):
        authenticator(SECRET).identify(credentials, 65_000)


def test_a_session_refuses_a_token_of_another_secret() -> None:
    credentials = Credentials(token=sign_token(SECRET, GRANT, 5_000))

    with pytest.raises(InvalidCredentialsError):
        authenticator(Secret("another secret that is long enough, too")).identify(credentials, 6_000)


def test_a_token_has_the_documented_claims_in_whole_seconds() -> None:
    token = sign_token(SECRET, GRANT, 5_001)

    claims = jwt.decode(token, SECRET.reveal(), algorithms=["HS256"], options={"verify_exp": False})
    assert claims.pop("jti")
    assert claims == {"sub": "alice", "scope": "read trade", "iat": 5, "exp": 66}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_a_token_can_name_its_issuer_and_its_audience() -> None:
    token = sign_token(SECRET, GRANT, 5_000, issuer="https://here.example", audience="finalex")

    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == ("https://here.example", "finalex")


def test_no_two_tokens_have_the_same_id() -> None:
    tokens = [sign_token(SECRET, GRANT, 5_000) for _ in range(20)]

    assert len({jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}) == 20


def test_a_token_without_an_end_is_not_signed() -> None:
    with pytest.raises(ValueError, match="needs an end"):
        sign_token(SECRET, Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=None), 5_000)
