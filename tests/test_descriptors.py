"""File descriptors are shared out before there are too few, and it is noticed when there are none."""

import asyncio
import os
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from finalex.descriptors import RESERVED, DescriptorWatch, Room, any_left, share_out
from finalex.metrics import Metrics

RAISING = """
import resource
from finalex.descriptors import raise_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))
assert raise_limit() == hard
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
"""

EXHAUSTING = """
import os
from finalex.descriptors import any_left
held = []
while any_left():
    held.append(os.dup(0))
assert len(held) > 10
os.close(held.pop())
assert any_left()
"""


@pytest.mark.parametrize(
    ("limit", "asked", "room"),
    [
        (1_000_000, (50_000, 4096), Room(50_000, 4096)),
        (20_000, (50_000, 4096), Room(19_936 - 2492, 2492)),
        (20_000, (1000, 4096), Room(1000, 2492)),
        (1024, (50_000, 4096), Room(840, 120)),
        (64, (50_000, 4096), Room(28, 4)),
        (4, (50_000, 4096), Room(1, 1)),
    ],
)
def test_connections_get_what_the_rest_does_not_need(limit: int, asked: tuple[int, int], room: Room) -> None:
    assert share_out(limit, *asked) == room


@pytest.mark.parametrize("limit", range(4, 2000, 7))
def test_all_together_is_never_more_than_there_are(limit: int) -> None:
    room = share_out(limit, 50_000, 4096)
    assert min(room) > 0
    assert sum(room) + min(RESERVED, limit // 2) <= limit


def test_a_process_takes_all_that_it_may_have() -> None:
    subprocess.run([sys.executable, "-c", RAISING], check=True)


def test_it_is_seen_when_none_is_left() -> None:
    assert any_left()
    subprocess.run(["sh", "-c", 'ulimit -n 64; exec "$0" -c "$1"', sys.executable, EXHAUSTING], check=True)


class Machine:
    """A process whose descriptors run out and come back, as looked at once a second."""

    def __init__(self, *left: bool) -> None:
        self.left = list(left)
        self.now_s = 0.0
        self.metrics = Metrics()

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if not self.left:
            raise asyncio.CancelledError

    async def watch(self) -> list[str]:
        """Return what is logged."""
        watch = DescriptorWatch(self.metrics, lambda: self.left.pop(0), lambda: self.now_s, self.sleep)
        with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
            await watch.run()
        return [f"{line['log_level']} {line['event']}" for line in logs]


async def test_with_descriptors_left_there_is_nothing_to_say() -> None:
    assert await Machine(True, True).watch() == []


async def test_that_they_run_out_is_said_and_that_they_are_back() -> None:
    machine = Machine(True, False, False, True, True)
    assert await machine.watch() == ["warning descriptors_exhausted", "info descriptors_free_again"]
    assert b"finalex_descriptors_exhausted_total 2.0" in machine.metrics.text()


async def test_it_is_said_once_a_minute() -> None:
    machine = Machine(*[False, True] * 10, *[False] * 70)
    assert await machine.watch() == [
        "warning descriptors_exhausted",
        "info descriptors_free_again",
        "warning descriptors_exhausted",
    ]


def test_nothing_stays_open_after_looking() -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert any_left()
    assert len(os.listdir("/proc/self/fd")) == before
