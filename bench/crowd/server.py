"""Our server as a program for a crowd, which tells on demand how large it is and what its garbage collector did.

`python -m bench.crowd.server --gc frozen` runs the whole product with its log in memory and limits wide enough for a
crowd from one address. It prints its port, and for each line `report` on standard input one line of JSON; with the end
of standard input it ends.
"""

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable

import uvloop

from bench.crowd.wire import SECRET
from finalex import app
from finalex.config import Config
from finalex.settings.places import IN_MEMORY, SourceSetting
from finalex.telemetry import configure_logging

PLENTY = 1_000_000
FUNDS = 10**16

YOUNG = (700, 10, 100_000)
"""Thresholds that collect what is young as often as Python does, and all there is next to never."""


def keep_defaults() -> None:
    """Collect as Python does by itself."""


def freeze() -> None:
    """Leave what there is at the start out of all collections."""
    gc.collect()
    gc.freeze()


def collect_young() -> None:
    """Leave also out what has become old since."""
    freeze()
    gc.set_threshold(*YOUNG)


GC_SETTINGS: dict[str, Callable[[], None]] = {
    "default": keep_defaults,
    "frozen": freeze,
    "young": collect_young,
    "off": gc.disable,
}


class Collections:
    """How often each generation was collected, and the longest time that took, since the last report."""

    def __init__(self) -> None:
        self._counts = [0, 0, 0]
        self._longest_s = [0.0, 0.0, 0.0]
        self._start_s = 0.0
        gc.callbacks.append(self._note)

    def report(self) -> dict[str, object]:
        """Return the counts and times so far, and what a collection of everything takes now."""
        counts, longest_s, self._counts, self._longest_s = self._counts, self._longest_s, [0, 0, 0], [0.0, 0.0, 0.0]
        start_s = time.perf_counter()
        garbage = gc.collect()
        full_s = time.perf_counter() - start_s
        self._counts, self._longest_s = [0, 0, 0], [0.0, 0.0, 0.0]
        return {
            "collections": counts,
            "longest_ms": [round(seconds * 1000, 2) for seconds in longest_s],
            "full_ms": round(full_s * 1000, 2),
            "garbage": garbage,
            "objects": len(gc.get_objects()),
        }

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._start_s = time.perf_counter()
            return
        generation, taken_s = info["generation"], time.perf_counter() - self._start_s
        self._counts[generation] += 1
        self._longest_s[generation] = max(self._longest_s[generation], taken_s)


def rss_kib() -> int:
    """Return how much memory this process has."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def config(*, demo: bool) -> Config:
    """Return the server's configuration: nobody is too many, and nobody is missed who answers no pings."""
    return Config(
        port=0,
        source=SourceSetting("exchange"),
        data_dir=IN_MEMORY,
        jwt_secret=SECRET,
        demo_balances=demo,
        demo_amounts={"USDT": FUNDS, "ADA": FUNDS},
        connections_per_ip=PLENTY,
        messages_per_minute_max=PLENTY,
        orders_per_second_max=0,
        connections_per_account=0,
        handshakes_per_minute_max=PLENTY,
        handshakes_per_second_max=PLENTY,
        bytes_per_minute_max=1 << 40,
        bytes_per_minute_per_ip_max=1 << 40,
        bytes_per_minute_of_all_max=1 << 40,
        ping_interval_ms=3_600_000,
        pong_timeout_ms=600_000,
    )


async def serve(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    async with app.serving(config(demo=options.demo)) as server:
        GC_SETTINGS[options.gc]()
        collections = Collections()

        def obey() -> None:
            if sys.stdin.readline():
                size_kib = rss_kib()
                print(json.dumps({"rss_kib": size_kib, **collections.report()}), flush=True)
            else:
                ended.set()

        loop.add_reader(sys.stdin.fileno(), obey)
        print(server.port, flush=True)
        await ended.wait()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="our server, for a crowd")
    parser.add_argument("--gc", choices=GC_SETTINGS, default="default")
    parser.add_argument("--demo", action="store_true", help="give each user an account with demo amounts")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    configure_logging("error", "text")
    uvloop.run(serve(options))


if __name__ == "__main__":
    main()
