"""What one run measured."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["saturated", "fixed", "user_space"]
"""Closed loop: the next tick as soon as all have one; so many ticks a second; closed loop with writes made no-ops."""


@dataclass(frozen=True)
class Result:
    """One server, one workload, once; CPU and memory are of all the server's processes, over the measured interval.

    Latency, from the write of the trigger to the receipt of the last message of its tick, is of all clients and ticks.
    `messages` are those delivered to clients (with "user_space": those that the server believes it delivered).
    """

    target: str
    workload: str
    clients: int
    mode: Mode
    ticks: int
    messages: int
    seconds: float
    user_s: float
    system_s: float
    rss_bytes: int
    load_s: float
    """The CPU time that the load generator took."""
    latency_us: dict[str, float]
    """By percentile: "p50", "p99", "p99.9", "max"."""

    @property
    def cpu_us(self) -> float:
        """User and system CPU for each message delivered."""
        return (self.user_s + self.system_s) * 1e6 / self.messages

    @property
    def user_us(self) -> float:
        """User CPU for each message delivered."""
        return self.user_s * 1e6 / self.messages

    @property
    def messages_per_s(self) -> float:
        """How many messages were delivered a second."""
        return self.messages / self.seconds
