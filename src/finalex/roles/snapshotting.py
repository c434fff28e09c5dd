"""The writer of a cluster's snapshots: `python -m finalex.roles.snapshotting`, a process beside the leading engine.

It reads a `ClusterSnapshotJob`, a line of JSON, from its standard input, loads the newest good snapshot from the object
store, applies what the log has since, as a start would, and writes the next one. So every snapshot is what a replay
gives, whoever leads meanwhile. On success it prints a `Written` as JSON; else it prints a sentence to the standard
error, exits with 1, and leaves everything as it was. It ends when its standard input closes: with its engine.
"""

import asyncio
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from finalex.bus.address import BusAddress
from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.channels.hub import Hub
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.log.jetstream.reading import LoopReader
from finalex.log.jetstream.stream import LogStream
from finalex.model.instruments import Instrument, Instruments
from finalex.recovery import read_tail, replay
from finalex.roles.recovery import restore_stored
from finalex.snapshots.folder import Written
from finalex.snapshots.snapshot import take_snapshot
from finalex.snapshotting import do_job

COMMAND = (sys.executable, "-m", "finalex.roles.snapshotting")


class ClusterSnapshotJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to make a snapshot of, where, and how the engine is set up; batches above `until` are left out.

    It has NATS's password in it: it is shown to nobody, and goes through a pipe.
    """

    address: BusAddress
    cluster: str
    until: int
    instruments: list[Instrument]
    ticker_interval_ms: int
    kline_interval_ms: int

    def build_hub(self) -> Hub:
        """Return a new hub, set up as the gateways'."""
        return Hub(Instruments(self.instruments), self.ticker_interval_ms, self.kline_interval_ms)

    def encode(self) -> bytes:
        """Return the job as a line."""
        return msgspec.json.encode(self, enc_hook=str) + b"\n"


def decode_job(line: bytes) -> ClusterSnapshotJob:
    """Return what `ClusterSnapshotJob.encode` was called on."""
    return msgspec.json.decode(line, type=ClusterSnapshotJob, dec_hook=_path)


def _path(kind: type, value: Any) -> Path:
    if kind is not Path:
        raise NotImplementedError(kind)
    return Path(value)


async def advance_snapshot(job: ClusterSnapshotJob) -> tuple[Written, list[str]]:
    """Write the snapshot that `job` wants; return also sentences about snapshots that could not be used.

    Raises `RecoveryError`, `LogError`, `BusError`.
    """
    names = Names(job.cluster)
    client = await connect(job.address, "finalex snapshots")
    try:
        store = SnapshotStore(client, names)
        restored = await restore_stored(store, job.build_hub)
        reader = LoopReader(LogStream(client, names), asyncio.get_running_loop())
        batches = takewhile(lambda batch: batch.sequence <= job.until, read_tail(restored, reader.read))
        await asyncio.to_thread(replay, restored.hub, batches)
        return await store.write(take_snapshot(restored.hub)), restored.problems
    finally:
        await client.close()


def main() -> int:
    """Do the job on the standard input and return the exit code."""
    return do_job(lambda line: asyncio.run(advance_snapshot(decode_job(line))))


if __name__ == "__main__":
    sys.exit(main())
