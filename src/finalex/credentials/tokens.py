"""Signing tokens: what `session.tokens` verifies."""

import secrets

import jwt

from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.session.auth import SCOPES
from finalex.session.tokens import SECRET_ALGORITHM

_ID_BYTES = 12
"""What a token is named by, so that it can be revoked: never the same twice, by chance alone."""


def sign_token(
    secret: Secret, grant: Grant, now_ms: int, *, issuer: str | None = None, audience: str | None = None
) -> str:
    """Return a JSON Web Token (RFC 7519) for `grant`, which must have an end, from `now_ms` on.

    It has an id of its own (`jti`), by which it can be revoked. Times in it are whole seconds: `iat` is rounded down,
    `exp` up.
    """
    if grant.ttl_ms is None:
        raise ValueError("a token needs an end")
    claims: dict[str, object] = {
        "sub": grant.user,
        "scope": " ".join(scope for scope in SCOPES if scope in grant.scopes),
        "iat": now_ms // 1000,
        "exp": -(-(now_ms + grant.ttl_ms) // 1000),
        "jti": secrets.token_urlsafe(_ID_BYTES),
    }
    claims |= {name: value for name, value in (("iss", issuer), ("aud", audience)) if value is not None}
    return jwt.encode(claims, secret.reveal(), algorithm=SECRET_ALGORITHM)
