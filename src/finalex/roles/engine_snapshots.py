"""The snapshots of a cluster, as the leading engine sees to them: a process beside it writes one every now and then."""

import asyncio
from contextlib import suppress

import msgspec

from finalex.bus.connection import BusError
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.config import Config
from finalex.log.port import Log, LogProblem
from finalex.roles.snapshotting import COMMAND, ClusterSnapshotJob
from finalex.snapshots.child import write_in_child
from finalex.snapshots.folder import Written

SOON_MS = 2000
"""How soon the very first snapshot comes, so that the instruments are known, and the next while the log is full."""

LOOK_INTERVAL_S = 0.5


class EngineSnapshots:
    """Sees to the snapshots of what `config` says, while an engine leads; `newest` is the last one's sequence.

    `job` says how a snapshot is made, `interval_ms` how often.
    """

    def __init__(self, config: Config) -> None:
        self.newest = 0
        self.interval_ms = config.snapshot_interval_ms
        self.job = ClusterSnapshotJob(
            address=config.bus_address,
            cluster=config.cluster_name,
            until=0,
            instruments=list(config.instruments.values()),
            ticker_interval_ms=config.ticker_interval_ms,
            kline_interval_ms=config.kline_interval_ms,
        )

    async def run(self, store: SnapshotStore, log: Log) -> None:
        """Write a snapshot in each interval, and have `log` forget what it covers, until cancelled."""
        loop = asyncio.get_running_loop()
        with suppress(BusError):
            self.newest = next(iter(await store.sequences()), 0)
        written_s = loop.time()
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            if (loop.time() - written_s) * 1000 >= self.due_ms(log):
                written = await self.write(log.sequence)
                written_s = loop.time()
                if written is not None:
                    log.trim(written.covered)

    async def write(self, until: int) -> Written | None:
        """Write the snapshot at the batch `until`; one that fails is logged, and is no reason to do anything else."""
        written = await write_in_child(COMMAND, msgspec.structs.replace(self.job, until=until).encode())
        if written is not None:
            self.newest = written.sequence
        return written

    def due_ms(self, log: Log) -> int:
        """Return how long after the last one the next snapshot is due."""
        urgent = not self.newest or log.problem is LogProblem.DISK_FULL
        return min(SOON_MS, self.interval_ms) if urgent else self.interval_ms
