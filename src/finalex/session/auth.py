"""Who somebody is: credentials in, an identity out. Nothing here ever repeats a credential."""

from typing import Any, Protocol

import msgspec

from finalex.protocol.errors import ErrorCode, RequestError
from finalex.session.tokens import InvalidTokenError, TokenKeys, TokenRules, time_ms, verify_token

USER_LENGTH_MAX = 64
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

    `key_id` is that of the API key, `None` for a token; `token_id` is the token's `jti` and `issued_ms` its `iat`,
    if it has them.
    """

    user: str
    scopes: frozenset[str]
    expires_ms: int | None
    key_id: str | None = None
    token_id: str | None = None
    issued_ms: int | None = None

    def ending(self, at_ms: int) -> "Identity":
        """Return the same identity, over at `at_ms` at the latest."""
        ends_ms = at_ms if self.expires_ms is None else min(self.expires_ms, at_ms)
        return msgspec.structs.replace(self, expires_ms=ends_ms)


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials that are worthless `from_ms` on: one API key, one token, or a user's tokens issued up to a time."""

    key_id: str | None = None
    token_id: str | None = None
    user: str | None = None
    issued_until_ms: int = 0
    from_ms: int = 0

    def covers(self, identity: Identity) -> bool:
        """Whether `identity` came from such credentials; a token that does not say when it was issued is an old one."""
        if self.key_id is not None or identity.key_id is not None:
            return self.key_id == identity.key_id
        if self.token_id is not None:
            return self.token_id == identity.token_id
        return self.user == identity.user and (identity.issued_ms or 0) <= self.issued_until_ms

    @property
    def error(self) -> RequestError:
        """What a client hears that has logged in with them."""
        return InvalidCredentialsError(f"the {'token' if self.key_id is None else 'API key'} was revoked")


class InvalidCredentialsError(RequestError):
    """Credentials that identify nobody; the text is for the client and holds no part of them.

    `known` is whose they would be, where that is certain: for a record of the refusal, not for the client.
    """

    def __init__(self, details: str, known: Identity | None = None) -> None:
        super().__init__(ErrorCode.INVALID_TOKEN, details)
        self.known = known

    def __str__(self) -> str:
        return self.details


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
    def admits(self, address: str) -> bool:
        """Whether the key may be used from `address`."""
        ...


class KeyDirectory(Protocol):
    """The port of the API key store."""

    def lookup(self, api_key: str, now_ms: int) -> KeyHolder | None:
        """Return whom a key that is valid at `now_ms` stands for, or `None`; raises `OSError` if it cannot tell."""
        ...


class RevocationList(Protocol):
    """The port of the list of revoked tokens."""

    def revoked(self, identity: Identity) -> bool:
        """Whether the token that gave `identity` was revoked; raises `OSError` if it cannot tell."""
        ...


class LoginRecord(Protocol):
    """The port of whoever keeps a record of logins."""

    def record(self, event: str, **fields: object) -> None:
        """Note that `event` happened; never raises, never waits."""
        ...


class NothingRevoked:
    """A list of revoked tokens without any."""

    def revoked(self, identity: Identity) -> bool:  # noqa: ARG002 (the interface's)
        """See `RevocationList.revoked`."""
        return False


class NoRecord:
    """Keeps no record."""

    def record(self, event: str, **fields: object) -> None:
        """See `LoginRecord.record`."""


class Authenticator:
    """Checks JSON Web Tokens and API keys, and has every login and refusal recorded."""

    def __init__(
        self,
        token_keys: TokenKeys,
        api_keys: KeyDirectory,
        rules: TokenRules = TokenRules(),  # noqa: B008 (it is frozen)
        revocations: RevocationList = NothingRevoked(),  # noqa: B008 (it has no state)
        log: LoginRecord = NoRecord(),  # noqa: B008 (it has no state)
    ) -> None:
        self._token_keys = token_keys
        self._api_keys = api_keys
        self._rules = rules
        self._revocations = revocations
        self._log = log

    def identify(self, credentials: Credentials, now_ms: int, address: str = "") -> Identity:
        """Return the identity behind `credentials` of somebody at `address`; raises `InvalidCredentialsError`."""
        means = "api_key" if credentials.token is None else "token"
        try:
            identity = self._identify(credentials, now_ms, address)
        except InvalidCredentialsError as error:
            about = {} if error.known is None else _fields(error.known)
            self._log.record("login_refused", means=means, address=address, reason=error.details, **about)
            raise
        self._log.record("login", means=means, address=address, **_fields(identity))
        return identity

    def _identify(self, credentials: Credentials, now_ms: int, address: str) -> Identity:
        if credentials.repeated or (credentials.token is not None and credentials.api_key is not None):
            raise InvalidCredentialsError("more than one credential was given")
        if credentials.token is not None:
            identity = self._identify_token(credentials.token, now_ms)
        else:
            identity = self._identify_key(credentials.api_key or "", now_ms, address)
        if identity.expires_ms is not None and identity.expires_ms <= now_ms:
            raise InvalidCredentialsError("the credentials have expired", identity)
        return identity

    def _identify_key(self, api_key: str, now_ms: int, address: str) -> Identity:
        try:
            holder = self._api_keys.lookup(api_key, now_ms)
        except OSError:
            raise InvalidCredentialsError("API keys cannot be checked at the moment") from None
        if holder is None:
            raise InvalidCredentialsError("the API key is not valid")
        identity = Identity(holder.user, holder.scopes, holder.expires_ms, holder.id)
        if not holder.admits(address):
            raise InvalidCredentialsError("the API key may not be used from this address", identity)
        return identity

    def _identify_token(self, token: str, now_ms: int) -> Identity:
        try:
            claims = verify_token(token, self._token_keys, self._rules, now_ms)
            identity = _identity(claims, self._rules.leeway_ms)
        except InvalidTokenError as error:
            raise InvalidCredentialsError(str(error)) from None
        try:
            revoked = self._revocations.revoked(identity)
        except OSError:
            raise InvalidCredentialsError("tokens cannot be checked at the moment", identity) from None
        if revoked:
            raise InvalidCredentialsError("the token was revoked", identity)
        return identity


def _identity(claims: dict[str, Any], leeway_ms: int) -> Identity:
    user, scope = claims["sub"], claims.get("scope", "read")
    if not (isinstance(user, str) and valid_user(user)):
        raise InvalidTokenError("the token's 'sub' is no user name")
    if not isinstance(scope, str):
        raise InvalidTokenError("the token's 'scope' is no text")
    return Identity(
        user,
        frozenset(scope.split()).intersection(SCOPES),
        time_ms(claims, "exp") + leeway_ms,
        token_id=claims.get("jti"),
        issued_ms=time_ms(claims, "iat") if "iat" in claims else None,
    )


def _fields(identity: Identity) -> dict[str, object]:
    """Return what a record says of somebody: nothing that opens anything."""
    return {
        "user": identity.user,
        "scopes": sorted(identity.scopes),
        "key": identity.key_id,
        "jti": identity.token_id,
        "expires_ms": identity.expires_ms,
    }


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
