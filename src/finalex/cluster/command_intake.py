"""The command intake: what gateways send to the engine that leads is carried out, in order, and answered.

An answer leaves only when it is certain that this engine led after it was decided: with the batch that holds what
happened or, if nothing did, with one that is appended for it. So an engine that was paused, and meanwhile replaced,
answers nothing of what it decides then. Only that the exchange takes nothing for now is said at once.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Container
from functools import partial

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from finalex.bus.connection import BusError
from finalex.bus.names import Names
from finalex.cluster.answers import Answers
from finalex.cluster.wire import CommandBatch, OpenAccount, SentCommand, SentOutcome, WireError, decode_commands
from finalex.ending import end_tasks
from finalex.exchange.outcomes import Done, Failed, Outcome, TooFast, Unavailable
from finalex.log.port import Log, LogProblem, LogRefusedError
from finalex.model.commands import CancelAllOrders, CancelOrder, PlaceOrder
from finalex.model.events import Batch
from finalex.session.order_rates import OrderRates
from finalex.sources.port import Source

MESSAGES_WAITING_MAX = 4096
BYTES_WAITING_MAX = 64 << 20
"""So much may wait to be looked at; what more comes is dropped, and its gateways find that out by its deadline."""

COMMANDS_UNANSWERED_MAX = 100_000
"""While so many commands wait for the log, no more are carried out: `Unavailable`."""

ALLOWED = (PlaceOrder, CancelOrder, CancelAllOrders, OpenAccount)
"""What gateways may ask; the rest is the operator's, who asks elsewhere."""

WARNINGS_APART_S = 10.0
"""Messages that cannot be understood are logged at most so often, with how many there were."""

_NODE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_UNDECIDED = (Unavailable, Failed)
_LOST = (LogProblem.FENCED, LogProblem.CLOSED)

_log = structlog.get_logger("finalex.cluster")


class _Addressed(msgspec.Struct):
    """What can perhaps still be read of commands that cannot be understood."""

    reply_to: str
    items: list[tuple[int, int, msgspec.Raw]]


_addressed = msgspec.json.Decoder(_Addressed)


