"""How long the event loop was held up is measured, shown and, if it was long, logged."""

import asyncio
import re
import time

import pytest
from structlog.testing import capture_logs

from finalex.loop_health import INTERVAL_S, LoopHealth
from finalex.metrics import Metrics


class Loop:
    """A loop that wakes a sleeper late by what `late_s` says, one sleep after the other, and then no more."""

    def __init__(self, *late_s: float) -> None:
        self.metrics = Metrics()
        self.now_s = 1000.0
        self.late_s = list(late_s)
        self.health = LoopHealth(self.metrics, lambda: self.now_s, self.sleep)

    async def sleep(self, seconds: float) -> None:
        if not self.late_s:
            raise asyncio.CancelledError
        self.now_s += seconds + self.late_s.pop(0)

    async def run(self, *late_s: float) -> None:
        self.late_s += late_s
        with pytest.raises(asyncio.CancelledError):
            await self.health.run()


def shown(metrics: Metrics, name: str) -> float:
    """Return a value as Prometheus sees it."""
    found = re.search(rf"^finalex_{name} (\S+)$", metrics.text().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def test_a_loop_that_is_in_time_has_no_blocks() -> None:
    loop = Loop()
    await loop.run(0.0, 0.001, 0.0049)
    assert shown(loop.metrics, "loop_blocks_total") == 0
    assert shown(loop.metrics, "loop_longest_block_seconds") == 0


async def test_what_holds_it_up_is_counted_and_the_longest_shown() -> None:
    loop = Loop()
    await loop.run(0.0, 0.006, 0.03, 0.01)
    assert shown(loop.metrics, "loop_blocks_total") == 3
    assert shown(loop.metrics, "loop_longest_block_seconds") == pytest.approx(0.03)


async def test_the_longest_is_forgotten_after_a_minute() -> None:
    loop = Loop()
    await loop.run(0.2)
    loop.now_s = 1050.0
    await loop.run(0.1)
    assert loop.health.longest_block_s() == pytest.approx(0.2)
    loop.now_s = 1060.5
    assert loop.health.longest_block_s() == pytest.approx(0.1)
    loop.now_s = 1111.0
    assert loop.health.longest_block_s() == 0
    assert loop.health.blocks == 2


async def test_a_block_in_every_second_takes_no_more_room_than_a_minute() -> None:
    loop = Loop()
    await loop.run(0.5, *[1.0 - INTERVAL_S] * 300)
    assert loop.health.blocks == 301
    assert loop.health.longest_block_s() == pytest.approx(0.98)


async def test_a_long_one_is_logged_once_a_minute() -> None:
    loop = Loop()
    with capture_logs() as logs:
        await loop.run(0.2, 0.25, 0.3, 0.5)
        loop.now_s += 60
        await loop.run(0.4)
    assert [(line["event"], line["log_level"], line["milliseconds"]) for line in logs] == [
        ("loop_blocked", "warning", 250),
        ("loop_blocked", "warning", 400),
    ]


async def test_a_real_loop_that_is_held_up_is_found_out() -> None:
    health = LoopHealth(Metrics())
    watching = asyncio.create_task(health.run())
    await asyncio.sleep(0)
    end_s = time.monotonic() + 3 * INTERVAL_S
    while time.monotonic() < end_s:
        pass
    while not health.blocks:  # noqa: ASYNC110 (the product needs no event for it)
        await asyncio.sleep(0)
    watching.cancel()
    assert health.longest_block_s() >= 2 * INTERVAL_S - 0.001
