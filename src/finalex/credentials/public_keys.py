"""Public keys that tokens are verified with: which may be used, and each with the one algorithm that is its own."""

from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from finalex.session.tokens import KEY_ID_LENGTH_MAX, VerificationKey

RSA_BITS_MIN = 2048
"""RFC 7518 section 3.3."""

RSA_BITS_MAX = 8192
RSA_EXPONENT_MAX = 2**32
"""Larger numbers would make whoever verifies work for long."""

_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)
"""The y coordinates of the eight points of Edwards25519 whose order is small: for such a key anybody can sign."""

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_READERS: dict[object, Any] = {
    "RSA": jwt.algorithms.RSAAlgorithm.from_jwk,
    "EC": jwt.algorithms.ECAlgorithm.from_jwk,
    "OKP": jwt.algorithms.OKPAlgorithm.from_jwk,
}


class UnusableKeyError(ValueError):
    """A key that no token is verified with; the text says why, after "a key "."""


def verification_key(key: object, key_id: str | None = None) -> VerificationKey:
    """Return a public key of the library `cryptography` with its algorithm; raises `UnusableKeyError`."""
    match key:
        case RSAPublicKey():
            _check_rsa(key)
            return VerificationKey("RS256", key, key_id)
        case EllipticCurvePublicKey():
            if not isinstance(key.curve, SECP256R1):
                raise UnusableKeyError("is on another curve than P-256")
            return VerificationKey("ES256", key, key_id)
        case Ed25519PublicKey():
            y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
            if y % _FIELD in _SMALL_ORDER:
                raise UnusableKeyError("is a point of small order")
            return VerificationKey("EdDSA", key, key_id)
        case _:
            raise UnusableKeyError("is neither RSA nor EC nor Ed25519")


def read_jwk(jwk: object) -> VerificationKey:
    """Return the key that a JSON Web Key (RFC 7517) is; raises `UnusableKeyError`."""
    if not isinstance(jwk, dict):
        raise UnusableKeyError("is no object")
    _check_members(jwk)
    try:
        key = verification_key(_READERS[jwk["kty"]](jwk), jwk.get("kid"))
    except UnusableKeyError:
        raise
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        raise UnusableKeyError("cannot be read") from None
    if jwk.get("alg", key.algorithm) != key.algorithm:
        raise UnusableKeyError(f"is for another algorithm than {key.algorithm}")
    return key


def _check_members(jwk: dict[str, object]) -> None:
    kind, key_id, operations = jwk.get("kty"), jwk.get("kid"), jwk.get("key_ops", ["verify"])
    if not (isinstance(kind, str) and kind in _READERS):
        raise UnusableKeyError("is neither RSA nor EC nor Ed25519")
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise UnusableKeyError("is a private one")
    if jwk.get("use", "sig") != "sig" or not (isinstance(operations, list) and "verify" in operations):
        raise UnusableKeyError("is not for signatures")
    if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= KEY_ID_LENGTH_MAX)):
        raise UnusableKeyError("has a 'kid' that is no text of reasonable length")


def _check_rsa(key: RSAPublicKey) -> None:
    if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise UnusableKeyError(f"has {key.key_size} bits, not {RSA_BITS_MIN} to {RSA_BITS_MAX}")
    numbers = key.public_numbers()
    if not (numbers.n % 2 and numbers.e % 2 and 3 <= numbers.e <= RSA_EXPONENT_MAX):
        raise UnusableKeyError("has a modulus or an exponent that no RSA key has")
