"""The rules of the house, as data: which room may import which, what a pure room may use, words that no file has."""

ARROWS = {
    "model": set[str](),
    "exchange": {"model"},
    "market": {"model"},
    "protocol": {"model"},
    "channels": {"market", "protocol", "model", "exchange"},
    "session": {"channels", "protocol", "model", "exchange.outcomes", "exchange.order"},
    "bus": set[str](),
    "log": {"model", "bus", "ending"},
    "snapshots": {"channels.hub", "exchange", "model"},
    "sources": {"exchange", "log", "model"},
    "settings": {"model"},
    "credentials": {"session.auth", "session.tokens", "settings.kinds"},
    "audit": {"redaction"},
    "admin": {"audit.log", "model", "exchange.accounts", "exchange.outcomes", "exchange.state", "session.auth"},
    "reference": {"protocol", "model", "session", "settings.markets", "config"},
    "client": {"protocol", "market", "model"},
    "terminal": {"client", "protocol", "market", "model", "clock"},
    "page": set[str](),
    "chaos": {"gateway", "protocol", "model", "metrics", "settings.kinds"},
    "recorder": {"protocol", "gateway.assembler", "clock", "redaction", "stopping", "bars"},
    "cluster": {
        *(
            "bus",
            "ending",
            "log",
            "model",
            "exchange",
            "session",
            "sources.port",
            "snapshots",
            "credentials",
            "admin",
            "metrics",
        ),
        "sources.external_port",
    },
    "gateway": {"session", "channels", "protocol", "model", "log.port", "exchange.outcomes", "metrics"},
}
"""Which rooms, or single modules of them, the modules of a room may import besides their own."""

BESIDE_ARROWS = {
    "config": {"model", "settings", "credentials", "chaos.setting", "market_settings", "cluster_settings", "config"},
    "market_settings": {"model", "settings", "credentials"},
    "cluster_settings": {"settings", "credentials", "market_settings", "bus.address", "bus.names"},
    "recovery": {"snapshots", "channels.hub", "exchange.state", "log.port", "model"},
    "rewind": {"recovery", "snapshots", "channels.hub", "log"},
    "archive": {"snapshots", "channels.past", "exchange.order"},
    "recaller": {"channels", "log.port", "model", "protocol.messages"},
    "persistence": {
        "archive",
        "recaller",
        "recovery",
        "snapshotting",
        "snapshots",
        "channels.hub",
        "exchange.state",
        "log",
        "metrics",
    },
}
"""The same for modules beside the rooms that bring rooms together; all other modules beside the rooms see none."""

COMPOSITION = {
    "__main__",
    "app",
    "authentication",
    "cli",
    "cli_account",
    "cli_admin",
    "cli_audit",
    "cli_bus",
    "cli_client",
    "cli_credentials",
    "cli_cluster",
    "cli_cluster_backup",
    "cli_cluster_external",
    "cli_cluster_status",
    "cli_keys",
    "cli_log",
    "cli_market",
    "cli_record",
    "cli_reference",
    "cli_doctor",
    "cli_status",
    "cli_tail",
    "cli_token",
    "cli_trade",
    "cli_watch",
    "hosting",
    "roles",
    "served_pages",
    "snapshotting",
    "sourcing",
    "starting",
    "testing",
}
"""The modules beside the rooms that may import everything, and that nobody else imports."""

PURE_ROOMS = ("model", "exchange", "market", "protocol", "channels", "session")

PURE_LIBRARIES = {
    *("abc", "bisect", "calendar", "collections", "copy", "dataclasses", "datetime", "difflib", "enum"),
    *(
        "functools",
        "base64",
        "binascii",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "types",
        "typing",
    ),
    *("uuid", "jwt", "msgspec"),
}
"""All that a pure room may import from outside: nothing that waits, reads, writes, draws lots or knows the time."""

IMPURE_FUNCTIONS = {"open", "print", "input", "eval", "exec", "uuid1", "uuid4"}
IMPURE_METHODS = {"now", "utcnow", "today", "uuid1", "uuid4"}

FORBIDDEN_MODULE_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

FORBIDDEN_TEXTS = (
    *("TO" + "DO", "FIX" + "ME", "XX" + "X", "/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/"),
    *(host.replace(" ", ".") for host in ("pypi org", "files pythonhosted", "registry npmjs", "proxy golang")),
)
"""Notes to oneself, and paths and hosts that mean something on one machine alone."""
