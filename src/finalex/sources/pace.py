"""The pace of a replay: when the next line is due, without keeping the event loop waiting."""

from collections.abc import Awaitable, Callable
from math import isfinite

GRAIN_S = 0.001
"""What is due within so short a time is played at once: event loops wait no more finely."""

BUSY_S_MAX = 0.005
"""After so long without waiting, everybody else gets a turn."""

PAUSE_MS_MAX = 60_000
"""A longer silence in a recording is shortened to this."""

Sleep = Callable[[float], Awaitable[object]]


class Pace:
    """Waits as the recording did, `speed` times as fast, from the first wait for a time on.

    With `None` it never waits longer than others need for a turn. `now` gives seconds of any steady clock.
    Raises `ValueError` for a speed that is not positive and finite.
    """

    def __init__(self, speed: float | None, now: Callable[[], float], sleep: Sleep) -> None:
        if speed is not None and not (speed > 0 and isfinite(speed)):
            raise ValueError(f"speed {speed} is not a positive number")
        self._speed = speed
        self._now = now
        self._sleep = sleep
        self._start_s = self._turn_s = 0.0
        self._position_ms = 0
        self._due_ms: int | None = None

    async def wait(self, due_ms: int | None, pause_ms_max: int = PAUSE_MS_MAX) -> None:
        """Wait until what is due at `due_ms` of the recording's time is due; never for time that goes back.

        `None` is due at once.
        """
        now_s = self._now()
        wait_s = 0.0 if due_ms is None else self._time_left_s(due_ms, pause_ms_max, now_s)
        if wait_s >= GRAIN_S:
            await self._sleep(wait_s)
        elif now_s - self._turn_s >= BUSY_S_MAX:
            await self._sleep(0)
        else:
            return
        self._turn_s = self._now()

    def _time_left_s(self, due_ms: int, pause_ms_max: int, now_s: float) -> float:
        if self._due_ms is None:
            self._due_ms = due_ms
            self._start_s = self._turn_s = now_s
        last_ms = self._due_ms
        self._due_ms = max(last_ms, due_ms)
        self._position_ms += min(self._due_ms - last_ms, pause_ms_max)
        return self._start_s + self._position_ms / 1000 / self._speed - now_s if self._speed else 0.0
