"""Keys of all kinds, and tokens signed with them as anybody could."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW_MS = 1_700_000_000_000
NOW_S = NOW_MS // 1000
CLAIMS: dict[str, Any] = {"sub": "alice", "scope": "read trade", "iat": NOW_S, "exp": NOW_S + 60, "jti": "t-1"}


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return an RSA key, the same for the same number."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key(number: int = 0) -> ed25519.Ed25519PrivateKey:
    """Return an Ed25519 key."""
    return ed25519.Ed25519PrivateKey.generate()


KEYS = {"RS256": rsa_key, "ES256": ec_key, "EdDSA": ed_key}
_WRITERS = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


def public_pem(private_key: Any) -> bytes:
    """Return the public key as a PEM block."""
    pem: bytes = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def jwk(algorithm: str, private_key: Any, **members: Any) -> dict[str, Any]:
    """Return the public key as a JSON Web Key; a member that is `...` is left out."""
    written = json.loads(_WRITERS[algorithm].to_jwk(private_key.public_key()))  # type: ignore[attr-defined]
    written.pop("key_ops", None)
    return {name: value for name, value in (written | members).items() if value is not ...}


def key_set(*jwks: dict[str, Any]) -> bytes:
    """Return a JSON Web Key Set."""
    return json.dumps({"keys": jwks}).encode()


def signed(algorithm: str, key: Any, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token; a claim that is `...` is left out."""
    told = {name: value for name, value in (CLAIMS | claims).items() if value is not ...}
    return jwt.encode(told, key, algorithm, headers)


def part(content: bytes | dict[str, Any]) -> str:
    """Return a part of a token: base64url without padding."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: bytes | dict[str, Any], claims: bytes | dict[str, Any], secret: bytes) -> str:
    """Return a token with any header and claims at all, signed as HS256 is, with any bytes as the secret."""
    head = f"{part(header)}.{part(claims)}"
    return f"{head}.{part(hmac.digest(secret, head.encode(), hashlib.sha256))}"
