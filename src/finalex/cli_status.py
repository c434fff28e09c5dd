"""The command line's look at a server that runs: `finalex status`."""

from datetime import UTC, datetime, timedelta

from finalex.admin.messages import ShowStatus, StatusReply
from finalex.cli_admin import ask_server
from finalex.cli_keys import REACH, ConfigFile
from finalex.settings.flags import with_flags


@with_flags(REACH)
def status(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Say how the server is that runs on the data directory."""
    reply = ask_server(ShowStatus(), StatusReply, flags, config)
    print("\n".join(f"{name:<12} {value}" for name, value in _lines(reply)))
    return 0


def _lines(reply: StatusReply) -> list[tuple[str, str]]:
    log_time = datetime.fromtimestamp(reply.time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    log = f"sequence {reply.sequence}, time {log_time}"
    return [
        ("version", reply.version),
        ("process", str(reply.process)),
        ("up", str(timedelta(seconds=reply.uptime_ms // 1000))),
        ("source", reply.source),
        ("log", log if reply.problem is None else f"{log}, takes no events: {reply.problem}"),
        ("connections", str(reply.connections)),
    ]
