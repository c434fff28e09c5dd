"""The log of a server, played again: everything is exactly as it was."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from finalex.log.disk import Disk
from finalex.log.limits import SqliteLimits
from finalex.log.memory import MemoryLog
from finalex.log.schema import FILE_NAME, WAL_SUFFIX
from finalex.log.sqlite import SqliteLog
from finalex.log.store import Store
from finalex.model.events import Batch, BookWithdrawn
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.sources.logged import LoggedMarkets
from finalex.sources.recordings import RecordingError
from finalex.sources.reels import open_reel
from finalex.sources.replay import ReplaySource
from finalex.sources.reports import Problem
from support import binance
from support.simulations import START_MS, Simulation


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    """Return what an exchange with accounts, orders and trades wrote in some seconds, its clock's steps included."""
    simulation = Simulation().run(5)
    simulation.enrich("alice")
    simulation.place(Side.BUY, 10**6)
    simulation.log.append([], simulation.now_ms + 3_000)
    return simulation.batches


async def write(directory: Path, batches: Sequence[Batch]) -> None:
    log = SqliteLog(directory, asyncio.get_running_loop().call_soon_threadsafe)
    for batch in batches:
        log.append(batch.events, batch.time_ms)
    log.close()


class Theatre:
    """Plays a log into another, on a clock that moves only by sleeping."""

    def __init__(self, reel: LoggedMarkets, *, speed: float | None = None, from_ms: int = 0) -> None:
        self.now_s = 0.0
        self.batches: list[Batch] = []
        log = MemoryLog(batches_max=1)
        log.follow(self.batches.append)
        now = lambda: self.now_s  # noqa: E731 (a clock is a function)
        self.source = ReplaySource(reel, log, speed=speed, from_ms=from_ms, now=now, sleep=self._sleep)

    async def play(self) -> list[Batch]:
        with capture_logs():
            await self.source.run()
        return self.batches

    async def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


async def test_every_batch_comes_again_with_its_sequence_and_time(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches)
    theatre = Theatre(LoggedMarkets(tmp_path))
    assert await theatre.play() == batches
    counts = theatre.source.counts()
    assert (counts["batches"], counts["events"]) == (len(batches), sum(len(batch.events) for batch in batches))
    assert theatre.source.problems.total() == 0


async def test_it_is_paced_by_the_servers_clock(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches)
    theatre = Theatre(LoggedMarkets(tmp_path), speed=2.0)
    await theatre.play()
    assert theatre.now_s == pytest.approx((batches[-1].time_ms - batches[0].time_ms) / 2000)


async def test_what_is_before_the_time_to_start_from_is_played_at_once(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches)
    theatre = Theatre(LoggedMarkets(tmp_path), speed=1.0, from_ms=START_MS + 4_000)
    assert await theatre.play() == batches
    paced = [batch.time_ms for batch in batches if batch.time_ms >= START_MS + 4_000]
    assert theatre.now_s == pytest.approx((paced[-1] - paced[0]) / 1000)


async def test_it_may_start_behind_what_is_known_already(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches)
    played = await Theatre(LoggedMarkets(tmp_path, after=batches[9].sequence)).play()
    assert [batch.events for batch in played] == [batch.events for batch in batches[10:]]


async def test_a_log_that_is_being_written_plays_as_far_as_it_is(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path, asyncio.get_running_loop().call_soon_threadsafe)
    try:
        batch = log.append([BookWithdrawn(symbol="BTC/USDT", reason="", time_ms=5)], 5)
        durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        log.when_durable(batch.sequence, durable.set_result)
        assert await durable
        assert await Theatre(LoggedMarkets(tmp_path)).play() == [batch]
    finally:
        log.close()


async def test_a_damaged_log_plays_up_to_the_damage(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches[:20])
    store = Store(tmp_path / FILE_NAME, Disk())
    before = store.last
    store.close(clean=True)
    await write(tmp_path, batches[20:])
    path = tmp_path / FILE_NAME
    assert not path.with_name(FILE_NAME + WAL_SUFFIX).exists()
    damage_record(path, after=before)
    reel = LoggedMarkets(tmp_path)
    assert await Theatre(reel).play() == batches[:20]
    assert reel.problems == {Problem.UNREADABLE: 1}


def damage_record(path: Path, *, after: int) -> None:
    """Make the checksum wrong of the first record behind the batch `after`."""
    connection = Disk().connect(path, writing=True)
    connection.execute("UPDATE records SET crc = crc + 1 WHERE previous = ?", (after,))
    connection.close()


async def test_a_log_that_does_not_go_back_far_enough_is_refused(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches[:20])
    await write(tmp_path, batches[20:])
    store = Store(tmp_path / FILE_NAME, Disk())
    store.trim(20, SqliteLimits().bytes_max, batches[20].time_ms)
    store.close(clean=True)
    with pytest.raises(RecordingError, match=r"Batches up to \d+ are no longer kept"):
        LoggedMarkets(tmp_path)
    played = await Theatre(LoggedMarkets(tmp_path, after=20)).play()
    assert [batch.events for batch in played] == [batch.events for batch in batches[20:]]


def test_a_directory_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=f"^{tmp_path}: there is no log of a server in it"):
        open_reel([str(tmp_path)], DEFAULT_INSTRUMENTS)


def test_a_database_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(RecordingError, match=f"^The log '{tmp_path}/{FILE_NAME}' is damaged"):
        open_reel([str(tmp_path)], DEFAULT_INSTRUMENTS)


async def test_a_data_directory_plays_alone(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches[:1])
    recording = binance.write(tmp_path / "recording", [binance.trade(1)])
    with pytest.raises(RecordingError, match=f"^{tmp_path}: a data directory is played alone"):
        open_reel([str(recording), str(tmp_path)], DEFAULT_INSTRUMENTS)
    assert isinstance(open_reel([str(tmp_path)], DEFAULT_INSTRUMENTS), LoggedMarkets)


async def test_a_log_cannot_be_played_in_a_loop(tmp_path: Path, batches: list[Batch]) -> None:
    await write(tmp_path, batches[:1])
    with pytest.raises(ValueError, match="cannot be played in a loop"):
        ReplaySource(LoggedMarkets(tmp_path), MemoryLog(), loop=True)
