"""Who somebody is: credentials in, an identity out. Nothing here ever repeats a credential."""

from typing import Any, Protocol

import jwt
import msgspec

TOKEN_LENGTH_MAX = 8192
USER_LENGTH_MAX = 64
ALGORITHM = "HS256"
SCOPES = ("read", "trade")


class Credentials(msgspec.Struct, frozen=True):
    """What a handshake or an `auth` request presented; `repeated` tells of a credential given twice."""

    token: str | None = None
    api_key: str | None = None
    repeated: bool = False

    @property
    def given(self) -> bool:
        """Whether there is any credential at all."""
        return self.token is not None or self.api_key is not None

    def __repr__(self) -> str:
        return "Credentials(…)"


class Identity(msgspec.Struct, frozen=True):
    """A user and what the credentials allow; `expires_ms` is `None` for credentials without an end.

    `key_id` is that of the API key, `None` for a token.
    """

    user: str
    scopes: frozenset[str]
    expires_ms: int | None
    key_id: str | None = None


class InvalidCredentialsError(Exception):
    """Credentials that identify nobody; the text is for the client and holds no part of them."""


class KeyHolder(Protocol):
    """What an API key stands for, and the id by which it can be revoked."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def user(self) -> str: ...  # noqa: D102
    @property
    def scopes(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def expires_ms(self) -> int | None: ...  # noqa: D102


class KeyDirectory(Protocol):
    """The port of the API key store."""

    def lookup(self, api_key: str, now_ms: int) -> KeyHolder | None:
        """Return whom a key that is valid at `now_ms` stands for, or `None`; raises `OSError` if it cannot tell."""
        ...


class Authenticator:
    """Checks JSON Web Tokens (HS256) and API keys."""

    def __init__(self, jwt_secret: str, keys: KeyDirectory) -> None:
        self._jwt_secret = jwt_secret
        self._keys = keys

    def identify(self, credentials: Credentials, now_ms: int) -> Identity:
        """Return the identity behind `credentials`; raises `InvalidCredentialsError`."""
        if credentials.repeated or (credentials.token is not None and credentials.api_key is not None):
            raise InvalidCredentialsError("more than one credential was given")
        if credentials.token is not None:
            identity = self._identify_token(credentials.token)
        else:
            identity = self._identify_key(credentials.api_key or "", now_ms)
        if identity.expires_ms is not None and identity.expires_ms <= now_ms:
            raise InvalidCredentialsError("the credentials have expired")
        return identity

    def _identify_key(self, api_key: str, now_ms: int) -> Identity:
        try:
            holder = self._keys.lookup(api_key, now_ms)
        except OSError:
            raise InvalidCredentialsError("API keys cannot be checked at the moment") from None
        if holder is None:
            raise InvalidCredentialsError("the API key is not valid")
        return Identity(holder.user, holder.scopes, holder.expires_ms, holder.id)

    def _identify_token(self, token: str) -> Identity:
        if len(token) > TOKEN_LENGTH_MAX:
            raise InvalidCredentialsError("the token is not valid")
        try:
            claims = jwt.decode(
                token,
                self._jwt_secret,
                algorithms=[ALGORITHM],
                options={
                    "require": ["sub", "exp"],
                    "verify_exp": False,  # compared with `now_ms` instead
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise InvalidCredentialsError("the token is not valid") from None
        return _identity(claims)


def _identity(claims: dict[str, Any]) -> Identity:
    user, expires, scope = claims["sub"], claims["exp"], claims.get("scope", "read")
    if not (isinstance(user, str) and valid_user(user)):
        raise InvalidCredentialsError("the token's 'sub' is no user name")
    if type(expires) not in (int, float) or not 0 <= expires < 2**53:
        raise InvalidCredentialsError("the token's 'exp' is no time")
    if not isinstance(scope, str):
        raise InvalidCredentialsError("the token's 'scope' is no text")
    return Identity(user, frozenset(scope.split()).intersection(SCOPES), int(expires * 1000))


RESERVED_PREFIXES = ("sim-", "@")
"""Names of simulated traders, and of the exchange's own accounts."""


def valid_user(name: str) -> bool:
    """Whether `name` can be a client's: 1 to 64 printable ASCII characters without space, and not reserved."""
    return (
        0 < len(name) <= USER_LENGTH_MAX
        and name.isascii()
        and name.isprintable()
        and " " not in name
        and not name.startswith(RESERVED_PREFIXES)
    )
