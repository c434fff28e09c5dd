"""What the Python client costs, beside bare WebSocket clients that receive the same stream.

`python -m bench.clients` captures messages of a live server that plays a recording, makes a stream of them, and lets a
sender that only copies (core 0) send it to one client after the other (core 1). It prints medians, or with
`--profile` where the Python client spends its time.
"""

import argparse
import asyncio
import json
import pstats
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.clients.capture import capture
from bench.clients.receivers import RECEIVERS
from bench.clients.report import Cost, markdown
from bench.clients.sender import write_feed
from bench.clients.stream import FEEDS, Feed, make_feed
from bench.crowd.processes import CLIENT_CORE, SERVER_CORE, running
from bench.fanout.machine import describe_machine
from bench.replay import DATA, RECORDINGS, print_rooms, serving

Run = Callable[..., Cost]


def make_feeds(directory: Path, messages: int) -> dict[str, Feed]:
    """Capture messages, and write the feeds made of them into a directory."""
    with serving() as port:
        captured = asyncio.run(capture(port))
    feeds = {name: make_feed(name, captured, messages) for name in FEEDS}
    for name, feed in feeds.items():
        write_feed(directory, name, feed)
    return feeds


def receive(**given: Any) -> Cost:
    """Let one client receive a feed; raises `CalledProcessError` if it did not get all of it."""
    command = ["taskset", "-c", CLIENT_CORE, sys.executable, "-m", "bench.clients.receive", json.dumps(given)]
    return Cost(**json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def print_costs(port: int, feeds: dict[str, Feed], runs: int, *, uvloop: bool) -> None:
    """Measure all clients with all feeds `runs` times, interleaved, and print the medians."""
    costs: dict[tuple[str, str], list[Cost]] = {(feed, client): [] for feed in feeds for client in RECEIVERS}
    for _ in range(runs):
        for (name, client), measured in costs.items():
            url = f"ws://127.0.0.1:{port}/{name}"
            counts = feeds[name].counts
            measured.append(receive(name=client, url=url, feed=name, counts=counts, uvloop=uvloop, profile=None))
    print(markdown(costs))


def print_profiles(port: int, feeds: dict[str, Feed], directory: Path, *, uvloop: bool) -> None:
    """Print where the Python client spends its time with each feed."""
    for name, feed in feeds.items():
        path = str(directory / f"{name}.profile")
        url = f"ws://127.0.0.1:{port}/{name}"
        receive(name="finalex", url=url, feed=name, counts=feed.counts, uvloop=uvloop, profile=path)
        print(f"## {name}\n")
        print_rooms(pstats.Stats(path))
        print()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=300_000, help="length of a stream (default: 300000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, interleaved (default: 5)")
    parser.add_argument("--uvloop", action="store_true", help="run the clients on uvloop instead of asyncio's own loop")
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    options = parser.parse_args()
    if options.messages < 1 or options.runs < 1:
        parser.error("--messages and --runs must be at least 1")
    if not (DATA / RECORDINGS[0]).exists():
        sys.exit(f"the recordings are not in {DATA}: set FINALEX_TEST_DATA")
    print(", ".join(f"{name} {value}" for name, value in describe_machine().items()), end="\n\n")
    with tempfile.TemporaryDirectory() as name:
        feeds = make_feeds(Path(name), options.messages)
        with running("bench.clients.sender", name, core=SERVER_CORE) as sender:
            port = sender.hear()
            if options.profile:
                print_profiles(port, feeds, Path(name), uvloop=options.uvloop)
            else:
                print_costs(port, feeds, options.runs, uvloop=options.uvloop)


if __name__ == "__main__":
    main()
