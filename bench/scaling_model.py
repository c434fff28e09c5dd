"""A model of 10 thousand, 1 million and 10 million sockets: what it takes, what it costs, and what breaks first.

`python -m bench.scaling_model` prints its tables, from the figures in `bench.scaling_figures` and the inputs that its
flags change, and simulates the return of everybody whose gateways were lost, and takeovers. `--write` puts the tables
into `docs/scaling.md`; `--sockets`, `--events` and so on print one column with other inputs.
"""

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import scaling_storm
from bench.scaling_figures import HEADER_BYTES, Prices, per_message_us, per_write_us, table, value
from finalex.cluster.presence_peers import KEYS_MAX, NODES_MAX

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
MARK = "<!-- {} of {} -->"
"""Between two of them in the page is what this program makes of the part so named."""

HOURS_PER_MONTH = 730
EVENTS_PER_ORDER = 2.5
"""An order is accepted, and then trades or rests, and is canceled at some time."""
LOAD_MAX = 0.6
"""A gateway is not given more of its core than this: the rest is for peaks, openings and the loss of others."""
NATS_LOAD_MAX = 0.5
MACHINE_CORES = 16
RECORDS_PER_S_MAX = 200
"""The log has one message for each answer that its writer gets: they come some 5 ms apart under load."""
ENGINE_CORES, NATS_CORES = 4, 6
"""Two engines and three NATS servers, of two cores each."""
MACHINE_BITS_MAX = 10e9
LEAVES = 2
"""Leaf nodes of a region: one may be lost."""
KEYS_PER_SOCKET = 2
"""An address and an account."""


@dataclass(frozen=True)
class Inputs:
    """How many there are, and what each of them is sent."""

    name: str
    sockets: int
    regions: int
    events_per_s: float
    messages_per_s: float = 8.0
    """Of each client: a busy market's ticker, trades, book and candles, conflated."""
    writes_per_s: float = 4.0
    """In which they leave: what one tick of the log causes leaves together."""

    @property
    def orders_per_s(self) -> float:
        """How many orders cause the events."""
        return self.events_per_s / EVENTS_PER_ORDER


CASES = (
    Inputs("10 thousand", 10_000, 1, 1_000),
    Inputs("1 million", 1_000_000, 3, 2_000),
    Inputs("10 million", 10_000_000, 6, 3_000),
)


@dataclass(frozen=True)
class Needs:
    """What some inputs take; shares are of one core, rates are a second."""

    inputs: Inputs

    @property
    def event_share(self) -> float:
        """What each gateway needs for the events, whoever is connected to it."""
        return self.inputs.events_per_s * value("event") / 1e6

    @property
    def client_us(self) -> float:
        """What a client costs its gateway, each second."""
        return self.inputs.writes_per_s * per_write_us() + self.inputs.messages_per_s * per_message_us()

    @property
    def clients_per_gateway(self) -> int:
        """How many a gateway can have; 0 where the events leave nothing."""
        return max(0, int((LOAD_MAX - self.event_share) * 1e6 / self.client_us))

    @property
    def gateways(self) -> int:
        """How many are needed; one machine's more, so that one may be lost."""
        needed = math.ceil(self.inputs.sockets / max(1, self.clients_per_gateway))
        return needed + min(MACHINE_CORES, needed)

    @property
    def gateway_mib(self) -> float:
        """The memory of one."""
        return value("gateway") + self.inputs.sockets / self.gateways * value("connection") / 1024

    @property
    def records_per_s(self) -> float:
        """Messages of the log."""
        return min(RECORDS_PER_S_MAX, max(20.0, self.inputs.orders_per_s))

    @property
    def log_bytes_per_s(self) -> float:
        """The log, once."""
        return self.inputs.events_per_s * value("logged") + self.records_per_s * HEADER_BYTES

    @property
    def core_bytes_per_s(self) -> float:
        """What leaves the stream's leader: two copies for the others, and one for each leaf node."""
        return self.log_bytes_per_s * (2 + LEAVES * self.inputs.regions)

    @property
    def region_bytes_per_s(self) -> float:
        """What a region's leaf nodes send its gateways."""
        return self.log_bytes_per_s * self.gateways / self.inputs.regions

    @property
    def leaf_cores(self) -> float:
        """What that takes in each region, in cores of nats-server."""
        return self.records_per_s * self.gateways / self.inputs.regions * value("nats") / 1e6

    @property
    def egress_bytes_per_s(self) -> float:
        """What all clients are sent."""
        return self.inputs.sockets * self.inputs.messages_per_s * value("message")

    @property
    def compressed_bytes_per_s(self) -> float:
        """The same, if all of them take it compressed."""
        return self.egress_bytes_per_s * value("compressed")

    def cores_dollars(self, prices: Prices) -> float:
        """What all processes cost in a month."""
        leaves = self.inputs.regions * LEAVES * max(1, math.ceil(self.leaf_cores))
        return (self.gateways + ENGINE_CORES + NATS_CORES + leaves) * HOURS_PER_MONTH * prices.core_hour


def traffic_dollars(bytes_per_s: float, prices: Prices) -> float:
    """Return what traffic to clients costs in a month."""
    return bytes_per_s * 3600 * HOURS_PER_MONTH / 1e9 * prices.gigabyte


