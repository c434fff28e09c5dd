"""All that waits for slow clients: how much it may be together, and who it is."""

from collections.abc import Iterator
from typing import Protocol

import structlog

from finalex.metrics import Metrics

LOGGED_PER_S_MAX = 10
"""So many lines about slow clients are logged a second; the rest is only counted."""

SLOWEST_SHOWN = 5
"""So many of the longest queues are shown in the metrics, by the number of the connection."""

_log = structlog.get_logger("finalex.gateway")


class SlowClient(Protocol):
    """The outbox of a connection for which much waits."""

    @property
    def open(self) -> bool:
        """Whether it has not been closed yet."""
        ...

    @property
    def lagging(self) -> bool:
        """Whether its messages are conflated."""
        ...

    def waiting_bytes(self) -> int:
        """Return how much waits for it."""
        ...

    def describe(self) -> dict[str, object]:
        """Return who it is, for the log; no secret."""
        ...

    def close_slow(self, reason: str) -> None:
        """Close it with 4000; what waits for it may go for a moment yet."""
        ...

    def drop(self) -> None:
        """End it with all that waits for it."""
        ...


class Backlog:
    """The clients for which more waits than the network takes at once.

    Together no more than `bytes_max` waits for them, and what one tick adds: then those with most go first.
    """

    def __init__(self, bytes_max: int, metrics: Metrics) -> None:
        self._bytes_max = bytes_max
        self._clients: dict[SlowClient, None] = {}
        self._bytes_at_most = 0  # what waited when it was last added up, and all that was written since
        self._log_budget = _LogBudget()
        self._lagged = 0
        metrics.watch("slow_connections", "Connections whose messages are conflated", lambda: self.lagging)
        metrics.watch("queue_bytes", "What waits for slow clients", lambda: sum(self._sizes().values()))
        metrics.watch_labeled("slowest_queue_bytes", "The longest queues", "connection", self._slowest)
        metrics.watch_total("lagging", "How often a client was told that it lags", lambda: self._lagged)

    def __iter__(self) -> Iterator[SlowClient]:
        return iter(tuple(self._clients))

    @property
    def lagging(self) -> int:
        """How many are conflated."""
        return sum(client.lagging for client in self._clients)

    def enter(self, client: SlowClient) -> None:
        """Watch `client` from now on."""
        self._clients[client] = None
        self.note(client.waiting_bytes())

    def leave(self, client: SlowClient) -> None:
        """Watch it no longer: almost nothing waits for it, or it is gone."""
        self._clients.pop(client, None)

    def note(self, size: int) -> None:
        """So many bytes more may wait."""
        self._bytes_at_most += size
        if self._bytes_at_most > self._bytes_max:
            self._relieve()

    def say(self, event: str, client: SlowClient, now_s: float) -> None:
        """Log what has become of `client`, unless too much is logged already."""
        self._lagged += event == "client_lags"
        if self._log_budget.take(now_s):
            unsaid = self._log_budget.unsaid()
            more = {"unsaid": unsaid} if unsaid else {}
            _log.warning(event, waiting_bytes=client.waiting_bytes(), **client.describe(), **more)

    def _relieve(self) -> None:
        """End clients, those already closed and those with most first, until no more waits than may.

        Who is closed keeps what waits for a moment, to read it, unless that is needed again before.
        """
        sizes = self._sizes()
        held = waiting = sum(sizes.values())
        for client in sorted(sizes, key=lambda client: (client.open, -sizes[client])):
            if waiting <= self._bytes_max:
                break
            waiting -= sizes[client]
            if client.open:
                client.close_slow("too much waits for slow clients altogether")
            else:
                client.drop()
                held -= sizes[client]
        self._bytes_at_most = held

    def _sizes(self) -> dict[SlowClient, int]:
        return {client: client.waiting_bytes() for client in self._clients}

    def _slowest(self) -> dict[str, float]:
        sizes = self._sizes()
        slowest = sorted(sizes, key=lambda client: -sizes[client])[:SLOWEST_SHOWN]
        return {str(client.describe()["connection"]): sizes[client] for client in slowest}


class _LogBudget:
    """So many lines a second."""

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0
        self._unsaid = 0

    def take(self, now_s: float) -> bool:
        """Return whether one more may be logged now."""
        second = int(now_s)
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > LOGGED_PER_S_MAX:
            self._unsaid += 1
            return False
        return True

    def unsaid(self) -> int:
        """Return how many were not logged since this was last asked."""
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid
