"""What a server keeps: the log on disk, the state that follows from it, and snapshots so that a start is short."""

import asyncio
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
from finalex.recaller import Archive, LogRecaller
from finalex.recovery import Progress, recover
from finalex.snapshots.folder import FOLDER_NAME, SnapshotFolder, Written
from finalex.snapshotting import COMMAND, SnapshotJob, write_snapshot

_log = structlog.get_logger("finalex.persistence")


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
        self, log: Log, hub: Hub, engine_state: ExchangeState, job: SnapshotJob, interval_ms: int, newest: int
    ) -> None:
        self._job = job
        self._folder = SnapshotFolder(Path(job.data_dir) / FOLDER_NAME)
        super().__init__(log, hub, engine_state, SnapshotArchive(self._folder))
        self._interval_ms = interval_ms
        self._newest = newest

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
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            output, errors = await process.communicate(msgspec.json.encode(job))
        finally:
            if process.returncode is None:  # cancelled: the server stops, and writes its own
                process.kill()
                await process.wait()
        if errors:
            _log.warning("snapshot_problem", reason=errors.decode(errors="replace").strip())
        if process.returncode == 0:
            written = msgspec.json.decode(output, type=Written)
            self._newest = written.sequence
            self.log.trim(written.covered)
            _log.info("snapshot_written", sequence=written.sequence, size_bytes=written.size_bytes)


def keep_on_disk(
    job: SnapshotJob,
    call_soon: Callable[[Callable[[], None]], object],
    *,
    now_ms: int,
    limits: SqliteLimits,
    open_orders_max: int,
    interval_ms: int,
    progress: Progress | None = None,
) -> Kept:
    """Open the log in the data directory of `job` and return it with the state that it adds up to.

    Raises `LogError` and `RecoveryError`, each a sentence for the operator.
    """
    directory = Path(job.data_dir)
    log = SqliteLog(directory, call_soon, now_ms=now_ms, limits=limits)
    try:
        folder = SnapshotFolder(directory / FOLDER_NAME)
        recovered = recover(folder, log, job.build_hub, open_orders_max=open_orders_max, progress=progress)
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
