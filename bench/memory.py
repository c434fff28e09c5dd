"""What a connection costs in memory, and what the garbage collector's work is with many of them.

`python -m bench.memory --connections 5000` runs our server once with each of some settings of the garbage collector,
opens that many logged-in connections with ten subscriptions each, and prints the server's memory per connection, how
long its collections took while they came, and how long a collection of everything takes then. A storm, in which all
reconnect at once, follows, and the same is printed for it.
"""

import argparse
from typing import Any, NamedTuple

from bench.crowd.processes import CLIENT_CORE, SERVER_CORE, running
from bench.crowd.server import GC_SETTINGS

WARM_UP_CLIENTS = 20


class Measured(NamedTuple):
    """The server's reports: before anybody came, with all connected, and after all had come again."""

    before: dict[str, Any]
    connected: dict[str, Any]
    again: dict[str, Any]


def measure(setting: str, connections: int) -> Measured:
    """Run one server and its crowd."""
    with running("bench.crowd.server", "--gc", setting, core=SERVER_CORE) as server:
        port = str(server.hear())
        with running("bench.crowd.clients", port, str(WARM_UP_CLIENTS), core=CLIENT_CORE) as few:
            few.hear()
        before = server.ask("report")
        with running("bench.crowd.clients", port, str(connections), core=CLIENT_CORE) as crowd:
            crowd.hear()
            connected = server.ask("report")
            crowd.ask("again")
            return Measured(before, connected, server.ask("report"))


def print_row(setting: str, moment: str, before: dict[str, Any], report: dict[str, Any], connections: int) -> None:
    """Print one row of the table."""
    each_kib = (report["rss_kib"] - before["rss_kib"]) / connections
    objects = (report["objects"] - before["objects"]) / connections
    counts = " / ".join(map(str, report["collections"]))
    longest = " / ".join(f"{longest_ms:.1f}" for longest_ms in report["longest_ms"])
    print(
        f"| {setting} | {moment} | {report['rss_kib'] / 1024:.0f} | {each_kib:.1f} | {objects:.0f} "
        f"| {counts} | {longest} | {report['full_ms']:.1f} | {report['garbage']} |",
        flush=True,
    )


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="memory per connection, and the garbage collector's pauses")
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--gc", default=",".join(GC_SETTINGS), help="settings of the garbage collector to compare")
    options = parser.parse_args()
    print(
        "| collector | after | server MiB | KiB each | objects each | collections | longest ms | full, ms | garbage |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for setting in options.gc.split(","):
        measured = measure(setting, options.connections)
        print_row(setting, "connecting", measured.before, measured.connected, options.connections)
        print_row(setting, "a storm", measured.before, measured.again, options.connections)


if __name__ == "__main__":
    main()
