"""What a server keeps: the log on disk, the state that follows from it, and snapshots so that a start is short."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from finalex.archive import Beginning, NoArchive, SnapshotArchive
from finalex.channels.hub import Hub
from finalex.exchange.state import ExchangeState
from finalex.log.limits import SqliteLimits
from finalex.log.memory import MemoryLog
from finalex.log.port import Log
from finalex.log.sqlite import SqliteLog
from finalex.metrics import Metrics
from finalex.recaller import Archive, LogRecaller
from finalex.recovery import Replayed, recover
from finalex.snapshots.child import write_in_child
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder
from finalex.snapshotting import COMMAND, SnapshotJob, write_snapshot

_log = structlog.get_logger("finalex.persistence")


PROGRESS_INTERVAL_S = 2.0
"""A start that takes long says so often how far it is."""


class Kept:
    """The log of a server, and the two copies of the state that it adds up to: as published, and the engine's.

    `recaller` reads the log again for clients that come back.

    This one is in memory: nothing outlives the process.
    """

    def __init__(self, log: Log, hub: Hub, engine_state: ExchangeState, archive: Archive) -> None:
        self.log = log
        self.hub = hub
        self.engine_state = engine_state
        self.recaller = LogRecaller(log, archive, hub.instruments)

    def watch(self, metrics: Metrics) -> None:
        """Show in `metrics` how the log does."""
        log = self.log
        metrics.watch("log_sequence", "The last batch of the log", lambda: log.sequence)
        metrics.watch(
            "log_refuses", "1 while the log takes no events, and orders are refused", lambda: bool(log.problem)
        )

    async def run(self) -> None:
        """Look after what is kept until cancelled."""

    def close(self) -> None:
        """Keep what there is, once no source appends any more and nobody runs `run`."""
        self.log.close()


def keep_in_memory(build_hub: Callable[[], Hub], open_orders_max: int) -> Kept:
    """Return an empty log in memory, and the state that follows from it."""
    hub = build_hub()
    return Kept(MemoryLog(), hub, ExchangeState(hub.instruments, open_orders_max), Beginning())


def keep_rewound(hub: Hub, open_orders_max: int) -> Kept:
    """Return a log in memory that goes on where `hub` is: what comes after it is played again, and not decided."""
    log = MemoryLog(sequence=hub.sequence, time_ms=hub.time_ms)
    return Kept(log, hub, ExchangeState(hub.instruments, open_orders_max), NoArchive())


class KeptOnDisk(Kept):
    """A log on disk, and a snapshot of its state every now and then, which a process beside the server writes.

    The log is trimmed, within its limits, up to the older of the two snapshots that are kept.
    """

    def __init__(
        self, log: SqliteLog, hub: Hub, engine_state: ExchangeState, job: SnapshotJob, interval_ms: int, newest: int
    ) -> None:
        self._job = job
        self._folder = SnapshotFolder(Path(job.data_dir) / FOLDER_NAME)
        super().__init__(log, hub, engine_state, SnapshotArchive(self._folder))
        self._disk_log = log
        self._interval_ms = interval_ms
        self._newest = newest

    def watch(self, metrics: Metrics) -> None:
        """See `Kept.watch`; here also how the disk keeps up."""
        super().watch(metrics)
        log, counts = self._disk_log, self._disk_log.counts
        metrics.watch("log_pending_bytes", "What waits for the disk, encoded", lambda: log.pending_bytes)
        metrics.watch("snapshot_sequence", "The batch that the newest snapshot is of", lambda: self._newest)
        metrics.watch_total("log_groups", "Writes to the disk, each synced once", lambda: counts.groups)
        metrics.watch_total("log_batches", "Batches in those writes", lambda: counts.batches)
        metrics.watch_total("log_bytes", "Bytes in those batches, encoded", lambda: counts.bytes)
        metrics.watch_total("log_failures", "Writes that failed and were tried again", lambda: counts.failures)
        metrics.watch_total("log_write_seconds", "Time that the writes took", lambda: counts.write_ns / 1e9)

    async def run(self) -> None:
        """See `Kept.run`: a snapshot in each interval in which something happened."""
        while True:
            await asyncio.sleep(self._interval_ms / 1000)
            if self.hub.sequence > self._newest:
                await self._advance_snapshot()

    def close(self) -> None:
        """See `Kept.close`; the last snapshot is of everything."""
        self.log.close()
        if self.hub.sequence > self._newest:
            try:
                self._newest = write_snapshot(self._folder, self.hub).sequence
            except OSError as error:
                _log.warning("snapshot_failed", reason=str(error))

    async def _advance_snapshot(self) -> None:
        job = msgspec.structs.replace(self._job, until=self.hub.sequence)
        written = await write_in_child(COMMAND, msgspec.json.encode(job) + b"\n")
        if written is not None:
            self._newest = written.sequence
            self.log.trim(written.covered)


class RestoreProgress:
    """Says in the log how far a start is that has to come to the batch `end`, if it takes long."""

    def __init__(self, end: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._clock = clock
        self._said_s = clock()

    def say(self, replayed: Replayed) -> None:
        """Say it, unless it was said a moment ago."""
        now_s = self._clock()
        if now_s - self._said_s >= PROGRESS_INTERVAL_S:
            self._said_s = now_s
            _log.info("state_restoring", sequence=replayed.sequence, end=self._end, events=replayed.events)


def keep_on_disk(
    job: SnapshotJob,
    call_soon: Callable[[Callable[[], None]], object],
    *,
    now_ms: int,
    limits: SqliteLimits,
    open_orders_max: int,
    interval_ms: int,
) -> Kept:
    """Open the log in the data directory of `job` and return it with the state that it adds up to.

    Raises `LogError` and `RecoveryError`, each a sentence for the operator.
    """
    directory = Path(job.data_dir)
    log = SqliteLog(directory, call_soon, now_ms=now_ms, limits=limits)
    try:
        folder = SnapshotFolder(directory / FOLDER_NAME)
        recovered = recover(
            folder, log, job.build_hub, open_orders_max=open_orders_max, progress=RestoreProgress(log.sequence).say
        )
        if recovered.snapshot is None:
            write_snapshot(folder, recovered.hub)  # from now on the directory knows its instruments
    except BaseException:
        with suppress(Exception):
            log.close()
        raise
    for problem in recovered.problems:
        _log.warning("snapshot_problem", reason=problem)
    replayed = recovered.replayed
    _log.info("state_restored", snapshot=recovered.snapshot, batches=replayed.batches, events=replayed.events)
    return KeptOnDisk(log, recovered.hub, recovered.engine_state, job, interval_ms, recovered.snapshot or 0)
