"""The replay: recorded markets written to the log as if they happened now, on their own clock."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing

import structlog

from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Done, NotFound, Refused
from finalex.log.port import Log
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, PlaceOrder
from finalex.model.events import AnyEvent
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderStatus
from finalex.model.rejects import RejectReason
from finalex.sources.feed import Feed, watermark_ms
from finalex.sources.pace import PAUSE_MS_MAX, Pace, Sleep
from finalex.sources.port import Reply
from finalex.sources.recordings import Recording
from finalex.sources.reports import Problem
from finalex.sources.tracks import PAUSE_MS, Cue, Opened, play

CLOCK_STEP_MS = 100
"""When nothing happens, the log still learns at least so often that time has passed."""

WARNINGS_MAX = 100
"""So many problems of a file are logged one by one; all are counted."""

_logger = structlog.get_logger()


class ReplaySource:
    """Plays recordings into the log; it takes no orders.

    One batch for each line that makes something happen. The log's clock is the recorded exchange's, a little
    behind (`ALLOWED_LATENESS_MS`), so that what is late still comes in time; at the end it catches up with the last
    line. With `loop` the recordings start over, moved in time to follow the end. `lines`, `events`, `rounds` and
    `problems` count what was played and what was wrong with it.
    """

    trading = False

    def __init__(
        self,
        recordings: Sequence[Recording],
        log: Log,
        instruments: Instruments,
        *,
        speed: float | None = 1.0,
        loop: bool = False,
        now: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.lines = 0
        self.events = 0
        self.rounds = 0
        self.problems: Counter[Problem] = Counter()
        self.feeds = {r.symbol: Feed(instruments[r.symbol], self._report) for r in recordings}
        self._recordings = tuple(recordings)
        self._log = log
        self._loop = loop
        self._pace = Pace(speed, now, sleep)
        self._cue: Cue  # the line being played
        self._warnings: Counter[str] = Counter()
        self._time_ms = 0

    async def run(self) -> None:
        """See `Source.run`: returns at the end of the recordings, or with `loop` never."""
        end_ms = 0
        while True:
            with closing(play(self._recordings, end_ms)) as cues:
                for cue in cues:
                    await self._pace.wait(cue.due_ms, PAUSE_MS if isinstance(cue.content, Opened) else PAUSE_MS_MAX)
                    self._play(cue)
                    end_ms = cue.clock_ms
            self._append([], end_ms)
            self.rounds += 1
            _logger.info("replay ended", **self.counts())
            if not self._loop:
                return

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`: no order is taken, and none is there to cancel."""
        if isinstance(command, PlaceOrder):
            reply(Refused(self._refused(command)))
        elif isinstance(command, CancelOrder):
            reply(NotFound())
        else:
            reply(Canceled(()) if isinstance(command, CancelAllOrders) else Done())

    def open_account(self, user: str) -> None:
        """See `Source.open_account`: there are no accounts."""

    def counts(self) -> dict[str, int]:
        """Return everything that is counted, by name."""
        problems = {problem.value: self.problems[problem] for problem in Problem}
        return {"lines": self.lines, "events": self.events, "rounds": self.rounds, **problems}

    def _play(self, cue: Cue) -> None:
        self._cue = cue
        if isinstance(cue.content, Opened):
            self._warnings.pop(cue.recording.symbol, None)
            _logger.info("replay of a file", file=str(cue.recording.path), symbol=cue.recording.symbol)
        else:
            self.lines += 1
        events = self.feeds[cue.recording.symbol].take(cue)
        self.events += len(events)
        if events or watermark_ms(cue) - self._time_ms >= CLOCK_STEP_MS:
            self._append(events, watermark_ms(cue))

    def _append(self, events: Sequence[AnyEvent], time_ms: int) -> None:
        self._time_ms = max(self._time_ms, time_ms)
        self._log.append(events, self._time_ms)

    def _report(self, problem: Problem, details: str) -> None:
        self.problems[problem] += 1
        recording, number = self._cue.recording, self._cue.number
        self._warnings[recording.symbol] += 1
        place = {"file": str(recording.path), "line": number, "symbol": recording.symbol}
        if self._warnings[recording.symbol] <= WARNINGS_MAX:
            _logger.warning("replay problem", problem=problem.value, details=details, **place)
        elif self._warnings[recording.symbol] == WARNINGS_MAX + 1:
            _logger.warning("more problems of this file are only counted", **place)

    def _refused(self, command: PlaceOrder) -> Order:
        return Order(
            number=0,
            user=command.user,
            symbol=command.symbol,
            side=command.side,
            type=command.type,
            time_in_force=command.time_in_force,
            post_only=command.post_only,
            price=command.price,
            quantity=command.quantity,
            client_order_id=command.client_order_id,
            status=OrderStatus.REJECTED,
            reason=RejectReason.TRADING_DISABLED,
            created_ms=self._time_ms,
            updated_ms=self._time_ms,
        )
