"""Two moments of a cluster, simulated step by step: everybody of a lost machine comes back, and an engine takes over.

Time is virtual, and the lots are the same each time.
"""

import heapq
import statistics
from random import Random
from typing import NamedTuple

from bench.scaling_figures import value
from finalex.client.backoff import Backoff
from finalex.client.link import CONNECT_TIMEOUT_S

SEED = 7
SPARE_SHARE = 0.4
"""What a gateway's core has left for those who come back, beside the clients it has."""
LOST_MAX = 16
"""A machine of so many gateways is lost."""
SIMULATED_MAX = 50_000
"""Of more clients a part is simulated, with as large a part of the gateways."""
TAKEOVERS = 20_000
STANDBYS = 2
TAKEOVER_MS = 2000
"""The setting `takeover_ms` as it is unless changed."""
JITTER = 0.25
"""Standbys wait up to this share longer."""
CLOCK_MS = 50
"""A leader writes at least so often."""
RETRY_MS = 250
"""A writer tries again so long after a failure."""


class Storm(NamedTuple):
    """How long clients were away, in seconds, and how often one tried in vain."""

    median_s: float
    p99_s: float
    worst_s: float
    vain: int


def storm(gateways: int, sockets: int, *, jitter: float, rng: Random) -> Storm:
    """Lose a machine of gateways, or half of them, and let its clients come back to the others, by the SDK's back-off.

    A gateway restores one client after the other. Who has waited for `CONNECT_TIMEOUT_S` gives up, and tries again.
    """
    lost = min(LOST_MAX, gateways // 2)
    part = min(1.0, SIMULATED_MAX / (sockets * lost / gateways))
    clients, survivors = int(sockets * lost / gateways * part), max(1, int((gateways - lost) * part))
    backoff, each_s = Backoff(jitter=jitter), value("restored") / 1e3 / SPARE_SHARE
    free_s = [0.0] * survivors
    attempts = [(backoff.delay_ms(0, rng.random()) / 1e3, number, 0) for number in range(clients)]
    heapq.heapify(attempts)
    away_s: list[float] = []
    vain = 0
    while attempts:
        now_s, number, failures = heapq.heappop(attempts)
        gateway = rng.randrange(survivors)
        done_s = max(free_s[gateway], now_s) + each_s
        if done_s - now_s > CONNECT_TIMEOUT_S:
            vain += 1
            delay_s = backoff.delay_ms(failures + 1, rng.random()) / 1e3
            heapq.heappush(attempts, (now_s + CONNECT_TIMEOUT_S + delay_s, number, failures + 1))
            continue
        free_s[gateway] = done_s
        away_s.append(done_s)
    return Storm(*_percentiles(away_s), vain)


def storm_table(cases: list[tuple[str, int, int]]) -> str:
    """Return the storms of some numbers of gateways and sockets, with the SDKs' jitter and without, as a table."""
    rows = [
        "| sockets | lost | come back to | jitter | away, median | 99 % | worst | tries in vain |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, gateways, sockets in cases:
        for jitter in (Backoff().jitter, 0.0):
            found = storm(gateways, sockets, jitter=jitter, rng=Random(SEED))
            lost = min(LOST_MAX, gateways // 2)
            rows.append(
                f"| {name} | {lost} of {gateways:,} gateways | {gateways - lost:,} | {jitter:.0%} "
                f"| {found.median_s:.1f} s | {found.p99_s:.1f} s | {found.worst_s:.1f} s | {found.vain:,} |"
            )
    return "\n".join(rows)


def takeover_s(rng: Random) -> float:
    """Return how long orders are not taken after the leading engine was killed."""
    unheard_ms = rng.uniform(0, CLOCK_MS)  # since the last record
    waited_ms = min(TAKEOVER_MS * rng.uniform(1, 1 + JITTER) for _ in range(STANDBYS))
    return (waited_ms - unheard_ms + 2 * value("order_ms")) / 1e3


def election_s(rng: Random) -> float:
    """Return how long the log takes nothing after the NATS server was killed that led its stream."""
    first_s = min(rng.uniform(4, value("election")) for _ in range(2))  # the other two wait by their own lots
    return first_s + rng.uniform(0, RETRY_MS) / 1e3 + value("order_ms") / 1e3


def takeover_table() -> str:
    """Return how long orders are not taken, as a table."""
    rows = ["| lost | median | 99 % | worst |", "| --- | ---: | ---: | ---: |"]
    for name, draw in (("the leading engine", takeover_s), ("the NATS server that leads the stream", election_s)):
        rng = Random(SEED)
        shown = (f"{seconds:.2f} s" for seconds in _percentiles([draw(rng) for _ in range(TAKEOVERS)]))
        rows.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(rows)


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98], max(values)
