"""The log on disk: groups, order, batches that only tell the time, and what is there after a restart."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finalex.log.limits import SqliteLimits
from finalex.log.port import LogDamagedError, LogError, LogLockedError, LogProblem, LogRefusedError
from finalex.log.sqlite import CLOCK_BATCHES_AHEAD_MAX, CLOCK_BATCHES_HELD_MAX, SqliteLog
from finalex.model.events import Batch, Credited
from log.opened import LIMITS, OpenedLog, copy_log, event


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenedLog]:
    opened = OpenedLog(tmp_path / "data")
    yield opened
    opened.disk.heal()
    opened.disk.release_writes()
    opened.log.close()


# --- groups ---------------------------------------------------------------------------------------------


async def test_what_is_appended_while_a_group_is_written_becomes_one_group(opened: OpenedLog) -> None:
    await opened.hold_one(1)
    opened.append(*range(2, 1001))
    opened.disk.release_writes()

    assert await opened.durable()
    assert opened.disk.writes == 2
    assert (opened.log.counts.groups, opened.log.counts.batches) == (2, 1000)
    assert [batch.sequence for batch in opened.seen] == list(range(1, 1001))


async def test_nothing_is_given_out_before_it_is_written(opened: OpenedLog) -> None:
    told: list[bool] = []
    batch = await opened.hold_one(1)
    opened.log.when_durable(1, told.append)
    await asyncio.sleep(0)
    assert (opened.seen, told) == ([], [])

    opened.disk.release_writes()
    await opened.durable()
    assert (opened.seen, told) == ([batch], [True])


async def test_a_large_group_is_divided(opened: OpenedLog) -> None:
    await opened.hold_one(1)
    for number in range(2, 6):
        opened.append_events([event(number, "x" * 600_000)], number)
    opened.disk.release_writes()

    await opened.durable()
    assert opened.log.counts.groups == 3
    assert list(opened.log.read(0)) == opened.seen


async def test_a_follower_that_raises_holds_nobody_up(opened: OpenedLog) -> None:
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context["exception"]))
    failure = RuntimeError("a bad follower")

    def follow(batch: Batch) -> None:
        if batch.sequence == 2:
            raise failure

    opened.log.follow(follow)
    opened.append(1, 2, 3)
    assert await opened.durable()
    assert [batch.sequence for batch in opened.seen] == [1, 2, 3]
    assert raised == [failure]


async def test_an_event_that_cannot_be_stored_leaves_no_trace(opened: OpenedLog) -> None:
    opened.append(1)
    too_much = Credited(user="alice", currency="BTC", amount=2**64, reference="r", time_ms=2)
    with pytest.raises(OverflowError):
        opened.append_events([too_much], 99)
    assert (opened.log.sequence, opened.log.time_ms) == (1, 1)

    opened.append(2)
    await opened.durable()
    assert list(opened.log.read(0)) == opened.seen


# --- batches without events -----------------------------------------------------------------------------


async def test_time_goes_on_without_the_disk(opened: OpenedLog) -> None:
    ticks = opened.tick(10, 20, 30)

    assert opened.seen == ticks
    assert opened.disk.writes == 0


async def test_time_waits_for_what_happened_before(opened: OpenedLog) -> None:
    before = await opened.hold_one(1)
    (tick,) = opened.tick(2)
    (after,) = opened.append(3)
    assert opened.seen == []

    opened.disk.release_writes()
    await opened.durable()
    assert opened.seen == [before, tick, after]


async def test_times_that_wait_are_merged_into_the_latest(opened: OpenedLog) -> None:
    await opened.hold_one(1)
    ticks = opened.tick(2, 3, 4)
    opened.append(5)
    late = opened.tick(6, 7)
    opened.disk.release_writes()
    await opened.durable()

    assert [(batch.sequence, batch.time_ms) for batch in opened.seen] == [(1, 1), (2, 4), (3, 5), (4, 7)]
    assert [tick.sequence for tick in ticks + late] == [2, 2, 2, 4, 4]
    opened.append(8)
    await opened.durable()
    assert list(opened.log.read(0)) == opened.seen


async def test_an_idle_log_stores_the_time_once_in_a_while(opened: OpenedLog) -> None:
    opened.append(0)
    await opened.durable()
    opened.tick(*range(50, 4951, 50))
    assert opened.disk.writes == 1

    opened.tick(5000)
    await opened.until(lambda: opened.log.pending_bytes == 0)
    assert opened.log.counts.batches == 101
    assert list(opened.log.read(0)) == opened.seen


async def test_many_batches_within_a_short_time_are_stored_sooner(opened: OpenedLog) -> None:
    opened.tick(*[1] * CLOCK_BATCHES_HELD_MAX)
    await opened.until(lambda: opened.log.counts.batches == CLOCK_BATCHES_HELD_MAX)

    assert list(opened.log.read(0)) == opened.seen


async def test_the_time_is_stored_with_the_next_event(opened: OpenedLog) -> None:
    opened.tick(10, 20)
    opened.append(30)
    opened.tick(40)
    await opened.durable()

    assert list(opened.log.read(0)) == opened.seen[:-1]


# --- restarts -------------------------------------------------------------------------------------------


async def test_a_closed_log_continues_where_it_stopped(opened: OpenedLog) -> None:
    opened.append(10, 20)
    opened.tick(30)
    opened.log.close()
    again = OpenedLog(opened.directory)

    assert (again.log.sequence, again.log.time_ms) == (3, 30)
    assert list(again.log.read(0)) == opened.seen
    assert again.append(5) == [Batch(sequence=4, time_ms=30, events=(event(5),))]
    await again.durable()
    again.log.close()


async def test_after_a_crash_no_sequence_is_given_out_twice(opened: OpenedLog, tmp_path: Path) -> None:
    opened.append(10)
    await opened.durable()
    forgotten = opened.tick(20, 30)
    again = OpenedLog(copy_log(opened.directory, tmp_path / "crashed"))

    assert again.log.sequence == 1 + CLOCK_BATCHES_AHEAD_MAX > forgotten[-1].sequence
    again.append(40)
    await again.durable()
    assert list(again.log.read(0)) == [
        *opened.seen[:1],
        Batch(sequence=1 + CLOCK_BATCHES_AHEAD_MAX, time_ms=10, events=()),
        *again.seen,
    ]
    again.log.close()


async def test_two_crashes_in_a_row_skip_twice(opened: OpenedLog, tmp_path: Path) -> None:
    opened.append(10)
    await opened.durable()
    again = OpenedLog(copy_log(opened.directory, tmp_path / "crashed"))
    given = again.tick(20)
    last = OpenedLog(copy_log(again.directory, tmp_path / "crashed again"))

    assert last.log.sequence > given[-1].sequence
    again.log.close()
    last.log.close()


async def test_only_one_process_has_the_log(opened: OpenedLog) -> None:
    with pytest.raises(LogLockedError, match=f"in '{opened.directory}' is in use"):
        OpenedLog(opened.directory)
    opened.log.close()
    OpenedLog(opened.directory).log.close()


async def test_the_files_are_their_owners_alone(opened: OpenedLog) -> None:
    opened.append(1)
    await opened.durable()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in opened.directory.iterdir()}

    assert set(modes.values()) == {0o600}
    assert modes.keys() >= {"events.sqlite", "events.sqlite-wal", "events.lock"}
    assert stat.S_IMODE(opened.directory.stat().st_mode) == 0o700


async def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "events.sqlite").write_text("no database at all\n" * 300)
    (tmp_path / "other").mkdir()
    with sqlite3.connect(tmp_path / "other" / "events.sqlite") as other:
        other.execute("CREATE TABLE records (a, b)")
    other.close()

    for name in ("text", "other"):
        with pytest.raises(LogDamagedError):
            OpenedLog(tmp_path / name)


async def test_a_log_of_a_later_version_is_refused(opened: OpenedLog) -> None:
    opened.log.close()
    with sqlite3.connect(opened.directory / "events.sqlite") as database:
        database.execute("PRAGMA user_version = 2")
    database.close()

    with pytest.raises(LogError, match="has version 2, this program knows 1"):
        OpenedLog(opened.directory)


async def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="cannot be used: Not a directory"):
        OpenedLog(tmp_path / "file" / "data")


# --- limits ---------------------------------------------------------------------------------------------


async def test_a_disk_that_does_not_keep_up_is_a_problem_until_it_has(tmp_path: Path) -> None:
    opened = OpenedLog(tmp_path, limits=SqliteLimits(pending_bytes_max=100, free_bytes_min=0))
    await opened.hold_one(1)
    opened.append_events([event(2, "x" * 100)], 2)
    assert [opened.log.problem] == [LogProblem.STORAGE_SLOW]
    with pytest.raises(LogRefusedError):
        opened.append(3)

    opened.disk.release_writes()
    await opened.durable()
    assert [opened.log.problem] == [None]
    opened.append(3)
    opened.log.close()
    assert [batch.sequence for batch in opened.seen] == [1, 2, 3]


async def test_a_loop_that_is_gone_does_not_stop_the_writer(tmp_path: Path) -> None:
    def call_soon(callback: object) -> None:
        raise RuntimeError("Event loop is closed")

    log = SqliteLog(tmp_path, call_soon, limits=LIMITS)
    log.append([event(1)], 1)
    log.close()
    assert [batch.sequence for batch in log.read(0)] == [1]
