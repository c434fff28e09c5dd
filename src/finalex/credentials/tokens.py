"""Signing tokens: what `session.auth` verifies."""

import jwt

from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.session.auth import ALGORITHM, SCOPES


def sign_token(secret: Secret, grant: Grant, now_ms: int) -> str:
    """Return a JSON Web Token (RFC 7519) for `grant`, which must have an end, from `now_ms` on.

    Times in it are whole seconds: `iat` is rounded down, `exp` up.
    """
    if grant.ttl_ms is None:
        raise ValueError("a token needs an end")
    claims = {
        "sub": grant.user,
        "scope": " ".join(scope for scope in SCOPES if scope in grant.scopes),
        "iat": now_ms // 1000,
        "exp": -(-(now_ms + grant.ttl_ms) // 1000),
    }
    return jwt.encode(claims, secret.reveal(), algorithm=ALGORITHM)
