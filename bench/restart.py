"""How long a start takes after a kill, against the length of the log.

`python -m bench.restart` writes logs of more and more trades (in batches of 1,000), each followed by a snapshot and by
some minutes of the simulated market without one, and starts `finalex serve` on them until `/ready` answers.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

from bench.replay import free_port, wait_until_ready
from finalex.channels.hub import Hub
from finalex.clock import now_ms
from finalex.exchange.engine import Engine
from finalex.exchange.state import ExchangeState
from finalex.log.sqlite import SqliteLog
from finalex.model.events import Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from finalex.snapshotting import write_snapshot
from finalex.sources.simulate import STEP_INTERVAL_MS, SimulateSource
from finalex.sources.simulation.traders import Traders

BATCH_EVENTS = 1000
PENDING_BYTES_MAX = 16 << 20


Notices = SimpleQueue[Callable[[], None]]
"""What the writer of a log has to say to this thread, which has no event loop."""


def wait_for_disk(log: SqliteLog, notices: Notices, pending_bytes_max: int) -> None:
    """Return when no more than that waits for the disk."""
    while log.pending_bytes > pending_bytes_max:
        notices.get()()


def old_trades(count: int, start_ms: int) -> Iterator[tuple[int, list[Traded]]]:
    """Iterate batches of trades of the past, with their times."""
    symbols = list(DEFAULT_INSTRUMENTS)
    for first in range(0, count, BATCH_EVENTS):
        time_ms = start_ms + first // 100
        yield (
            time_ms,
            [
                Traded(
                    symbol=symbols[number % len(symbols)],
                    trade=number // len(symbols) + 1,
                    price=4_500_000 + number % 997,
                    quantity=1_000_000,
                    side=Side.BUY,
                    time_ms=time_ms,
                )
                for number in range(first, min(first + BATCH_EVENTS, count))
            ],
        )


def write_log(directory: Path, count: int, tail_minutes: float) -> int:
    """Write a log of `count` trades, a snapshot, and a tail; return how many events the tail has."""
    notices: Notices = SimpleQueue()
    log = SqliteLog(directory, notices.put)
    hub, state = Hub(DEFAULT_INSTRUMENTS), ExchangeState(DEFAULT_INSTRUMENTS)
    tail_ms = int(tail_minutes * 60_000)
    for time_ms, trades in old_trades(count, now_ms() - tail_ms - count // 100 - 1000):
        batch = log.append(trades, time_ms)
        hub.apply(batch, ())
        for trade in trades:
            state.apply(trade)
        wait_for_disk(log, notices, PENDING_BYTES_MAX)
    write_snapshot(SnapshotFolder(directory / FOLDER_NAME), hub)
    events = write_tail(log, notices, state, tail_ms)
    log.close()
    return events


def write_tail(log: SqliteLog, notices: Notices, state: ExchangeState, tail_ms: int) -> int:
    """Let the simulated market trade up to now, as fast as it can; return how many events that made."""
    clock = [now_ms() - tail_ms]
    traders = Traders(DEFAULT_INSTRUMENTS, 1)
    source = SimulateSource(Engine(state), log, lambda: clock[0], traders=traders, history_hours=0)
    before = log.sequence
    source.open_markets()
    for _ in range(tail_ms // STEP_INTERVAL_MS):
        clock[0] += STEP_INTERVAL_MS
        source.step()
        wait_for_disk(log, notices, PENDING_BYTES_MAX)
    wait_for_disk(log, notices, 0)
    return sum(len(batch.events) for batch in log.read(after=before))


def start_seconds(directory: Path) -> float:
    """Start the server on a data directory, and kill it when it is ready; return how long that took."""
    port = free_port()
    finalex = str(Path(sys.executable).parent / "finalex")
    command = [finalex, "serve", "--source=exchange", f"--port={port}", f"--data-dir={directory}", "--log-level=error"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until_ready(port)
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="start time against the length of the log")
    parser.add_argument("--events", default="0,1000000,10000000", help="events before the snapshot")
    parser.add_argument("--tail-minutes", type=float, default=5.0, help="simulated market after it (default: 5)")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print("| events in the log | size | events after the snapshot | start |")
    print("| ---: | ---: | ---: | ---: |")
    for count in map(int, options.events.split(",")):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            directory = Path(folder)
            tail = write_log(directory, count, options.tail_minutes)
            size = sum(path.stat().st_size for path in directory.glob("events.sqlite*"))
            seconds = statistics.median(start_seconds(directory) for _ in range(options.runs))
            print(f"| {count + tail:,} | {size / 1e6:,.0f} MB | {tail:,} | {seconds:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
