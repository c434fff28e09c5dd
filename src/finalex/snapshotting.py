"""The writer of snapshots: `python -m finalex.snapshotting`, a process beside the server, so that serving never waits.

It reads a `SnapshotJob`, a line of JSON, from its standard input, loads the newest good snapshot, applies what the log
has since, as a start would, and writes the next one. So every snapshot is what a replay gives. It only reads the log's
database, which the server goes on writing, and leaves the processor to the server. On success it prints a `Written` as
JSON; else it prints a sentence to the standard error, exits with 1, and leaves everything as it was.

Nobody else may write snapshots meanwhile: a server that stops ends this process before it writes its own, and when a
server dies its end of the standard input closes, which ends this process at once: the next server may start already.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import takewhile
from pathlib import Path

import msgspec

from finalex.channels.hub import Hub
from finalex.log.disk import Disk
from finalex.log.reading import read_batches
from finalex.log.schema import FILE_NAME
from finalex.model.events import Batch
from finalex.model.instruments import Instrument, Instruments
from finalex.recovery import RecoveryError, read_tail, replay, restore_newest
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder, Written
from finalex.snapshots.snapshot import take_snapshot

NICENESS = 10
"""How much this process steps back behind others (see nice(2)); 19 is the most."""

COMMAND = (sys.executable, "-m", "finalex.snapshotting")


class SnapshotJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to make a snapshot of, and how the server is set up.

    Batches above `until`, a durable one, are left out: so a log that grows as fast as it is read has an end.
    """

    data_dir: str
    until: int
    instruments: list[Instrument]
    ticker_interval_ms: int
    kline_interval_ms: int

    def build_hub(self) -> Hub:
        """Return a new hub, set up as the server's."""
        return Hub(Instruments(self.instruments), self.ticker_interval_ms, self.kline_interval_ms)


def write_snapshot(folder: SnapshotFolder, hub: Hub) -> Written:
    """Store the state of `hub`, all of which is durable in the log; raises `OSError`, with what was there unharmed."""
    return folder.write(take_snapshot(hub))


def advance_snapshot(
    folder: SnapshotFolder, read: Callable[[int], Iterator[Batch]], build_hub: Callable[[], Hub], until: int
) -> tuple[Written, list[str]]:
    """Write the snapshot at `until`, or at the last batch that `read` gives before it.

    Returns also sentences about snapshots that could not be used. Raises `RecoveryError`, `LogError`, `OSError`.
    """
    restored = restore_newest(folder, build_hub)
    replay(restored.hub, takewhile(lambda batch: batch.sequence <= until, read_tail(restored, read)))
    return write_snapshot(folder, restored.hub), restored.problems


def _end_with_server() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)


def do_job(advance: Callable[[bytes], tuple[Written, list[str]]]) -> int:
    """Let `advance` do the job on the standard input, a line, beside the process that holds its other end.

    When that closes, because the process died, this one ends at once. Returns the exit code.
    """
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server ends this process itself
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_server, daemon=True).start()
    try:
        with redirect_stdout(sys.stderr):  # whatever is logged meanwhile is no part of the answer
            written, problems = advance(line)
    except (RecoveryError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.stdout.buffer.write(msgspec.json.encode(written) + b"\n")
    return 0


def _advance(line: bytes) -> tuple[Written, list[str]]:
    job = msgspec.json.decode(line, type=SnapshotJob)
    directory = Path(job.data_dir)
    folder, database = SnapshotFolder(directory / FOLDER_NAME), directory / FILE_NAME
    return advance_snapshot(folder, lambda after: read_batches(database, Disk(), after), job.build_hub, job.until)


def main() -> int:
    """Do the job on the standard input and return the exit code."""
    return do_job(_advance)


if __name__ == "__main__":
    sys.exit(main())
