"""What is on its way: bytes that leave later than they were written, in their order."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

HELD_BYTES_MAX = 1 << 23
"""What may be on its way on one connection; with more, all of it arrives at once."""


class Delays:
    """A queue of steps, each taken when it is due and none before an earlier one.

    While `paused` nothing is taken.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.paused = False
        self._steps: deque[tuple[float, int, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, step: Callable[[], None], delay_s: float, size: int = 0) -> None:
        """Take `step`, which holds `size` bytes, after so long; at once if there is nothing to wait for."""
        if not (self._steps or self.paused or delay_s > 0):
            step()
            return
        due_s = asyncio.get_running_loop().time() + delay_s
        if self._steps:
            due_s = max(due_s, self._steps[-1][0])
        self._steps.append((due_s, size, step))
        self.bytes += size
        if self.bytes > HELD_BYTES_MAX:
            self._advance(due_s)
        elif self._timer is None and not self.paused:
            self._schedule()

    def resume(self) -> None:
        """Go on: what is due by now is taken at once."""
        self.paused = False
        self._advance(asyncio.get_running_loop().time())

    def clear(self) -> None:
        """Forget all that waits."""
        self._steps.clear()
        self.bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        due_s = self._steps[0][0]
        self._timer = asyncio.get_running_loop().call_at(due_s, partial(self._wake, due_s))

    def _wake(self, due_s: float) -> None:
        self._timer = None
        if not self.paused:
            self._advance(max(due_s, asyncio.get_running_loop().time()))

    def _advance(self, now_s: float) -> None:
        while self._steps and self._steps[0][0] <= now_s:
            _, size, step = self._steps.popleft()
            self.bytes -= size
            step()
        if self._steps and self._timer is None and not self.paused:
            self._schedule()
