"""A process that writes is killed at any moment: what it acknowledged is there, once and in order."""

import random
import subprocess
import sys
from pathlib import Path

from finalex.log.disk import Disk
from finalex.log.reading import read_batches
from finalex.model.events import BookWithdrawn

KILLS = 6

WRITER = """
import asyncio, sys
from pathlib import Path

import structlog

from finalex.log.sqlite import SqliteLog
from finalex.model.events import BookWithdrawn

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # a log that was cut says so

async def write():
    log = SqliteLog(Path(sys.argv[1]), asyncio.get_running_loop().call_soon_threadsafe)
    log.follow(lambda batch: print(batch.sequence, len(batch.events), flush=True))
    while True:
        for count in (0, 1, 2, 0, 0, 3):
            events = [BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=number) for number in range(count)]
            log.append(events, log.sequence)
            await asyncio.sleep(0)

asyncio.run(write())
"""


def run_until_killed(directory: Path, lines: int) -> list[tuple[int, int]]:
    """Let a process write and kill it after it has printed so many lines; return what it acknowledged in all."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        printed = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        printed += process.stdout.readlines()
    whole = [line.split() for line in printed if line.endswith("\n")]
    return [(int(sequence), int(events)) for sequence, events in whole]


def test_what_was_acknowledged_survives_every_kill(tmp_path: Path) -> None:
    chance = random.Random(5)
    acknowledged: list[tuple[int, int]] = []
    for _ in range(KILLS):
        acknowledged += run_until_killed(tmp_path, chance.randrange(1, 400))
        stored = list(read_batches(tmp_path / "events.sqlite", Disk(), None))
        happened = {batch.sequence: len(batch.events) for batch in stored if batch.events}

        for sequence, events in acknowledged:
            assert happened.get(sequence, 0) == events
        for batch in stored:
            assert all(isinstance(event, BookWithdrawn) for event in batch.events)
            assert [event.time_ms for event in batch.events] == list(range(len(batch.events)))

    sequences = [sequence for sequence, _ in acknowledged]
    assert sequences == sorted(set(sequences))
