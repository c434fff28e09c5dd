"""A connection storm: how long it takes until everybody is back, and what others notice of it.

`python -m bench.storm --connections 5000` connects that many clients with ten subscriptions each, lets all of them lose
their connections at once and come back, several times, and prints how long it took until the last one had all its
openings, and the latency of other clients' updates before and meanwhile.
"""

import argparse
import time
from typing import Any

from bench.crowd.processes import CLIENT_CORE, SERVER_CORE, running
from bench.crowd.server import GC_SETTINGS


def latencies(report: dict[str, Any]) -> str:
    """Return the cell of a report by the observer."""
    return " / ".join(f"{report[name]:.1f}" for name in ("p50", "p99", "max")) if report["count"] else "none came"


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="all clients reconnect at once")
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3, help="storms, one after the other (default: 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="quiet time before each (default: 5)")
    parser.add_argument("--gc", choices=GC_SETTINGS, default="default")
    options = parser.parse_args()
    print("| storm | clients | all are back, s | attempts refused | latency before, ms (p50 / p99 / max) | meanwhile |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    with running("bench.crowd.server", "--demo", "--gc", options.gc, core=SERVER_CORE) as server:
        port = str(server.hear())
        with (
            running("bench.crowd.clients", port, str(options.connections), core=CLIENT_CORE, niceness=10) as crowd,
            running("bench.crowd.observer", port, core=CLIENT_CORE) as observer,
        ):
            crowd.hear()
            for number in range(1, options.runs + 1):
                observer.ask("forget what was before")
                time.sleep(options.seconds)
                before = observer.ask("report")
                storm = crowd.ask("again")
                meanwhile = observer.ask("report")
                print(
                    f"| {number} | {options.connections} | {storm['seconds']:.2f} | {storm['retries']} "
                    f"| {latencies(before)} | {latencies(meanwhile)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
