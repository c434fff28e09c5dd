"""The turnstile: when many come at once, a few are let in in each turn of the event loop, between all else."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN_S = 0.003
"""Once so much of a turn is used up, those who still wait are let in in the next."""


class Turnstile:
    """Takes steps one after the other, in the order in which they came.

    How many may wait is up to those who send them.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._waiting: deque[Callable[[], None]] = deque()

    def enter(self, step: Callable[[], None]) -> None:
        """Take `step` in one of the next turns."""
        self._waiting.append(step)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        end_s = self._clock() + TURN_S
        try:
            while self._waiting and self._clock() < end_s:
                try:
                    self._waiting[0]()
                finally:
                    self._waiting.popleft()
        finally:  # should a step raise, the loop reports it
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._turn)
