"""The log on disk when the disk fails: nothing is lost, reordered or acknowledged, and it recovers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finalex.log.limits import SqliteLimits
from finalex.log.port import LogError, LogLockedError, LogProblem, LogRefusedError
from finalex.testing import FaultyDisk, disk_full_error, sync_error
from log.opened import LIMITS, OpenedLog, event


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenedLog]:
    opened = OpenedLog(tmp_path / "data")
    opened.append(1)
    await opened.durable()
    yield opened
    opened.disk.heal()
    opened.disk.release_writes()
    opened.log.close()


FAULTS = [(sync_error(), LogProblem.STORAGE_FAILED), (disk_full_error(), LogProblem.DISK_FULL)]


@pytest.mark.parametrize(("fault", "problem"), FAULTS, ids=["sync", "full"])
async def test_what_cannot_be_written_waits_and_is_written_later(
    opened: OpenedLog, fault: sqlite3.Error, problem: LogProblem
) -> None:
    told: list[bool] = []
    opened.disk.fail_writes(fault)
    opened.append(2, 3)
    opened.log.when_durable(3, told.append)
    await opened.until(lambda: opened.log.problem is problem)

    with pytest.raises(LogRefusedError) as refused:
        opened.append(4)
    assert refused.value.problem is problem
    opened.tick(5)
    assert (len(opened.seen), told, opened.log.sequence) == (1, [], 4)

    opened.disk.heal()
    await opened.until(lambda: opened.log.problem is None)
    opened.append(6)
    await opened.durable()
    assert told == [True]
    assert [(batch.sequence, batch.time_ms) for batch in opened.seen] == [(1, 1), (2, 2), (3, 3), (4, 5), (5, 6)]
    assert list(opened.log.read(0)) == opened.seen
    assert opened.log.counts.failures > 0


async def test_a_full_disk_is_what_sqlite_says(tmp_path: Path) -> None:
    disk = SmallDisk()
    opened = OpenedLog(tmp_path, disk=disk)
    number = 0
    while opened.log.problem is None:
        number += 1
        opened.append_events([event(number, f"{number}" * 5000)], number)
        await opened.until(lambda: opened.log.problem or opened.log.pending_bytes == 0)
    assert opened.log.problem is LogProblem.DISK_FULL
    assert len(opened.seen) == number - 1

    disk.grow()
    assert await opened.durable()
    opened.log.close()
    assert [batch.sequence for batch in opened.seen] == list(range(1, number + 1))
    assert list(opened.log.read(0)) == opened.seen


class SmallDisk(FaultyDisk):
    """A disk with room for few pages."""

    def connect(self, path: Path, *, writing: bool) -> sqlite3.Connection:
        connection = super().connect(path, writing=writing)
        if writing and not path.name.startswith("."):
            self.writing = connection
            connection.execute("PRAGMA max_page_count = 12").fetchall()
        return connection

    def grow(self) -> None:
        self.writing.execute("PRAGMA max_page_count = 4000").fetchall()


async def test_with_little_space_no_events_are_taken_and_time_goes_on(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.free = 99
    limits = SqliteLimits(retry_ms=1, free_bytes_min=100, clock_interval_ms=10)
    opened = OpenedLog(tmp_path, limits=limits, disk=disk)
    opened.append(1)
    await opened.until(lambda: opened.log.problem is LogProblem.DISK_FULL)
    assert len(opened.seen) == 1
    with pytest.raises(LogRefusedError):
        opened.append(2)

    opened.tick(20, 40)
    assert [batch.time_ms for batch in opened.seen] == [1, 20, 40]
    await opened.until(lambda: opened.log.counts.batches == 3)

    disk.free = 100
    await opened.until(lambda: opened.log.problem is None)
    opened.append(50)
    opened.log.close()
    assert list(opened.log.read(0)) == opened.seen


async def test_a_group_that_was_written_though_its_failure_was_reported_is_there_once(tmp_path: Path) -> None:
    opened = OpenedLog(tmp_path, disk=LyingDisk())
    opened.append(1, 2)
    opened.tick(3)
    await opened.durable()
    await opened.until(lambda: opened.log.problem is None)
    opened.append(4)
    opened.log.close()

    assert opened.log.counts.failures == 1
    assert list(opened.log.read(0)) == opened.seen


class LyingDisk(FaultyDisk):
    """A disk that reports a failure of the first write, after it."""

    def connect(self, path: Path, *, writing: bool) -> sqlite3.Connection:
        connection = super().connect(path, writing=writing)
        if isinstance(connection, _LyingConnection):
            connection.lies = 1
        return connection


class _LyingConnection(sqlite3.Connection):
    lies = 0

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        cursor = super().execute(*arguments)  # type: ignore[arg-type]
        if self.lies and str(arguments[0]).startswith("INSERT"):
            self.lies -= 1
            raise sync_error()
        return cursor


LyingDisk.connection_type = _LyingConnection


async def test_closing_gives_up_what_the_disk_refuses(opened: OpenedLog) -> None:
    told: list[bool] = []
    opened.disk.fail_writes(sync_error())
    opened.append(2)
    opened.log.when_durable(2, told.append)
    await opened.until(lambda: opened.log.problem)
    opened.log.close()

    assert told == [False]
    assert [batch.sequence for batch in opened.seen] == [1]
    again = OpenedLog(opened.directory)
    assert [batch.sequence for batch in again.log.read(0)] == [1, again.log.sequence]
    again.log.close()


async def test_closing_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    told: list[bool] = []
    opened = OpenedLog(tmp_path, limits=SqliteLimits(close_timeout_ms=1, free_bytes_min=0))
    await opened.hold_one(1)
    opened.log.when_durable(1, told.append)
    opened.log.close()
    assert (told, opened.seen) == ([False], [])

    with pytest.raises(LogLockedError):  # for the writer may still write
        OpenedLog(tmp_path)
    opened.disk.release_writes()


async def test_an_idle_log_does_not_notice_a_broken_disk_but_its_first_event_does(opened: OpenedLog) -> None:
    opened.disk.fail_writes(sync_error())
    opened.tick(100, 200)
    assert opened.log.problem is None
    assert len(opened.seen) == 3

    opened.append(300)
    await opened.until(lambda: opened.log.problem)
    assert len(opened.seen) == 3


async def test_time_goes_on_while_only_time_cannot_be_stored(tmp_path: Path) -> None:
    opened = OpenedLog(tmp_path, limits=SqliteLimits(retry_ms=1, free_bytes_min=0, clock_interval_ms=10))
    opened.disk.fail_writes(sync_error())
    opened.tick(*range(0, 100, 5))
    await opened.until(lambda: opened.log.problem is LogProblem.STORAGE_FAILED)
    opened.tick(*range(100, 200, 5))
    assert len(opened.seen) == 40

    opened.disk.heal()
    await opened.until(lambda: opened.log.problem is None)
    opened.log.close()
    assert list(opened.log.read(0)) == opened.seen


async def test_reads_that_fail_are_said_and_harm_nothing(opened: OpenedLog) -> None:
    opened.disk.fail_reads(sync_error())
    with pytest.raises(LogError, match="cannot be used: disk I/O error"):
        list(opened.log.read(0))

    opened.disk.heal()
    assert list(opened.log.read(0)) == opened.seen


async def test_upkeep_that_fails_stops_nothing(opened: OpenedLog) -> None:
    opened.disk.fail_upkeep(sync_error())
    opened.append(2, 3)
    opened.log.trim(2)
    assert await opened.durable()
    assert opened.log.problem is None

    opened.disk.heal()
    opened.append(4)
    opened.log.close()
    assert list(opened.log.read(0)) == opened.seen


async def test_the_log_can_be_read_in_other_threads_while_it_is_written(tmp_path: Path) -> None:
    opened = OpenedLog(tmp_path, limits=LIMITS)
    last = 400

    def read_all() -> list[int]:
        read: list[int] = []
        while not read or read[-1] < last:
            read += [batch.sequence for batch in opened.log.read(read[-1] if read else 0)]
        return read

    readers = [asyncio.create_task(asyncio.to_thread(read_all)) for _ in range(3)]
    for number in range(1, last + 1):
        opened.append(number)
        if number % 10 == 0:
            await opened.durable()
    for reader in readers:
        assert await reader == list(range(1, last + 1))
    opened.log.close()
