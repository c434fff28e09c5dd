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
from finalex.clock import now_ms
from finalex.config import SETTINGS, load_config
from finalex.credentials.grants import GrantError, parse_grant
from finalex.credentials.keys import KEYS_FILE_NAME, LABEL_LENGTH_MAX, KeyRecord, KeyStore
from finalex.settings.flags import with_flags
from finalex.tables import text_table

ConfigFile = Annotated[
    str, Parameter(help="TOML file with settings; else FINALEX_CONFIG names it.", show_default=False)
]
UserName = Annotated[str, Parameter(help="Whose: 1 to 64 printable ASCII characters without spaces.")]
ScopeList = Annotated[str, Parameter(help="What it allows: read, trade or both, with a comma between.")]

BUSY_TIMEOUT_MS = 5000
"""How long a command waits for another process that writes."""

COMMON = [SETTINGS["data_dir"]]

_EXAMPLES = """\
Examples:
  finalex api-key create --user alice --label "trading desk"
  finalex api-key create --user alice --scope read --ttl 90d --test
  finalex api-key list
  finalex api-key revoke pk_live_1a2B3c4D
"""

keys = App(name="api-key", help="Create, list and revoke API keys.", help_epilogue=_EXAMPLES)


@keys.command
@with_flags(COMMON)
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
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make an API key and print it, this once: only its hash is kept."""
    grant = parse_grant(user, scope, ttl or None)
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise GrantError(f"A label must have at most {LABEL_LENGTH_MAX} printable characters.")
    with closing(_store(flags, config)) as store:
        key, record = store.create(grant, label, now_ms(), live=not test)
    print(key)
    sys.stdout.flush()
    allowed = " and ".join(sorted(record.scopes))
    print(f"Key {record.id}… of {record.user} allows to {allowed}; it is not shown again.", file=sys.stderr)
    return 0


@keys.command(name="list")
@with_flags(COMMON)
def list_keys(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """List every key there ever was, without the part that is secret."""
    with closing(_store(flags, config)) as store:
        records = store.records()
    now = now_ms()
    print(
        text_table(("KEY", "USER", "SCOPES", "STATE", "CREATED", "EXPIRES", "LABEL"), [_row(r, now) for r in records])
    )
    return 0


@keys.command
@with_flags(COMMON)
def revoke(
    key: Annotated[str, Parameter(help="The key's beginning, as `list` shows it.")],
    /,
    *,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Make a key worthless at once; a server that runs ends the connections that it opened."""
    with closing(_store(flags, config)) as store:
        record = store.revoke(key, now_ms())
    if record is None:
        print("finalex: There is no such key; 'finalex api-key list' shows them all.", file=sys.stderr)
        return 1
    print(f"Key {record.id}… of {record.user} is revoked.")
    return _close_connections(record, flags, config)


def _close_connections(record: KeyRecord, flags: dict[str, str | bool], config: str) -> int:
    """Have a server that runs end the connections that the key opened; without one there are none."""
    try:
        closed = ask_server(CloseKey(key=record.id), ClosedReply, flags, config).connections
    except NoServerError:
        return 0
    except AdminError as error:
        sys.stdout.flush()
        print(f"finalex: Connections that it opened may go on. {error}", file=sys.stderr)
        return 1
    print(f"The running server closed {closed} connection{'' if closed == 1 else 's'} that it had opened.")
    return 0


def _store(flags: dict[str, str | bool], config: str) -> KeyStore:
    path = load_config(flags, os.environ, config or None).data_dir / KEYS_FILE_NAME
    return KeyStore(path, BUSY_TIMEOUT_MS)


def _row(record: KeyRecord, now: int) -> tuple[str, ...]:
    state = "valid" if record.valid(now) else "revoked" if record.revoked_ms is not None else "expired"
    expires = "never" if record.expires_ms is None else _date(record.expires_ms)
    scopes = ",".join(sorted(record.scopes))
    return record.id, record.user, scopes, state, _date(record.created_ms), expires, record.label


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
