"""Whoever writes the log, as a program that notes when each order is appended.

`python -m bench.cluster_writer one` runs the whole product in one process, with its log on disk; `engine URL,URL
REPLICAS` runs an engine of a cluster. It prints its port (0 for an engine) when it writes; for each line on standard
input a line of JSON with the times, in nanoseconds of the system's steady clock, at which orders that rest were
appended since the last, by their price; with the end of standard input it ends.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from bench.crowd.server import config as crowd_config
from finalex import app
from finalex.cluster.leading import Leading
from finalex.config import Config
from finalex.log.jetstream.log import JetStreamLog
from finalex.log.sqlite import SqliteLog
from finalex.model.events import AnyEvent, OrderRested
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.roles.engine import engine_running
from finalex.telemetry import configure_logging


class Noting:
    """Notes when orders are appended, to whatever log there is."""

    def __init__(self) -> None:
        self.times_ns: dict[str, int] = {}
        for log in (SqliteLog, JetStreamLog):
            setattr(log, "append", self._noted(log.append))  # noqa: B010 (a method, of a class)

    def report(self) -> dict[str, int]:
        """Return what was noted, and forget it."""
        times_ns, self.times_ns = self.times_ns, {}
        return times_ns

    def _noted(self, append: Callable[..., Any]) -> Callable[..., Any]:
        def noted(log: object, events: Iterable[AnyEvent], time_ms: int) -> Any:
            now_ns = time.monotonic_ns()
            for event in events:
                if isinstance(event, OrderRested):
                    self.times_ns[DEFAULT_INSTRUMENTS[event.symbol].price_text(event.price)] = now_ns
            return append(log, events, time_ms)

        return noted


async def write_alone(config: Config, ended: asyncio.Event) -> None:
    """Run the whole product until `ended`."""
    async with app.serving(config) as server:
        print(server.port, flush=True)
        await ended.wait()


async def write_as_engine(config: Config, ended: asyncio.Event) -> None:
    """Run an engine until `ended`."""

    @asynccontextmanager
    async def say_so(_: Leading) -> AsyncIterator[None]:
        print(0, flush=True)
        yield

    async with engine_running(config) as engine:
        engine.role.duties.append(say_so)
        await ended.wait()


async def run(config: Config) -> None:
    """Write, and report what is noted, until standard input ends."""
    noting, ended = Noting(), asyncio.Event()

    def obey() -> None:
        if sys.stdin.readline():
            print(json.dumps(noting.report()), flush=True)
        else:
            ended.set()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), obey)
    await (write_as_engine if config.nats else write_alone)(config, ended)


def main() -> None:
    """Run what the arguments ask for."""
    kind, *places = sys.argv[1:]
    configure_logging("error", "text")
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        config = replace(crowd_config(demo=True), data_dir=Path(folder))
        if kind == "engine":
            servers, replicas = places
            config = replace(config, nats=tuple(servers.split(",")), nats_replicas=int(replicas), admin_port=0)
        uvloop.run(run(config))


if __name__ == "__main__":
    main()
