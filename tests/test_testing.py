"""The doubles that ship: a log and a disk that fail when told to."""

from pathlib import Path

import pytest

from finalex.log.port import LogProblem, LogRefusedError, LogTrimmedError
from finalex.model.events import Batch, BookWithdrawn
from finalex.testing import SKIPPED, FailingLog, FaultyDisk

EVENT = BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=7)


class Followed:
    """A failing log with a follower."""

    def __init__(self) -> None:
        self.log = FailingLog()
        self.seen: list[Batch] = []
        self.told: list[bool] = []
        self.log.follow(self.seen.append)

    def append(self, *counts: int) -> list[Batch]:
        batches = [self.log.append([EVENT] * count, self.log.time_ms + 10) for count in counts]
        self.log.when_durable(self.log.sequence, self.told.append)
        return batches


def test_a_slow_disk_takes_events_and_makes_them_durable_later() -> None:
    followed = Followed()
    followed.log.hold()
    batches = followed.append(1, 2)
    assert (followed.seen, followed.told, followed.log.problem) == ([], [], None)

    followed.log.heal()
    assert (followed.seen, followed.told) == (batches, [True])


def test_a_failing_disk_takes_no_more_events() -> None:
    followed = Followed()
    followed.log.hold()
    followed.append(1)
    followed.log.fail()
    with pytest.raises(LogRefusedError):
        followed.append(1)
    followed.append(0, 0)
    assert (followed.seen, followed.log.sequence) == ([], 2)

    followed.log.heal()
    followed.append(1)
    assert [(batch.sequence, batch.time_ms) for batch in followed.seen] == [(1, 10), (2, 30), (3, 40)]
    assert followed.told == [True] * 3


def test_a_full_disk_refuses_events_and_lets_time_go_on() -> None:
    followed = Followed()
    followed.log.refuse()
    assert followed.log.problem is LogProblem.DISK_FULL
    with pytest.raises(LogRefusedError):
        followed.append(1)

    assert followed.append(0) == followed.seen


def test_a_crash_keeps_what_was_durable_and_forgets_the_time_after_it() -> None:
    followed = Followed()
    kept = followed.append(1, 0, 1)
    followed.append(0)
    followed.log.hold()
    followed.append(1)
    after = followed.log.crash()

    assert list(after.read(0)) == kept
    assert after.sequence == 3 + SKIPPED
    assert after.append([EVENT], 0).sequence == 4 + SKIPPED


def test_closing_a_failing_log_leaves_nobody_waiting() -> None:
    followed = Followed()
    followed.log.hold()
    followed.append(1)
    followed.log.close()

    assert (followed.seen, followed.told) == ([], [False])


def test_reads_fail_until_healed() -> None:
    followed = Followed()
    batches = followed.append(1, 1)
    followed.log.fail_reads(OSError("unreadable"))
    with pytest.raises(OSError, match="unreadable"):
        followed.log.read(0)

    followed.log.heal()
    assert list(followed.log.read(0)) == batches
    followed.log.trim(1)
    with pytest.raises(LogTrimmedError, match="up to 1"):
        followed.log.read(0)


def test_a_faulty_disk_claims_any_space(tmp_path: Path) -> None:
    disk = FaultyDisk()
    assert disk.free_bytes(tmp_path) > 0
    disk.free = 5
    assert disk.free_bytes(tmp_path) == 5
