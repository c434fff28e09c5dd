"""The health of the event loop: how long it was held up, so that nobody else had a turn."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from finalex.metrics import Metrics

INTERVAL_S = 0.02
"""How often the loop is asked to wake us; what holds it up for less than this can go unnoticed."""

BLOCK_S = 0.005
"""Being woken later than this counts as a block: well above what timers are off by themselves."""

WARNING_S = 0.25
"""A block as long as this is logged."""

WARNINGS_APART_S = 60.0
"""At most one in this time."""

WINDOW_S = 60
"""The longest block is that of so many last seconds."""

_log = structlog.get_logger("finalex.loop_health")


class _Second(NamedTuple):
    """The longest block that ended in one second of the clock."""

    second: int
    longest_s: float


class LoopHealth:
    """Wakes up every `INTERVAL_S` and notes how late it was.

    `clock` counts seconds and never goes back. It is no clock of the loop, which stands still while the loop is held
    up.
    """

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.blocks = 0
        self._clock = clock
        self._sleep = sleep
        self._seconds: deque[_Second] = deque(maxlen=WINDOW_S + 1)
        self._warned_s = -WARNINGS_APART_S
        metrics.watch(
            "loop_longest_block_seconds",
            f"The longest time that the event loop was held up in the last {WINDOW_S} seconds",
            self.longest_block_s,
        )
        metrics.watch_total(
            "loop_blocks",
            f"How often the event loop was found held up for more than {BLOCK_S * 1000:.0f} ms",
            lambda: self.blocks,
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due_s = self._clock() + INTERVAL_S
            await self._sleep(INTERVAL_S)
            now_s = self._clock()
            if now_s - due_s > BLOCK_S:
                self._note(now_s - due_s, now_s)

    def longest_block_s(self) -> float:
        """Return the longest block of the last `WINDOW_S` seconds, 0 if there was none."""
        first = int(self._clock()) - WINDOW_S
        return max((longest_s for second, longest_s in self._seconds if second > first), default=0.0)

    def _note(self, block_s: float, now_s: float) -> None:
        self.blocks += 1
        last = self._seconds[-1] if self._seconds else None
        if last is not None and last.second == int(now_s):
            self._seconds[-1] = last._replace(longest_s=max(last.longest_s, block_s))
        else:
            self._seconds.append(_Second(int(now_s), block_s))
        if block_s >= WARNING_S and now_s - self._warned_s >= WARNINGS_APART_S:
            self._warned_s = now_s
            _log.warning("loop_blocked", milliseconds=round(block_s * 1000))
