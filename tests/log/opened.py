"""A log on disk as tests open it: with its followers, its faults, and what a power cut would leave of it."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from finalex.log.limits import SqliteLimits
from finalex.log.schema import FILE_NAME, WAL_SUFFIX
from finalex.log.sqlite import SqliteLog
from finalex.model.events import AnyEvent, Batch, BookWithdrawn
from finalex.testing import FaultyDisk

LIMITS = SqliteLimits(retry_ms=1, free_bytes_min=0)


def event(number: int, text: str = "test") -> BookWithdrawn:
    """Return an event that differs from others with another number."""
    return BookWithdrawn(symbol="BTC/USDT", reason=text, time_ms=number)


class OpenedLog:
    """A log on disk within a running event loop; `seen` is what its followers got."""

    def __init__(self, directory: Path, *, limits: SqliteLimits = LIMITS, disk: FaultyDisk | None = None) -> None:
        self.directory = directory
        self.disk = disk or FaultyDisk()
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self.log = SqliteLog(directory, self._call_soon, now_ms=1, limits=limits, disk=self.disk)
        self.seen: list[Batch] = []
        self.log.follow(self.seen.append)

    def append(self, *numbers: int) -> list[Batch]:
        """Append one batch with one event for each number, which is its time, too."""
        return [self.log.append([event(number)], number) for number in numbers]

    def append_events(self, events: Iterable[AnyEvent], time_ms: int = 0) -> Batch:
        return self.log.append(events, time_ms)

    def tick(self, *times_ms: int) -> list[Batch]:
        """Append batches without events."""
        return [self.log.append([], time_ms) for time_ms in times_ms]

    async def durable(self) -> bool:
        """Wait until everything appended is durable, or never will be."""
        done: asyncio.Future[bool] = self._loop.create_future()
        self.log.when_durable(self.log.sequence, done.set_result)
        return await done

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the writer's news make `condition` true."""
        while not condition():
            await self._changed.wait()
            self._changed.clear()

    async def hold_one(self, number: int) -> Batch:
        """Append a batch and return while the disk is at work with it, until `disk.release_writes`."""
        self.disk.hold_writes()
        (batch,) = self.append(number)
        await asyncio.to_thread(self.disk.held.wait)
        return batch

    def _call_soon(self, callback: Callable[[], None]) -> None:
        def call() -> None:
            self._changed.set()
            callback()

        self._loop.call_soon_threadsafe(call)


def copy_log(directory: Path, target: Path) -> Path:
    """Copy what a power cut would leave of a log whose writer rests."""
    target.mkdir()
    for name in (FILE_NAME, FILE_NAME + WAL_SUFFIX):
        if (directory / name).exists():
            shutil.copy(directory / name, target / name)
    return target
