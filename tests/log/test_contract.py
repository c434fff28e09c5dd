"""What every event log does: each implementation is a parameter here."""

from collections.abc import Callable

import pytest

from finalex.log.memory import MemoryLog
from finalex.log.port import Log, LogTrimmedError
from finalex.model.events import Batch, BookWithdrawn

LOGS: dict[str, Callable[[], Log]] = {"memory": MemoryLog}
EVENT = BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=7)


@pytest.fixture(params=list(LOGS.values()), ids=list(LOGS))
def log(request: pytest.FixtureRequest) -> Log:
    make: Callable[[], Log] = request.param
    return make()


def test_sequences_start_at_one_and_grow_by_one(log: Log) -> None:
    assert [log.append([], time_ms).sequence for time_ms in (10, 20, 30)] == [1, 2, 3]


def test_the_clock_never_goes_back(log: Log) -> None:
    assert [log.append([], time_ms).time_ms for time_ms in (10, 5, 11)] == [10, 10, 11]


def test_followers_get_every_batch_in_order(log: Log) -> None:
    seen: list[Batch] = []
    log.append([EVENT], 1)
    log.follow(seen.append)
    appended = [log.append([EVENT], 2), log.append([], 3)]
    assert seen == appended


def test_what_was_appended_can_be_read_from_any_point(log: Log) -> None:
    batches = [log.append([EVENT] * count, count) for count in range(4)]
    assert list(log.read(after=0)) == batches
    assert list(log.read(after=2)) == batches[2:]
    assert list(log.read(after=4)) == []


def test_reading_what_is_no_longer_kept_is_an_error() -> None:
    log = MemoryLog(batches_max=2)
    batches = [log.append([], time_ms) for time_ms in range(4)]
    assert list(log.read(after=2)) == batches[2:]
    with pytest.raises(LogTrimmedError, match="up to 2"):
        log.read(after=1)
