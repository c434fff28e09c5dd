"""An engine that is not ours as the source: what it says happened goes into the log, once everything in it can be.

Its messages are numbered by the stream that stores them. Each that can be taken becomes one batch of the log, in order
and whole; the number goes along in the same step, so that whoever opens the log next takes the next message: none
twice, none left out. One that cannot be taken is set aside whole, with the reason, before the next is looked at.
"""

import asyncio
from collections.abc import Callable

import structlog

from finalex.exchange.outcomes import Failed
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command
from finalex.sources.external_desk import Desk
from finalex.sources.external_events import BadMessageError, Happened, read_message
from finalex.sources.external_ledger import Ledger
from finalex.sources.external_port import (
    EventMessage,
    ExternalInput,
    ExternalVenue,
    InputAwayError,
    InputMissingError,
    PositionedLog,
)
from finalex.sources.port import Reply, Source

CLOCK_INTERVAL_MS = 50
"""When nothing else has for this long, an empty batch says that time has passed."""

ALLOWED_LATENESS_MS = 250
"""The log's clock is so far behind ours while nothing happens, so that messages under way keep their own times."""

AHEAD_MS_MAX = 1_000
"""A message whose time is further ahead of our clock is not taken: it would end candles that are not over."""

RETRY_S = 0.25
"""The pause before storage that does not answer is asked again."""

KEPT_MESSAGES = 10_000
"""So many messages that were taken in stay stored, for whoever wants to look at them."""

_logger = structlog.get_logger(__name__)


class ExternalSource(Source):
    """The one writer of the log of an exchange whose engine is elsewhere.

    `state` is what the log adds up to, and nobody else may change it. Commands go to `venue`, and have an outcome
    within `timeout_ms`: `Unavailable` if they surely reached nobody, `Failed` if nobody knows. `taken` and `refused`
    count messages.
    """

    trading = True

    def __init__(
        self,
        state: ExchangeState,
        log: PositionedLog,
        now_ms: Callable[[], int],
        messages: ExternalInput,
        venue: ExternalVenue,
        timeout_ms: int,
    ) -> None:
        self.taken = self.refused = 0
        self._log = log
        self._now_ms = now_ms
        self._messages = messages
        self._venue = venue
        self._ledger = Ledger(state)
        self._desk = Desk(state, log, now_ms, venue, timeout_ms, log.position)
        self._position = self._forgotten = log.position
        self._appended_ms = 0
        self._behind = True
        self._ended = asyncio.Event()

    @property
    def position(self) -> int:
        """The sequence of the last message that was taken in or set aside."""
        return self._position

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`; what an outcome says is in the log, and durable."""
        self._desk.submit(command, reply)

    def open_account(self, user: str) -> None:
        """See `Source.open_account`: accounts are the engine's business."""

    async def run(self) -> None:
        """See `Source.run`; raises `InputMissingError` if messages are gone that were never taken."""
        tasks = {asyncio.create_task(each) for each in (self._keep_time(), self._take_in())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._ended.set()  # being canceled alone may be lost on those whom the input waits for
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._desk.close(Failed())
            await self._messages.close()
            await self._venue.close()

    def tick(self) -> None:
        """Advance the log's clock if nothing else has for a while; not beyond messages that are still to be read."""
        now_ms = self._now_ms()
        if now_ms - self._appended_ms >= CLOCK_INTERVAL_MS:
            self._appended_ms = now_ms
            self._log.append((), self._log.time_ms if self._behind else now_ms - ALLOWED_LATENESS_MS)

    async def _keep_time(self) -> None:
        while not self._ended.is_set():
            self.tick()
            await asyncio.sleep(CLOCK_INTERVAL_MS / 1000)

    async def _take_in(self) -> None:
        while not self._ended.is_set():
            try:
                messages = await self._messages.read(self._position)
            except InputAwayError as error:
                _logger.warning("external_events_away", reason=str(error))
                self._behind = False  # time goes on
                await asyncio.sleep(RETRY_S)
                continue
            for message in messages:
                if self._ended.is_set():
                    return
                await self._take(message)
            self._behind = bool(messages) and messages[-1].pending > 0
            await self._forget()

    async def _take(self, message: EventMessage) -> None:
        if message.sequence != self._position + 1:
            raise InputMissingError(
                f"The next message of the external engine is {message.sequence}, but {self._position + 1} was never "
                "taken in: the stream has lost it."
            )
        while self._log.problem is not None:  # noqa: ASYNC110 (a log tells nobody when it is well again)
            await asyncio.sleep(CLOCK_INTERVAL_MS / 1000)
        try:
            self._append(message)
        except BadMessageError as error:
            await self._set_aside(message, str(error))
        await asyncio.sleep(0)  # a long backlog must not hold up the clock

    def _append(self, message: EventMessage) -> None:
        """Take a message in: in one turn of the loop, so the log that took events before takes these."""
        happened = self._read(message)
        self._ledger.try_out(happened.events)
        before = self._log.position
        self._log.position = message.sequence
        try:
            batch = self._log.append(happened.events, happened.time_ms)
        except (OverflowError, ValueError) as error:
            self._log.position = before
            self._ledger.forget()
            raise BadMessageError(f"the log cannot store it: {error}") from None
        self._position = message.sequence
        self._appended_ms = self._now_ms()
        self.taken += 1
        self._desk.note(message.sequence, batch.sequence, self._ledger.take(happened.events))

    def _read(self, message: EventMessage) -> Happened:
        ahead_ms = self._now_ms() + AHEAD_MS_MAX
        state = self._ledger.state
        happened = read_message(message.data, message.content_type, state.instruments, not_before_ms=self._log.time_ms)
        if happened.time_ms > max(ahead_ms, self._log.time_ms):
            raise BadMessageError(f"time_ms {happened.time_ms} is more than {AHEAD_MS_MAX} ms in the future")
        return happened

    async def _set_aside(self, message: EventMessage, reason: str) -> None:
        _logger.error("external_message_refused", sequence=message.sequence, producer=message.producer, reason=reason)
        while not self._ended.is_set():
            try:
                await self._messages.set_aside(message, reason)
            except InputAwayError as error:
                _logger.warning("external_events_away", reason=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            self.refused += 1
            self._position = self._log.position = message.sequence
            self._desk.note(message.sequence, None, {})
            return

    async def _forget(self) -> None:
        """Let the stored messages go that are long in the log, durably, now and then."""
        through = self._position - KEPT_MESSAGES
        if through < self._forgotten + KEPT_MESSAGES:
            return
        durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._log.when_durable(self._log.sequence, durable.set_result)
        if not await durable:
            return
        try:
            await self._messages.forget(through)
            self._forgotten = through
        except InputAwayError as error:
            _logger.warning("external_events_away", reason=str(error))
