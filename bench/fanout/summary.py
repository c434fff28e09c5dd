"""The results of interleaved runs, brought together: medians, with the least and the most."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.fanout.result import Mode, Result

PERCENTILES = ("p50", "p99", "p99.9", "max")

CLOCK_TICK_S = 0.01
"""How exactly the system counts CPU time: a server that took less took this."""


@dataclass(frozen=True)
class Spread:
    """What some runs measured of one thing."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One server at one workload, over all runs; units are those of `Result`.

    `load_share` is the load generator's CPU time as a multiple of the server's.
    """

    target: str
    workload: str
    clients: int
    mode: Mode
    runs: int
    cpu_us: Spread
    user_us: Spread
    messages_per_s: Spread
    rss_bytes: Spread
    load_share: Spread
    latency_us: dict[str, Spread]


def spread(values: Iterable[float]) -> Spread:
    """Return the median of `values`, the least and the greatest of them; raises `ValueError` if there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is nothing to summarize")
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def summarize(results: Iterable[Result]) -> list[Summary]:
    """Return a summary for each server, workload, number of clients and mode, in the order in which they first come."""
    grouped: dict[tuple[str, str, int, Mode], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.target, result.workload, result.clients, result.mode), []).append(result)
    return [_summarized(runs) for runs in grouped.values()]


def _summarized(runs: Sequence[Result]) -> Summary:
    first = runs[0]
    return Summary(
        first.target,
        first.workload,
        first.clients,
        first.mode,
        len(runs),
        cpu_us=spread(run.cpu_us for run in runs),
        user_us=spread(run.user_us for run in runs),
        messages_per_s=spread(run.messages_per_s for run in runs),
        rss_bytes=spread(run.rss_bytes for run in runs),
        load_share=spread(run.load_s / max(run.user_s + run.system_s, CLOCK_TICK_S) for run in runs),
        latency_us=_latency_us(runs),
    )


def _latency_us(runs: Sequence[Result]) -> dict[str, Spread]:
    """Return the percentiles of the runs that have any: in a short run no tick may have begun and ended."""
    timed = [run.latency_us for run in runs if run.latency_us.get("max", 0) > 0]
    return {name: spread(found[name] for found in timed) for name in PERCENTILES} if timed else {}


@dataclass(frozen=True)
class Comparison:
    """The servers at one workload in one mode: what one table or plot shows.

    `floor` is the server that others are compared with, and `ours` the one that stands out.
    """

    workload: str
    mode: Mode
    floor: str
    ours: str
    summaries: tuple[Summary, ...]

    @property
    def clients(self) -> list[int]:
        """The numbers of clients there are, the least first."""
        return sorted({summary.clients for summary in self.summaries})

    @property
    def main_clients(self) -> int:
        """The number of clients that most is said about: the one in the middle."""
        return self.clients[len(self.clients) // 2]

    @property
    def targets(self) -> list[str]:
        """The servers, the best first: least CPU at the main number of clients, or the lowest p99 at a fixed rate."""
        found = dict.fromkeys(summary.target for summary in self.summaries)
        return sorted(found, key=self._rank)

    def find(self, target: str, clients: int) -> Summary | None:
        """Return what one server did with so many clients."""
        matching = (summary for summary in self.summaries if (summary.target, summary.clients) == (target, clients))
        return next(matching, None)

    def cost_us(self, summary: Summary) -> Spread:
        """Return the CPU for each message that this mode is about: of user space alone if writes do nothing."""
        return summary.user_us if self.mode == "user_space" else summary.cpu_us

    def multiple(self, summary: Summary) -> float | None:
        """Return the CPU as a multiple of the floor's with as many clients, if that was measured and writes count."""
        floor = self.find(self.floor, summary.clients)
        if floor is None or self.mode == "user_space":
            return None
        return summary.cpu_us.median / floor.cpu_us.median

    def _rank(self, target: str) -> float:
        at_main = self.find(target, self.main_clients)
        if at_main is None:
            return float("inf")
        if self.mode == "fixed" and "p99" in at_main.latency_us:
            return at_main.latency_us["p99"].median
        return self.cost_us(at_main).median


def comparisons(summaries: Iterable[Summary], floor: str, ours: str) -> list[Comparison]:
    """Return one comparison for each workload and mode, in the order in which they first come."""
    grouped: dict[tuple[str, Mode], list[Summary]] = {}
    for summary in summaries:
        grouped.setdefault((summary.workload, summary.mode), []).append(summary)
    return [Comparison(workload, mode, floor, ours, tuple(found)) for (workload, mode), found in grouped.items()]
