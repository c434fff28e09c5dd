"""JSON Web Tokens, checked strictly: signed text and keys in, claims out (RFC 7515, 7519 and 8725)."""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Any, Protocol

import jwt
import msgspec

TOKEN_LENGTH_MAX = 8192
KEY_ID_LENGTH_MAX = 256
TOKEN_ID_LENGTH_MAX = 256
AUDIENCES_MAX = 32

SECRET_ALGORITHM = "HS256"  # noqa: S105 (an algorithm)
ALGORITHMS = (SECRET_ALGORITHM, "RS256", "ES256", "EdDSA")

_REFUSED_PARAMETERS = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c"})
"""Header parameters that change how a token is read, or bring the key that it is to be checked with."""

_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_BASE64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_TIME_MAX_S = 2**40


class InvalidTokenError(Exception):
    """A token that identifies nobody; the text is for the client and holds no part of it."""


class UnknownKeyError(InvalidTokenError):
    """Nobody here has the key that the token names."""


class VerificationKey(msgspec.Struct, frozen=True):
    """A key, and the one algorithm it may be used with; `id` is its `kid`, if it has one.

    `material` is what PyJWT's algorithm of that name verifies with.
    """

    algorithm: str
    material: Any
    id: str | None = None

    def __repr__(self) -> str:
        return f"VerificationKey({self.algorithm}, …)"


def secret_key(secret: str) -> VerificationKey:
    """Return the key that a shared secret is."""
    return VerificationKey(SECRET_ALGORITHM, secret.encode())


class TokenKeys(Protocol):
    """The port of whoever knows the keys that tokens are signed with."""

    def candidates(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """Return the keys, each for `algorithm`, that a token may be signed with; few, and often none. Never waits."""
        ...


def matching_keys(keys: Sequence[VerificationKey], algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
    """Return those of `keys` that a token with this header may be signed with.

    A token that names a key is checked with the keys of that name, if there are any; else with those that have no
    name: a secret, a PEM file. A token that names none is checked with these, or with the only key that there is.
    """
    usable = [key for key in keys if key.algorithm == algorithm]
    named = [key for key in usable if key_id is not None and key.id == key_id]
    unnamed = [key for key in usable if key.id is None]
    return named or unnamed or (usable if key_id is None and len(usable) == 1 else [])


class FixedKeys:
    """Keys that never change."""

    def __init__(self, *keys: VerificationKey) -> None:
        self._keys = keys

    def candidates(self, algorithm: str, key_id: str | None) -> Sequence[VerificationKey]:
        """See `TokenKeys.candidates`."""
        return matching_keys(self._keys, algorithm, key_id)


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must say besides being signed.

    `issuer` is its `iss` (`None`: anybody), `audiences` are the names of this server, one of which must be in its
    `aud` (none: it must not have one). Clocks may differ by `leeway_ms`. `required` names further claims that must
    be there; `sub` and `exp` always must.
    """

    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    leeway_ms: int = 0
    required: tuple[str, ...] = ()


def verify_token(text: str, keys: TokenKeys, rules: TokenRules, now_ms: int) -> dict[str, Any]:
    """Return the claims of a token that is signed by one of `keys`, and is as `rules` ask at `now_ms`.

    Raises `InvalidTokenError`. Whether it has expired is left to the caller: `exp` is only known to be a time.
    """
    header, claims_part, signature, signed = _parts(text)
    algorithm, key_id = _check_header(_object(header))
    candidates = keys.candidates(algorithm, key_id)
    if not candidates and key_id is not None:
        raise UnknownKeyError("the token's key is not known")
    if not any(_signed_with(key, algorithm, signed, signature) for key in candidates):
        raise InvalidTokenError("the token is not valid")
    claims = _object(claims_part)
    _check_claims(claims, rules, now_ms)
    return claims


def time_ms(claims: dict[str, Any], name: str) -> int:
    """Return a claim that is a time (RFC 7519, NumericDate) in milliseconds; raises `InvalidTokenError`."""
    value = claims[name]
    if type(value) not in (int, float) or not 0 <= value < _TIME_MAX_S:
        raise InvalidTokenError(f"the token's '{name}' is no time")
    return int(value * 1000)


def _parts(text: str) -> tuple[bytes, bytes, bytes, bytes]:
    parts = text.split(".") if len(text) <= TOKEN_LENGTH_MAX else []
    if len(parts) != 3:
        raise InvalidTokenError("the token is not valid")
    header, claims, signature = (_decoded(part) for part in parts)
    return header, claims, signature, text.rpartition(".")[0].encode("ascii")


def _decoded(part: str) -> bytes:
    """Return the bytes of base64url without padding, in the one spelling that they have."""
    try:
        if _BASE64.fullmatch(part):
            decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
            if len(part) % 4 == 0 or _canonical(part):
                return decoded
    except (Base64Error, ValueError):
        pass
    raise InvalidTokenError("the token is not valid")


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _canonical(part: str) -> bool:
    """Whether the bits of the last character that mean nothing are zero."""
    unused = {2: 0b1111, 3: 0b11}[len(part) % 4]
    return not _ALPHABET.index(part[-1]) & unused


def _object(content: bytes) -> dict[str, Any]:
    """Return the JSON object that `content` is, in which no name comes twice at any depth."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidTokenError("the token is not valid")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _check_header(header: dict[str, Any]) -> tuple[str, str | None]:
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if (
        algorithm not in ALGORITHMS
        or not _REFUSED_PARAMETERS.isdisjoint(header)
        or not (isinstance(kind, str) and kind.lower() in _TYPES)
        or not (key_id is None or (isinstance(key_id, str) and len(key_id) <= KEY_ID_LENGTH_MAX))
    ):
        raise InvalidTokenError("the token is not valid")
    return algorithm, key_id


def _signed_with(key: VerificationKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Whether `key` made the signature; a key for another algorithm never did."""
    if key.algorithm != algorithm:
        return False
    try:
        return jwt.get_algorithm_by_name(key.algorithm).verify(signed, key.material, signature)
    except (jwt.PyJWTError, ValueError, TypeError):
        return False


def _check_claims(claims: dict[str, Any], rules: TokenRules, now_ms: int) -> None:
    for name in ("sub", "exp", *rules.required):
        if claims.get(name) is None:
            raise InvalidTokenError(f"the token has no '{name}'")
    time_ms(claims, "exp")
    for name in ("nbf", "iat"):
        if name in claims and time_ms(claims, name) > now_ms + rules.leeway_ms:
            raise InvalidTokenError(f"the token's '{name}' is in the future")
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise InvalidTokenError("the token's 'iss' is not the issuer that this server trusts")
    if ("aud" in claims or rules.audiences) and not _audiences(claims.get("aud")).intersection(rules.audiences):
        raise InvalidTokenError("the token's 'aud' does not name this server")
    token_id = claims.get("jti", "")
    if not (isinstance(token_id, str) and len(token_id) <= TOKEN_ID_LENGTH_MAX):
        raise InvalidTokenError("the token's 'jti' is no text of reasonable length")


def _audiences(value: object) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {item for item in values[:AUDIENCES_MAX] if isinstance(item, str)}
