"""What somebody is allowed, as an operator writes it: a user, scopes, and for how long."""

import re

import msgspec

from finalex.session.auth import RESERVED_PREFIXES, SCOPES, USER_LENGTH_MAX, valid_user

TTL_MAX_MS = 3650 * 86_400_000
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class GrantError(Exception):
    """A wrong user, scope or time; the text is one sentence."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token or an API key is good for; `ttl_ms` is how long, `None` is without end."""

    user: str
    scopes: frozenset[str]
    ttl_ms: int | None


def parse_grant(user: str, scope: str, ttl: str | None) -> Grant:
    """Return the grant that three texts describe; raises `GrantError`."""
    return Grant(user=_user(user), scopes=_scopes(scope), ttl_ms=None if ttl is None else parse_ttl(ttl))


def _user(text: str) -> str:
    if text.startswith(RESERVED_PREFIXES):
        raise GrantError(f"User name {text!r} is reserved for accounts of the exchange itself.")
    if not valid_user(text):
        shown = repr(text[:USER_LENGTH_MAX])
        raise GrantError(
            f"User name {shown} must have 1 to {USER_LENGTH_MAX} printable ASCII characters and no spaces."
        )
    return text


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(scope.strip() for scope in text.split(","))
    if not scopes <= frozenset(SCOPES):
        raise GrantError(f"Scope {text[:80]!r} must be some of {','.join(SCOPES)}, with commas between.")
    return scopes


def parse_ttl(text: str) -> int:
    """Return a time such as 90s or 7d in milliseconds; raises `GrantError`."""
    match = re.fullmatch(r"(\d{1,12})([smhd])", text, re.ASCII)
    ttl_ms = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < ttl_ms <= TTL_MAX_MS:
        raise GrantError(
            f"Time {text[:80]!r} must be a number with s, m, h or d, such as 90s, 30m, 1h or 7d (at most 3650d)."
        )
    return ttl_ms
