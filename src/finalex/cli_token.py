"""The command line's tokens: `finalex token …`."""

import os
import sys
from contextlib import closing
from typing import Annotated

import jwt
from cyclopts import App, Parameter

from finalex.admin.errors import AdminError, NoServerError
from finalex.admin.messages import ClosedReply, CloseToken
from finalex.cli_admin import ask_server
from finalex.cli_audit import record_change
from finalex.cli_bus import bus_of
from finalex.cli_credentials import adopt_own_secret, check_own_secret, revocation_store
from finalex.cli_keys import GATEWAYS_END_THEM, REACH, ConfigFile, ScopeList, UserName, date_text
from finalex.clock import now_ms
from finalex.config import load_config
from finalex.credentials.grants import TTL_MAX_MS, GrantError, parse_grant, parse_ttl
from finalex.credentials.revocations import RevokedTokens
from finalex.market_settings import LEEWAY_MS_MAX
from finalex.session.auth import valid_user
from finalex.session.tokens import TOKEN_ID_LENGTH_MAX, TOKEN_LENGTH_MAX
from finalex.settings.flags import with_flags
from finalex.tables import text_table

_EXAMPLES = """\
Examples:
  finalex token --user alice
  finalex token --user dashboard --ttl 30d --scope read
  wscat -c "ws://localhost:8081?token=$(finalex token --user alice)"
  finalex token revoke --user alice
  finalex token revoke --jti 3q2-7wABAgMEBQYH
  finalex token revoke < token.txt
  finalex token revoked
  finalex token adopt
"""

tokens = App(name="token", help="Make and revoke tokens (JWT).", help_epilogue=_EXAMPLES)


@tokens.default
@with_flags(REACH)
def issue(
    *,
    user: UserName,
    ttl: Annotated[str, Parameter(help="How long it is valid: a number with s, m, h or d.")] = "1h",
    scope: ScopeList = "read,trade",
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Print a token (JWT) for a user, signed with this server's secret."""
    grant = parse_grant(user, scope, ttl)
    configuration = load_config(flags, os.environ, config or None)
    if not configuration.own_tokens:
        print(
            "finalex: This server accepts tokens of the issuer whose keys are configured, not of its own: "
            "set 'jwt_secret' to have both.",
            file=sys.stderr,
        )
        return 1
    doubt = check_own_secret(configuration)
    if doubt is not None:
        print(f"finalex: {doubt}", file=sys.stderr)
    token = configuration.sign_token(grant, now_ms())
    print(token)
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    record_change(configuration, "token_issued", user=user, scopes=sorted(grant.scopes), jti=jti, ttl=ttl)
    return 0


@tokens.command
@with_flags(REACH)
def revoke(
    *,
    jti: Annotated[str, Parameter(help="The one token with this 'jti'.", show_default=False)] = "",
    user: Annotated[
        str, Parameter(help="All tokens of this user that were issued until now.", show_default=False)
    ] = "",
    ttl: Annotated[
        str, Parameter(help="How long they can live at most, as of now; else 3650d is assumed.", show_default=False)
    ] = "",
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make tokens worthless at once; a server that runs ends the connections that they opened.

    Without --jti and --user the token is read from standard input.
    """
    configuration = load_config(flags, os.environ, config or None)
    entry = _entry(jti, user, ttl)
    with closing(revocation_store(configuration)) as store:
        store.add(entry)
    names = {"jti": entry.name} if entry.kind == "token" else {"user": entry.name}
    record_change(configuration, "token_revoked", **names, expires_ms=entry.expires_ms)
    print(f"{_described(entry)} revoked.")
    return _close_connections(entry, flags, config)


@tokens.command
@with_flags(REACH)
def adopt(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Let this machine's secret be the one that all nodes of an exchange must have when they start.

    That is for a change of the secret: nodes that run go on with the old one until they are restarted with the new.
    """
    configuration = load_config(flags, os.environ, config or None)
    if not configuration.own_tokens:
        print(
            "finalex: Tokens are signed by the issuer whose keys are configured: there is no secret.", file=sys.stderr
        )
        return 1
    if not adopt_own_secret(configuration):
        print("finalex: This is for an exchange of several nodes: 'nats' is not set.", file=sys.stderr)
        return 1
    record_change(configuration, "token_secret_adopted")
    print("From now on a node starts with this secret alone: restart them all.")
    return 0


@tokens.command
@with_flags(REACH)
def revoked(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """List what was revoked and could otherwise still be alive."""
    with closing(revocation_store(load_config(flags, os.environ, config or None))) as store:
        entries = store.entries(now_ms())
    rows = [(_described(entry), date_text(entry.revoked_ms), date_text(entry.expires_ms)) for entry in entries]
    print(text_table(("TOKENS", "REVOKED", "KEPT UNTIL"), rows))
    return 0


def _entry(jti: str, user: str, ttl: str) -> RevokedTokens:
    """Return the entry that the flags, or the token on standard input, ask for."""
    now = now_ms()
    if jti and user:
        raise GrantError("Give --jti or --user, not both.")
    expires_ms = now + (parse_ttl(ttl) if ttl else TTL_MAX_MS)
    if user:
        if not valid_user(user):
            raise GrantError(f"There can be no user {user[:80]!r}.")
        return RevokedTokens(kind="user", name=user, revoked_ms=now, expires_ms=expires_ms, issued_until_ms=now)
    if not jti:
        jti, expires_ms = _read_token(expires_ms)
    if len(jti) > TOKEN_ID_LENGTH_MAX:
        raise GrantError(f"A token's id has at most {TOKEN_ID_LENGTH_MAX} characters.")
    return RevokedTokens(kind="token", name=jti, revoked_ms=now, expires_ms=expires_ms)


def _read_token(expires_ms: int) -> tuple[str, int]:
    """Return id and end of the token on standard input; whose it is does not matter to whoever gives it up."""
    if sys.stdin.isatty():
        print("The token (its line is not hidden): ", end="", file=sys.stderr, flush=True)
    text = sys.stdin.readline(TOKEN_LENGTH_MAX + 2).strip()
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise GrantError("What stands on standard input is no token.") from None
    jti, ends_s = claims.get("jti"), claims.get("exp")
    if not isinstance(jti, str) or not jti:
        raise GrantError("The token has no 'jti': revoke all tokens of its user with --user.")
    if isinstance(ends_s, int | float) and 0 <= ends_s < expires_ms / 1000:
        return jti, int(ends_s * 1000) + LEEWAY_MS_MAX
    return jti, expires_ms


def _described(entry: RevokedTokens) -> str:
    if entry.kind == "token":
        return f"Token {entry.name!r}"
    return f"Tokens of {entry.name} issued until {date_text(entry.issued_until_ms)}"


def _close_connections(entry: RevokedTokens, flags: dict[str, str | bool], config: str) -> int:
    """Have a server that runs end the connections that the tokens opened; without one there are none."""
    if bus_of(load_config(flags, os.environ, config or None)) is not None:
        print(GATEWAYS_END_THEM)
        return 0
    if entry.kind == "token":
        request = CloseToken(token=entry.name)
    else:
        request = CloseToken(user=entry.name, issued_until_ms=entry.issued_until_ms)
    try:
        closed = ask_server(request, ClosedReply, flags, config).connections
    except NoServerError:
        return 0
    except AdminError as error:
        sys.stdout.flush()
        print(f"finalex: Connections that they opened may go on. {error}", file=sys.stderr)
        return 1
    print(f"The running server closed {closed} connection{'' if closed == 1 else 's'} that they had opened.")
    return 0