class CommandIntake:
    """Takes the commands for the engine that appends as `writer`: from `listen` on it holds them, from `begin` on they
    are carried out.

    `order_rates` hold for the whole cluster, as all orders come through here. `now_ms` is the wall clock, which
    deadlines are by. `counts` says what was taken and what became of it.
    """

    def __init__(
        self,
        client: Client,
        names: Names,
        writer: str,
        order_rates: OrderRates,
        now_ms: Callable[[], int],
        counts: Counter[str],
    ) -> None:
        self._client = client
        self._names = names
        self._subject = names.commands(writer)
        self._rates = order_rates
        self._now_ms = now_ms
        self._counts = counts
        self._answers = Answers(client)
        self._subscription: Subscription | None = None
        self._sending: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._source: Source
        self._log: Log
        self._markets: Container[str]
        self._durable = 0
        self._unanswered = 0
        self._unproven: list[tuple[str, SentOutcome]] | None = None
        self._warned_s = -WARNINGS_APART_S
        self._malformed = 0

    async def listen(self) -> None:
        """Hold what gateways send from now on; raises `BusError`."""
        messages, held_bytes = MESSAGES_WAITING_MAX, BYTES_WAITING_MAX
        try:
            self._subscription = await self._client.subscribe(
                self._subject, cb=self._take, pending_msgs_limit=messages, pending_bytes_limit=held_bytes
            )
            await self._client.flush()
        except NatsError as error:
            raise BusError(f"Commands cannot be taken: {str(error) or type(error).__name__}.") from error

    def begin(self, source: Source, log: Log, markets: Container[str]) -> None:
        """Have `source`, which writes to `log` and knows `markets`, carry out what is held and what comes."""
        self._source, self._log, self._markets = source, log, markets
        self._durable = log.sequence
        log.follow(self._follow)
        self._sending = asyncio.create_task(self._answers.run())
        self._begun.set()

    async def stop(self) -> None:
        """Take no more, and drop what is held; what is decided will still be answered."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    async def finish(self) -> None:
        """Send the last answers: now that the log is closed, no more will come."""
        if self._sending is not None:
            await end_tasks(self._sending)
            await self._answers.finish()

    async def _take(self, message: Msg) -> None:
        await self._begun.wait()
        if self._subscription is None:
            return
        try:
            batch = decode_commands(message.data)
            self._check(batch)
        except WireError as error:
            self._refuse(message.data, error)
        else:
            self._carry_out(batch)
        await asyncio.sleep(0)  # others have their turn, however many messages wait

    def _check(self, batch: CommandBatch) -> None:
        if not self._is_gateway(batch.reply_to):
            raise WireError(
                f"Commands of '{batch.gateway}' are to be answered at '{batch.reply_to}', no gateway's place."
            )
        for item in batch.items:
            if not isinstance(item.command, ALLOWED):
                raise WireError(f"'{batch.gateway}' sends a {type(item.command).__name__}, which no gateway may.")

    def _carry_out(self, batch: CommandBatch) -> None:
        self._unproven = []
        for item in batch.items:
            self._counts["commands"] += 1
            self._unanswered += 1
            self._submit(item, partial(self._reply, batch.reply_to, item.number))
        unproven, self._unproven = self._unproven, None
        if unproven:
            self._prove(unproven)

    def _submit(self, item: SentCommand, reply: Callable[[Outcome], None]) -> None:
        command, now_ms = item.command, self._now_ms()
        if now_ms > item.deadline_ms:
            self._counts["late"] += 1
            reply(Unavailable())
        elif self._unanswered > COMMANDS_UNANSWERED_MAX or self._log.problem is not None:
            reply(Unavailable())
        elif isinstance(command, OpenAccount):
            self._source.open_account(command.user)
            self._log.when_durable(self._log.sequence, lambda durable: reply(Done() if durable else Failed()))
        elif isinstance(command, PlaceOrder) and command.symbol not in self._markets:
            reply(Unavailable())  # gateways know a new market before the engine that leads does
        elif isinstance(command, PlaceOrder) and not self._rates.admits(command.user, now_ms):
            reply(TooFast(self._rates.per_second_max))
        else:
            self._source.submit(command, reply)

    def _reply(self, reply_to: str, number: int, outcome: Outcome) -> None:
        self._unanswered -= 1
        if isinstance(outcome, Failed):
            self._counts["failed"] += 1
        if self._log.problem in _LOST and isinstance(outcome, _UNDECIDED):
            return  # whoever leads now knows better
        answer = SentOutcome(number, outcome)
        if self._unproven is not None and not isinstance(outcome, _UNDECIDED):
            self._unproven.append((reply_to, answer))
        else:
            self._answers.add(reply_to, answer, self._durable)

    def _prove(self, answers: list[tuple[str, SentOutcome]]) -> None:
        """Send `answers` that nothing was stored for when a batch is that was appended after them."""

        def send(durable: bool) -> None:
            if durable:
                for reply_to, answer in answers:
                    self._answers.add(reply_to, answer, self._durable)

        try:
            batch = self._log.append((), self._log.time_ms)
        except LogRefusedError:
            return  # closed, or another's: whoever leads now knows better
        self._log.when_durable(batch.sequence, send)

    def _follow(self, batch: Batch) -> None:
        self._durable = batch.sequence

    def _refuse(self, data: bytes, error: WireError) -> None:
        """Count and log a message that cannot be understood, and answer it as far as it says what and to whom."""
        self._counts["malformed"] += 1
        self._malformed += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._warned_s >= WARNINGS_APART_S:
            _log.warning("commands_refused", messages=self._malformed, reason=str(error))
            self._warned_s, self._malformed = now_s, 0
        try:
            addressed = _addressed.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if self._is_gateway(addressed.reply_to):
            for number, _, _ in addressed.items:
                self._answers.add(addressed.reply_to, SentOutcome(number, Unavailable()), 0)

    def _is_gateway(self, reply_to: str) -> bool:
        """Whether a subject is one that gateways listen to; anything may stand there, line ends too."""
        place = self._names.replies("")
        return reply_to.startswith(place) and _NODE.fullmatch(reply_to[len(place) :]) is not None