def limits(needs: Needs) -> list[tuple[float, str]]:
    """Return at how many sockets which part is at its end, the first first, all else as it is."""
    inputs, clients = needs.inputs, needs.clients_per_gateway
    order_share = inputs.orders_per_s / inputs.sockets
    machine_bits = clients * MACHINE_CORES * inputs.messages_per_s * value("message") * 8
    leaf_gateways = NATS_LOAD_MAX * MACHINE_CORES * 1e6 / value("nats") / needs.records_per_s
    found = [
        (
            KEYS_MAX / KEYS_PER_SOCKET,
            f"a gateway remembers {KEYS_MAX:,} addresses and accounts of others; above, limits of connections hold "
            "for parts of the cluster",
        ),
        (NODES_MAX * clients, f"a gateway listens to {NODES_MAX} others; above, the same"),
        (
            value("orders") / order_share,
            f"one engine takes {value('orders'):,.0f} orders a second, where they grow with the sockets",
        ),
        (
            inputs.regions * leaf_gateways * clients,
            f"the leaf node of a region, with {MACHINE_CORES} cores, cannot send the log to more gateways",
        ),
    ]
    if machine_bits > MACHINE_BITS_MAX:
        found.append((0, "a machine of gateways has more to send than 10 Gbit/s"))
    return sorted(found)


def events_at_the_end() -> float:
    """Return how many events a second leave a gateway no time for clients."""
    return LOAD_MAX * 1e6 / value("event")


def needs_table(cases: Iterable[Inputs], prices: Prices) -> str:
    """Return what the cases take, as a table."""
    all_needs = [Needs(case) for case in cases]
    rows = [
        ("sockets", [f"{each.inputs.sockets:,}" for each in all_needs]),
        ("events a second", [f"{each.inputs.events_per_s:,.0f}" for each in all_needs]),
        ("of orders", [f"{each.inputs.orders_per_s:,.0f}" for each in all_needs]),
        ("regions", [f"{each.inputs.regions}" for each in all_needs]),
        ("a gateway's core for the events", [f"{each.event_share:.0%}" for each in all_needs]),
        ("clients of a gateway", [f"{each.clients_per_gateway:,}" for each in all_needs]),
        ("gateways, with a machine to spare", [f"{each.gateways:,}" for each in all_needs]),
        ("memory of a gateway", [f"{each.gateway_mib:,.0f} MiB" for each in all_needs]),
        ("the log", [f"{each.log_bytes_per_s / 1e3:,.0f} kB/s" for each in all_needs]),
        ("the stream's leader sends", [f"{each.core_bytes_per_s / 1e6:.2f} MB/s" for each in all_needs]),
        ("leaf nodes to gateways, a region", [f"{each.region_bytes_per_s / 1e6:,.1f} MB/s" for each in all_needs]),
        ("cores of leaf nodes, a region", [f"{each.leaf_cores:.2f}" for each in all_needs]),
        ("to clients", [f"{each.egress_bytes_per_s * 8 / 1e9:,.1f} Gbit/s" for each in all_needs]),
        ("the same, compressed", [f"{each.compressed_bytes_per_s * 8 / 1e9:,.1f} Gbit/s" for each in all_needs]),
        ("cores, a month", [f"${each.cores_dollars(prices):,.0f}" for each in all_needs]),
        ("traffic, a month", [f"${traffic_dollars(each.egress_bytes_per_s, prices):,.0f}" for each in all_needs]),
        ("the same, compressed", [f"${traffic_dollars(e.compressed_bytes_per_s, prices):,.0f}" for e in all_needs]),
    ]
    head = f"| | {' | '.join(each.inputs.name for each in all_needs)} |"
    lines = [head, "| --- |" + " ---: |" * len(all_needs)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def limits_list(inputs: Inputs) -> str:
    """Return what breaks first, numbered."""
    found = enumerate(limits(Needs(inputs)), 1)
    rows = [f"{number}. **{float(f'{sockets:.2g}'):,.0f} sockets**: {why}." for number, (sockets, why) in found]
    events = (
        f"At {events_at_the_end():,.0f} events a second a gateway has no time left for clients, however few there are."
    )
    return "\n".join([*rows, "", events])


def sections(prices: Prices) -> dict[str, str]:
    """Return every generated part of the page by its name."""
    return {
        "figures": table(),
        "needs": needs_table(CASES, prices),
        "limits": limits_list(CASES[1]),
        "storm": scaling_storm.storm_table([(case.name, Needs(case).gateways, case.sockets) for case in CASES]),
        "takeover": scaling_storm.takeover_table(),
    }


def renewed(page: str, parts: dict[str, str]) -> str:
    """Return the page with its generated parts as they are now; raises `ValueError` if one has no place."""
    for name, text in parts.items():
        begin, end = MARK.format("begin", name), MARK.format("end", name)
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"the page has no place for {name}")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def main() -> None:
    """Print or write what the arguments ask for."""
    parser = argparse.ArgumentParser(description="a model of 10 thousand to 10 million sockets")
    parser.add_argument("--write", action="store_true", help=f"renew the tables of docs/{PAGE.name}")
    parser.add_argument("--sockets", type=int, help="one column for so many")
    parser.add_argument("--regions", type=int, default=1)
    parser.add_argument("--events", type=float, default=1_000, help="events a second")
    parser.add_argument("--messages", type=float, default=8, help="messages a second to each client")
    parser.add_argument("--writes", type=float, default=4, help="writes a second in which they leave")
    parser.add_argument("--core-hour", type=float, default=Prices().core_hour, help="dollars")
    parser.add_argument("--gigabyte", type=float, default=Prices().gigabyte, help="dollars, of traffic to clients")
    options = parser.parse_args()
    prices = Prices(options.core_hour, options.gigabyte)
    if options.write:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), sections(prices)), encoding="utf-8")
    elif options.sockets:
        asked = Inputs(f"{options.sockets:,}", options.sockets, options.regions, options.events)
        asked = replace(asked, messages_per_s=options.messages, writes_per_s=options.writes)
        print(needs_table([asked], prices), limits_list(asked), sep="\n\n")
    else:
        print("\n\n".join(sections(prices).values()))


if __name__ == "__main__":
    main()
