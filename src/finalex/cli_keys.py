"""The command line's API keys: `finalex api-key …`."""

import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from finalex.admin.errors import AdminError, NoServerError
from finalex.admin.messages import ClosedReply, CloseKey
from finalex.cli_admin import ask_server
from finalex.cli_audit import record_change
from finalex.cli_bus import bus_of
from finalex.cli_credentials import key_store
from finalex.clock import now_ms
from finalex.config import SETTINGS, load_config
from finalex.credentials.addresses import parse_addresses
from finalex.credentials.grants import GrantError, parse_grant, parse_ttl
from finalex.credentials.key_records import KeyRecord
from finalex.credentials.keys import KEYS_FILE_NAME, LABEL_LENGTH_MAX
from finalex.settings.flags import with_flags
from finalex.tables import text_table

ConfigFile = Annotated[
    str, Parameter(help="TOML file with settings; else FINALEX_CONFIG names it.", show_default=False)
]
UserName = Annotated[str, Parameter(help="Whose: 1 to 64 printable ASCII characters without spaces.")]
ScopeList = Annotated[str, Parameter(help="What it allows: read, trade or both, with a comma between.")]

COMMON = [SETTINGS["data_dir"]]

REACH = [*COMMON, *(setting for name, setting in SETTINGS.items() if name.startswith("nats") or name == "cluster_name")]
"""The settings that say where a server is, or where the NATS of an exchange of many processes is."""

GATEWAYS_END_THEM = "Every gateway ends the connections that it opened."

_EXAMPLES = """\
Examples:
  finalex api-key create --user alice --label "trading desk"
  finalex api-key create --user alice --scope read --ttl 90d --test
  finalex api-key create --user alice --addresses 203.0.113.7,10.0.0.0/8
  finalex api-key list
  finalex api-key rotate pk_live_1a2B3c4D --grace 7d
  finalex api-key revoke pk_live_1a2B3c4D
"""

_HEAD = ("KEY", "USER", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USE", "ADDRESSES", "LABEL")

keys = App(name="api-key", help="Create, list, rotate and revoke API keys.", help_epilogue=_EXAMPLES)


@keys.command
@with_flags(REACH)
def create(
    *,
    user: UserName,
    scope: ScopeList = "read,trade",
    ttl: Annotated[
        str, Parameter(help="How long it is valid, such as 90d; else without end.", show_default=False)
    ] = "",
    label: Annotated[str, Parameter(help="A note for the list.", show_default=False)] = "",
    test: Annotated[
        bool, Parameter(help="Make a pk_test_… key instead of a pk_live_… key.", negative=(), show_default=False)
    ] = False,
    addresses: Annotated[
        str,
        Parameter(
            help="From where it may be used: addresses or ranges such as 10.0.0.0/8, with commas between; "
            "else from anywhere.",
            show_default=False,
        ),
    ] = "",
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make an API key and print it, this once: only its hash is kept."""
    grant = parse_grant(user, scope, ttl or None)
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise GrantError(f"A label must have at most {LABEL_LENGTH_MAX} printable characters.")
    ranges = parse_addresses(addresses)
    configuration = load_config(flags, os.environ, config or None)
    with closing(key_store(configuration)) as store:
        key, record = store.create(grant, label, now_ms(), live=not test, addresses=ranges)
    _show_once(key, record)
    record_change(configuration, "api_key_created", **_told(record))
    return 0


@keys.command(name="list")
@with_flags(REACH)
def list_keys(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """List every key there ever was, without the part that is secret."""
    configuration = load_config(flags, os.environ, config or None)
    with closing(key_store(configuration)) as store:
        records = store.records()
    now, unused = now_ms(), "never" if (configuration.data_dir / KEYS_FILE_NAME).exists() else "not known"
    print(text_table(_HEAD, [_row(record, now, unused) for record in records]))
    return 0


@keys.command
@with_flags(REACH)
def rotate(
    key: Annotated[str, Parameter(help="The old key's beginning, as `list` shows it.")],
    /,
    *,
    grace: Annotated[str, Parameter(help="How long the old key goes on to work: a number with s, m, h or d.")] = "24h",
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make a key for the same as another and print it, this once; the other one ends after a time of grace."""
    grace_ms = parse_ttl(grace)
    configuration = load_config(flags, os.environ, config or None)
    with closing(key_store(configuration)) as store:
        rotated = store.rotate(key, grace_ms, now_ms())
    if rotated is None:
        print("finalex: There is no such key that is valid; 'finalex api-key list' shows them all.", file=sys.stderr)
        return 1
    new_key, new, old = rotated
    _show_once(new_key, new)
    ends_ms = old.expires_ms or 0
    print(f"Key {old.id}… works until {date_text(ends_ms)}.", file=sys.stderr)
    record_change(configuration, "api_key_rotated", **_told(new), old_key=old.id, old_expires_ms=ends_ms)
    return 1 if _closed_connections(CloseKey(key=old.id, from_ms=ends_ms), flags, config) is None else 0


@keys.command
@with_flags(REACH)
def revoke(
    key: Annotated[str, Parameter(help="The key's beginning, as `list` shows it.")],
    /,
    *,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make a key worthless at once; a server that runs ends the connections that it opened."""
    configuration = load_config(flags, os.environ, config or None)
    with closing(key_store(configuration)) as store:
        record = store.revoke(key, now_ms())
    if record is None:
        print("finalex: There is no such key; 'finalex api-key list' shows them all.", file=sys.stderr)
        return 1
    print(f"Key {record.id}… of {record.user} is revoked.")
    record_change(configuration, "api_key_revoked", key=record.id, user=record.user)
    closed = _closed_connections(CloseKey(key=record.id), flags, config)
    if closed:
        print(closed)
    return 1 if closed is None else 0


def _show_once(key: str, record: KeyRecord) -> None:
    print(key)
    sys.stdout.flush()
    allowed = " and ".join(sorted(record.scopes))
    print(f"Key {record.id}… of {record.user} allows to {allowed}; it is not shown again.", file=sys.stderr)


def _told(record: KeyRecord) -> dict[str, object]:
    """Return what the audit log tells of a key."""
    told = {"key": record.id, "user": record.user, "scopes": sorted(record.scopes), "expires_ms": record.expires_ms}
    return told | ({"addresses": record.addresses} if record.addresses else {})


def _closed_connections(request: CloseKey, flags: dict[str, str | bool], config: str) -> str | None:
    """Have a server that runs end the connections that the key opened; without one there are none.

    Return what is to be said about it, or `None` if it could not be done, which was said.
    """
    if bus_of(load_config(flags, os.environ, config or None)) is not None:
        return GATEWAYS_END_THEM
    try:
        closed = ask_server(request, ClosedReply, flags, config).connections
    except NoServerError:
        return ""
    except AdminError as error:
        sys.stdout.flush()
        print(f"finalex: Connections that it opened may go on. {error}", file=sys.stderr)
        return None
    return f"The running server closed {closed} connection{'' if closed == 1 else 's'} that it had opened."


def _row(record: KeyRecord, now: int, unused: str) -> tuple[str, ...]:
    state = "valid" if record.valid(now) else "revoked" if record.revoked_ms is not None else "expired"
    expires = "never" if record.expires_ms is None else date_text(record.expires_ms)
    used = unused if record.last_used_ms is None else date_text(record.last_used_ms)
    scopes = ",".join(sorted(record.scopes))
    addresses = ",".join(record.addresses) or "any"
    return record.id, record.user, scopes, state, date_text(record.created_ms), expires, used, addresses, record.label


def date_text(time_ms: int) -> str:
    """Return a time as text, in UTC and to the second."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
