"""The heartbeat: looks at every connection once a sweep, a part of them at a time."""

import asyncio
from collections.abc import Iterator
from itertools import chain

from finalex.gateway.connection import Connection
from finalex.gateway.failures import report_failure
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.spread import spread
from finalex.metrics import Metrics

PARTS = 10
"""A sweep visits the connections in this many parts, so that many of them do not hold up the loop at once."""


class Heartbeat:
    """All open connections; pings each every `ping_interval_ms`, the first time at a moment of its own."""

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._ping_interval_ms = settings.ping_interval_ms
        self._pause_s = settings.sweep_interval_ms / 1000 / PARTS
        self._metrics = metrics
        self._parts: tuple[dict[Connection, None], ...] = tuple({} for _ in range(PARTS))

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Connection]:
        return chain.from_iterable(tuple(part) for part in self._parts)

    def add(self, connection: Connection) -> None:
        """Begin to look after `connection`."""
        connection.ping_due_ms = _tick_ms() + spread(connection.number) * self._ping_interval_ms
        self._parts[connection.number % PARTS][connection] = None

    def discard(self, connection: Connection) -> None:
        """Look after `connection` no longer."""
        self._parts[connection.number % PARTS].pop(connection, None)

    async def run(self) -> None:
        """Visit all connections again and again until cancelled."""
        while True:
            for part in self._parts:
                await asyncio.sleep(self._pause_s)
                tick_ms = _tick_ms()
                for connection in tuple(part):
                    self._visit(connection, tick_ms)

    def _visit(self, connection: Connection, tick_ms: float) -> None:
        try:
            connection.visit(tick_ms)
        except Exception as error:  # one connection must not stop the heart of all
            report_failure("heartbeat", error, self._metrics)
            connection.drop()


def _tick_ms() -> float:
    return asyncio.get_running_loop().time() * 1000
