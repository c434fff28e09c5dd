"""A server with keys of all kinds, and tokens for it: good ones, and such as only an attacker makes."""

from typing import Any

import pytest

from credentials.signing import CLAIMS, KEYS, NOW_MS, ec_key, ed_key, forged, rsa_key, signed
from finalex.credentials.public_keys import verification_key
from finalex.session.auth import Authenticator, Credentials, Identity, InvalidCredentialsError
from finalex.session.tokens import FixedKeys, TokenRules, VerificationKey, secret_key
from support.conversation import NoKeys

SECRET = "a secret of the server, long enough"
RULES = TokenRules(issuer="https://issuer.example", audiences=("finalex", "finalex-staging"), leeway_ms=5_000)
GOOD: dict[str, Any] = {"iss": "https://issuer.example", "aud": "finalex"}


def public(private_key: Any, key_id: str | None = None) -> VerificationKey:
    return verification_key(private_key.public_key(), key_id)


ALL_KEYS = FixedKeys(secret_key(SECRET), public(rsa_key(), "rsa-1"), public(ec_key(), "ec-1"), public(ed_key(), "ed-1"))
PRIVATE: dict[str, Any] = {"HS256": SECRET, **{name: make() for name, make in KEYS.items()}}
KEY_IDS = {"HS256": None, "RS256": "rsa-1", "ES256": "ec-1", "EdDSA": "ed-1"}


def identify(token: str, rules: TokenRules = RULES, keys: FixedKeys = ALL_KEYS) -> Identity:
    return Authenticator(keys, NoKeys(), rules).identify(Credentials(token=token), NOW_MS)


def assert_refused(token: str, rules: TokenRules = RULES, keys: FixedKeys = ALL_KEYS) -> str:
    """Return what is said of a token that identifies nobody."""
    with pytest.raises(InvalidCredentialsError) as caught:
        identify(token, rules, keys)
    assert not any(len(piece) > 8 and piece in str(caught.value) for piece in token.split("."))
    return str(caught.value)


def good(algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    names = {} if KEY_IDS[algorithm] is None else {"kid": KEY_IDS[algorithm]}
    return signed(algorithm, PRIVATE[algorithm], names | (headers or {}), **(GOOD | claims))


def bare(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes = b"", secret: str = SECRET) -> str:
    return forged(header, claims or {**CLAIMS, **GOOD}, secret.encode())
