"""The venue of a gateway: commands go to whichever engine leads, and every one has an outcome in time.

While the view follows the log, an outcome is handed on when the view has all that led to it, so that a client sees
its order's messages and the answer as from a single process. **When another engine takes over**, everything that the
one before accepted is in the log before the first record of the new one, and nothing it does later counts. So what is
under way is settled there and then: what changes nothing the second time is sent again, to the new leader; of an order
without an id the log tells whether it can have been accepted: if not, nothing happened; else nobody knows.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush

from finalex.cluster.leadership import Leadership
from finalex.cluster.pending import Pending, PendingCommands
from finalex.cluster.wire import OpenAccount, OutcomeBatch, SentCommand
from finalex.exchange.outcomes import Done, Failed, Outcome, Unavailable
from finalex.exchange.state import ExchangeState
from finalex.metrics import Metrics
from finalex.model.commands import Command
from finalex.model.events import Batch
from finalex.sources.port import Reply

PENDING_MAX = 10_000
"""Commands under way; one more is answered `Unavailable` at once."""

UNOPENED_MAX = 100_000
"""Users whose account is still to be opened; one more, and all are forgotten: the first order opens it as well."""

CHECKED_APART_S = 0.05
"""How often deadlines, and whether anybody leads, are looked at."""

Send = Callable[[str, SentCommand], None]
"""Sends a command to the engine that writes as somebody; never waits."""


@dataclass(slots=True)
class Counts:
    """What became of commands."""

    sent: int = 0
    answered: int = 0
    repeated: int = 0
    settled: int = 0
    timed_out: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Clocks:
    """The wall clock in milliseconds, which goes with commands, and one that never goes back, in seconds."""

    now_ms: Callable[[], int]
    steady_s: Callable[[], float]


class RemoteVenue:
    """Takes commands for an engine elsewhere; see `gateway.switchboard.Venue`.

    `state` is the gateway's view, and `observe` and `advance` say what happens to it. A command has its outcome
    within `timeout_ms`: `Unavailable` if nothing happened, at once while nobody leads, and `Failed` if nobody knows.
    """

    def __init__(
        self,
        send: Send,
        state: ExchangeState,
        leadership: Leadership,
        clocks: Clocks,
        timeout_ms: int,
        *,
        opens_accounts: bool = False,
    ) -> None:
        self.counts = Counts()
        self._send = send
        self._state = state
        self._leadership = leadership
        self._clocks = clocks
        self._timeout_ms = timeout_ms
        self._opens_accounts = opens_accounts
        self._pending = PendingCommands()
        self._answered: list[tuple[int, int]] = []  # a heap: the batch that the view must have, and the number
        self._sequence = 0
        self._opening: set[str] = set()
        self._unopened: dict[str, None] = {}

    def __len__(self) -> int:
        """How many commands have no outcome yet."""
        return len(self._pending)

    def watch(self, metrics: Metrics) -> None:
        """Show in `metrics` how commands do."""
        counts = self.counts
        metrics.watch("commands_pending", "Commands under way to the engine", lambda: len(self))
        for name, meaning in {
            "sent": "Commands sent to the engine",
            "answered": "Commands that the engine answered",
            "repeated": "Commands sent again, to another engine or after a lost connection",
            "settled": "Orders without an id whose outcome was read from the log when an engine took over",
            "timed_out": "Commands without an outcome in time",
            "refused": "Commands refused at once: nobody leads, or too many are under way",
        }.items():
            metrics.watch_total(f"commands_{name}", meaning, partial(getattr, counts, name))

    # --- what sessions ask ------------------------------------------------------------------------------

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`."""
        self._submit(command, reply)

    def open_account(self, user: str) -> None:
        """See `Source.open_account`; tried until it is done."""
        if not self._opens_accounts or user in self._opening or self._state.exists(user):
            return
        self._opening.add(user)
        self._submit(OpenAccount(user=user), partial(self._opened, user))

    # --- what engines and the log tell ------------------------------------------------------------------

    def take(self, batch: OutcomeBatch) -> None:
        """Take in outcomes; those of commands that already have one mean nothing."""
        for number, outcome in batch.items:
            pending = self._pending.get(number)
            if pending is None or pending.outcome is not None:
                continue
            self.counts.answered += 1
            pending.outcome = outcome
            heappush(self._answered, (batch.sequence, number))
        self._hand_on()

    def give_back(self, numbers: Iterable[int]) -> None:
        """Hear which commands were not sent."""
        for number in numbers:
            pending = self._pending.take(number)
            if pending is not None:
                pending.reply(Failed() if pending.repeated else Unavailable())

    def observe(self, batch: Batch) -> None:
        """See the log's next batch, which the view does not have yet."""
        self._pending.observe(batch, self._state)

    def advance(self, sequence: int) -> None:
        """Hear that the view has everything up to the batch `sequence`."""
        self._sequence = sequence
        self._hand_on()

    def settle(self) -> None:
        """Hear that somebody else writes the log, before the view has any of it."""
        writer = self._leadership.writer
        unsettled = self._pending.take_if(lambda each: each.writer != writer and each.outcome is None)
        for pending in unsettled:
            if pending.repeatable:
                self._repeat(pending, writer)
            else:
                self.counts.settled += 1
                pending.settle()
        self._open_accounts()

    def repeat(self) -> None:
        """Hear that the connection to NATS was lost for a moment: what was under way may be lost with it."""
        for pending in self._pending.take_if(lambda each: each.repeatable and each.outcome is None):
            self._repeat(pending, pending.writer)

    # --- time -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Give what has waited too long its outcome: the engine's if it has answered, else `Failed`."""
        now_s = self._clocks.steady_s()
        for pending in self._pending.take_if(lambda each: each.due_s <= now_s):
            self.counts.timed_out += 1
            pending.finish(pending.outcome or Failed())
        if self._unopened and self._leadership.leader is not None:
            self._open_accounts()

    async def drain(self) -> None:
        """Wait until all that somebody waits for now has its outcome."""
        due_s = self._clocks.steady_s() + self._timeout_ms / 1000
        now = [pending for pending in self._pending.all() if not isinstance(pending.command, OpenAccount)]
        while any(pending in self._pending for pending in now) and self._clocks.steady_s() < due_s:
            self.check()
            await asyncio.sleep(CHECKED_APART_S)

    # --- below ------------------------------------------------------------------------------------------

    def _submit(self, command: Command | OpenAccount, reply: Reply) -> None:
        writer = self._leadership.leader
        if writer is None or len(self._pending) >= PENDING_MAX:
            self.counts.refused += 1
            reply(Unavailable())
            return
        deadline_ms = self._clocks.now_ms() + self._timeout_ms
        pending = Pending(command, reply, deadline_ms, self._clocks.steady_s() + self._timeout_ms / 1000)
        self._pending.add(pending, writer)
        self.counts.sent += 1
        self._send(writer, pending.sent)

    def _repeat(self, pending: Pending, writer: str) -> None:
        pending.repeated = True
        self._pending.add(pending, writer)
        self.counts.repeated += 1
        self._send(writer, pending.sent)

    def _hand_on(self) -> None:
        while self._answered and self._answered[0][0] <= self._sequence:
            _, number = heappop(self._answered)
            pending = self._pending.take(number)
            if pending is not None and pending.outcome is not None:
                pending.finish(pending.outcome)

    def _opened(self, user: str, outcome: Outcome) -> None:
        self._opening.discard(user)
        if isinstance(outcome, Done):
            return
        if len(self._unopened) >= UNOPENED_MAX:
            self._unopened.clear()
        self._unopened[user] = None

    def _open_accounts(self) -> None:
        unopened, self._unopened = self._unopened, {}
        for user in unopened:
            self.open_account(user)
