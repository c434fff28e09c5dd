"""Medians of what clients cost, as a table."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """One run of one client: CPU is of its process alone."""

    messages: int
    seconds: float
    user_s: float
    system_s: float

    @property
    def messages_per_s(self) -> float:
        """How many messages it took a second."""
        return self.messages / self.seconds

    @property
    def cpu_us(self) -> float:
        """User and system CPU for each message."""
        return (self.user_s + self.system_s) * 1e6 / self.messages

    @property
    def user_us(self) -> float:
        """User CPU for each message."""
        return self.user_s * 1e6 / self.messages


def markdown(costs: Mapping[tuple[str, str], Sequence[Cost]]) -> str:
    """Return the table of all runs by feed and client; multiples are of the first client of the same feed."""
    lines = [
        "| feed | client | messages/s | CPU µs/message | of it user | × the first | share of a core |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    first: dict[str, float] = {}
    for (feed, client), runs in costs.items():
        cpu_us = statistics.median(run.cpu_us for run in runs)
        user_us = statistics.median(run.user_us for run in runs)
        rate = statistics.median(run.messages_per_s for run in runs)
        share = statistics.median((run.user_s + run.system_s) / run.seconds for run in runs)
        multiple = cpu_us / first.setdefault(feed, cpu_us)
        name = f"**{client}**" if client == "finalex" else client
        cells = f"{rate:,.0f} | {cpu_us:.2f} | {user_us:.2f} | {multiple:.1f} | {share:.2f}"
        lines.append(f"| {feed} | {name} | {cells} |")
    return "\n".join(lines)
