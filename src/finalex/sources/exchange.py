"""The exchange as a source: commands go in, and what they make happen goes into the log."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Failed, Outcome, Unavailable
from finalex.log.port import Log
from finalex.model.commands import Command, Credit, SetMarketState
from finalex.model.events import AnyEvent
from finalex.sources.port import Reply, Source

CLOCK_INTERVAL_MS = 50
"""When nothing else has for this long, an empty batch advances the log's clock."""

OPENED_USERS_MAX = 100_000
"""How many users are remembered to have had their demo balances; forgetting them costs time and nothing else."""

_logger = structlog.get_logger(__name__)


_UNDECIDED = (Unavailable, Failed)


class ExchangeSource(Source):
    """The one writer of the log of an exchange.

    `engine` holds the state that the log adds up to; nobody else may use it to execute commands. New accounts
    get `demo_balances` (10^-8 by currency). While the log has a problem, commands are answered `Unavailable` and
    only time goes on. Once an append has failed, the state is ahead of the log: from then on every command is
    answered `Failed`, and `run` raises the cause.
    """

    trading = True

    def __init__(
        self,
        engine: Engine,
        log: Log,
        now_ms: Callable[[], int],
        demo_balances: Mapping[str, int] | None = None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._clock = now_ms
        self._demo_balances = dict(demo_balances or {})
        self._opened: set[str] = set()
        self._appended_ms = log.time_ms
        self._failure: Exception | None = None

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`; the reply waits until all that led to the outcome is durable."""
        if not isinstance(command, SetMarketState):
            self.open_account(command.user)
        outcome = self.execute([command])[0]
        if isinstance(outcome, _UNDECIDED):
            reply(outcome)
        else:
            self._log.when_durable(self._log.sequence, lambda durable: reply(outcome if durable else Failed()))

    def open_account(self, user: str) -> None:
        """Credit the demo balances if `user` has no account yet: `demo:<user>:<currency>` is the credit's reference."""
        if not self._demo_balances or user in self._opened or self._log.problem is not None:
            return
        if len(self._opened) >= OPENED_USERS_MAX:
            self._opened.clear()
        self._opened.add(user)
        if self._engine.state.exists(user):
            return
        self.execute(
            [
                Credit(user=user, currency=currency, amount=amount, reference=f"demo:{user}:{currency}")
                for currency, amount in self._demo_balances.items()
            ]
        )

    async def run(self) -> None:
        """See `Source.run`; an exchange has no end."""
        while True:
            self.tick()
            await asyncio.sleep(max(1, self._appended_ms + CLOCK_INTERVAL_MS - self._time_ms()) / 1000)

    def tick(self) -> None:
        """Advance the log's clock if nothing else has for `CLOCK_INTERVAL_MS`; raises the failure of an append."""
        if self._failure is not None:
            raise self._failure
        now_ms = self._time_ms()
        if now_ms - self._appended_ms >= CLOCK_INTERVAL_MS:
            self._append([], now_ms)

    def execute(self, commands: Sequence[Command]) -> list[Outcome]:
        """Carry out `commands` one after the other, append all their events as one batch, return the outcomes.

        One that raises is answered `Failed` and logged; it has no effect, and the others go on.
        """
        if self._failure is not None:
            return [Failed() for _ in commands]
        if self._log.problem is not None:
            return [Unavailable() for _ in commands]
        now_ms = self._time_ms()
        events: list[AnyEvent] = []
        outcomes = [self._execute(command, now_ms, events) for command in commands]
        if events:
            try:
                self._append(events, now_ms)
            except Exception as failure:
                _logger.exception("append_failed", events=len(events))
                self._failure = failure
                return [Failed() for _ in commands]
        return outcomes

    def _execute(self, command: Command, now_ms: int, events: list[AnyEvent]) -> Outcome:
        try:
            happened, outcome = self._engine.execute(command, now_ms)
        except Exception:
            _logger.exception("command_failed", command=type(command).__name__)
            return Failed()
        events.extend(happened)
        return outcome

    def _append(self, events: Sequence[AnyEvent], time_ms: int) -> None:
        self._appended_ms = time_ms
        self._log.append(events, time_ms)

    def _time_ms(self) -> int:
        """Return the time, never before what is in the log: events and their batch agree."""
        return max(self._appended_ms, self._clock())
