"""The figures that the model of scale starts from: what was measured here, by which command, and what is assumed.

A figure that is measured anew is changed here, and nowhere else; `python -m bench.scaling_model --write` then renews
the tables of `docs/scaling.md`.
"""

from typing import NamedTuple


class Figure(NamedTuple):
    """A number, what it is of, and the command that measured it, or who says so."""

    value: float
    unit: str
    what: str
    source: str


MEASURED = {
    "connection": Figure(
        16.3,
        "KiB",
        "memory of a logged-in connection with ten subscriptions",
        "`python -m bench.memory --connections 5000 --gc young`",
    ),
    "gateway": Figure(60, "MiB", "memory of a gateway without connections", "`python -m bench.fanout`"),
    "single": Figure(
        11.204, "µs", "CPU of a delivery that leaves alone", "`python -m bench.fanout` (single, 1,000 clients)"
    ),
    "joined": Figure(
        1.878,
        "µs",
        "CPU of a delivery that leaves with seven others",
        "`python -m bench.fanout` (ticks, 1,000 clients)",
    ),
    "event": Figure(
        88,
        "µs",
        "CPU of an event on every gateway",
        "`python -m bench.cluster_fanout --only gateways --gateways 1 --subscribers 1`",
    ),
    "orders": Figure(
        6_029,
        "orders/s",
        "orders of 100 clients on three servers that sync always",
        "`python -m bench.cluster_orders`",
    ),
    "order_ms": Figure(13, "ms", "how long they wait for their answer, median", "`python -m bench.cluster_orders`"),
    "restored": Figure(
        1.83,
        "ms",
        "CPU of a client that comes back with ten subscriptions",
        "`python -m bench.storm --connections 5000 --gc young`",
    ),
    "message": Figure(271, "bytes", "a message to a client, with its frame", "`python -m bench.scaling_sizes`"),
    "compressed": Figure(0.63, "of it", "the same, compressed", "`python -m bench.scaling_sizes`"),
    "logged": Figure(21, "bytes", "an event in the log", "`python -m bench.scaling_sizes`"),
    "nats": Figure(
        21.147,
        "µs",
        "CPU of a delivery by nats-server",
        "`python -m bench.fanout` (single, 1,000 clients)",
    ),
    "election": Figure(
        9, "s", "the longest that NATS waits for a lost leader of a stream", "its source, `raft.go`: 4 to 9 s"
    ),
}

HEADER_BYTES = 250
"""What a message of the log has on NATS beside its events: envelope, subject, headers, TCP and IP."""


class Prices(NamedTuple):
    """Assumed prices, in dollars; put in your own: `--core-hour`, `--gigabyte`."""

    core_hour: float = 0.04
    gigabyte: float = 0.02
    """Of traffic that leaves for clients."""


def value(name: str) -> float:
    """Return a figure."""
    return MEASURED[name].value


def per_write_us() -> float:
    """Return what one write to a socket costs: eight messages in one write cost as much as `joined` says."""
    return value("single") - per_message_us()


def per_message_us() -> float:
    """Return what each message in a write costs beside the write itself."""
    return (8 * value("joined") - value("single")) / 7


def table() -> str:
    """Return the figures as a table."""
    rows = ["| figure | | measured by |", "| --- | ---: | --- |"]
    rows += [f"| {each.what} | {each.value:,g} {each.unit} | {each.source} |" for each in MEASURED.values()]
    return "\n".join(rows)
