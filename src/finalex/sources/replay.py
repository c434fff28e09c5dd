"""The replay: a reel written to the log as if it happened now, on its own clock."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing

import structlog

from finalex.log.port import Log
from finalex.model.commands import Command
from finalex.model.events import AnyEvent
from finalex.sources.declining import decline
from finalex.sources.pace import Pace, Sleep
from finalex.sources.port import Reply
from finalex.sources.reel import Reel
from finalex.sources.reports import Problem

_logger = structlog.get_logger()


class ReplaySource:
    """Plays a reel into the log; it takes no orders.

    One batch for each scene in which something happens, or time passes. What is before `from_ms`, by the log's clock,
    is played without waiting, so that the market is then as it was. With `loop` the reel starts over, moved in time
    to follow its end. `events` and `rounds` count what was played. Raises `ValueError` for a wrong speed, and for a
    `loop` of what can be played but once.
    """

    trading = False

    def __init__(
        self,
        reel: Reel,
        log: Log,
        *,
        speed: float | None = 1.0,
        loop: bool = False,
        from_ms: int = 0,
        now: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if loop and not reel.repeatable:
            raise ValueError("the log of a server cannot be played in a loop: its orders and balances go on")
        self.events = 0
        self.rounds = 0
        self._reel = reel
        self._log = log
        self._loop = loop
        self._from_ms = from_ms
        self._pace = Pace(speed, now, sleep)
        self._time_ms = 0

    @property
    def problems(self) -> Counter[Problem]:
        """What was wrong with the reel, by kind."""
        return self._reel.problems

    @property
    def share(self) -> float:
        """How much of the reel has been played in this round, from 0 to 1; about."""
        return self._reel.share

    async def run(self) -> None:
        """See `Source.run`: returns at the end of the reel, or with `loop` never."""
        while True:
            with closing(self._reel.play(self._time_ms)) as scenes:
                for scene in scenes:
                    due_ms = scene.due_ms if scene.time_ms >= self._from_ms else None
                    await self._pace.wait(due_ms, scene.pause_ms_max)
                    self._show(scene.events, scene.time_ms)
            self.rounds += 1
            _logger.info("replay ended", **self.counts())
            if not self._loop:
                return

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`: no order is taken, and none is there to cancel."""
        decline(command, reply, self._time_ms)

    def open_account(self, user: str) -> None:
        """See `Source.open_account`: there are no accounts."""

    def counts(self) -> dict[str, int]:
        """Return everything that is counted, by name."""
        problems = {problem.value: self.problems[problem] for problem in Problem}
        return {**self._reel.counts(), "events": self.events, "rounds": self.rounds, **problems}

    def _show(self, events: Sequence[AnyEvent], time_ms: int) -> None:
        if events or time_ms - self._time_ms >= self._reel.clock_step_ms:
            self.events += len(events)
            self._time_ms = max(self._time_ms, time_ms)
            self._log.append(events, self._time_ms)
