"""The desk of an external engine: commands go out, and answers come back once the log has what they say."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import structlog
from msgspec import structs

from finalex.exchange.decide import find_order
from finalex.exchange.order import Order
from finalex.exchange.outcomes import (
    Canceled,
    Declined,
    Done,
    Failed,
    Frozen,
    NotFound,
    Outcome,
    Placed,
    Refused,
    Unavailable,
)
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, Command, PlaceOrder
from finalex.model.orders import OrderStatus
from finalex.sources.declining import decline
from finalex.sources.external_commands import (
    Accepted,
    AnyAnswer,
    Away,
    BadAnswerError,
    CanceledOrders,
    Carried,
    CommandRequest,
    InHaltedMarket,
    NotBooked,
    Rejected,
    ask,
    encode_request,
    read_answer,
    sequence_of,
)
from finalex.sources.external_port import ExternalVenue, NobodyListensError, PositionedLog
from finalex.sources.port import Reply

PENDING_MAX = 10_000
"""So many commands may be under way; one more is answered `Unavailable`."""

NOTED_MAX = 10_000
"""So many messages are remembered with the orders that they changed, for answers that come after their events."""

_logger = structlog.get_logger(__name__)


class Noted(NamedTuple):
    """A message that was taken in: the batch of the log, `None` if it was refused, and its orders by number."""

    batch: int | None
    orders: Mapping[int, Order]


class Desk:
    """Asks an engine to carry out commands; `state` is what its events so far add up to."""

    def __init__(
        self,
        state: ExchangeState,
        log: PositionedLog,
        now_ms: Callable[[], int],
        venue: ExternalVenue,
        timeout_ms: int,
        position: int,
    ) -> None:
        self._state = state
        self._log = log
        self._now_ms = now_ms
        self._venue = venue
        self._timeout_s = timeout_ms / 1000
        self._position = position
        self._noted: OrderedDict[int, Noted] = OrderedDict()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []  # a heap, by the message waited for
        self._tasks: dict[asyncio.Task[None], Reply] = {}
        self._asked = 0

    def submit(self, command: Command, reply: Reply) -> None:
        """See `Source.submit`."""
        known = self._known(command)
        if known is not None:
            self._reply_when_durable(known, self._log.sequence, reply)
            return
        if self._log.problem is not None or len(self._tasks) >= PENDING_MAX:
            reply(Unavailable())
            return
        request = self._request(command)
        task = asyncio.get_running_loop().create_task(self._carry_out(command, request, reply))
        self._tasks[task] = reply
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def note(self, sequence: int, batch: int | None, orders: Mapping[int, Order]) -> None:
        """Take note that the message `sequence` was taken in, in a batch, or refused: then `batch` is `None`."""
        self._position = sequence
        self._noted[sequence] = Noted(batch, orders)
        if len(self._noted) > NOTED_MAX:
            self._noted.popitem(last=False)
        while self._waiting and self._waiting[0][0] <= sequence:
            future = heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def close(self, outcome: Outcome) -> None:
        """Give every command that is under way this outcome."""
        tasks, self._tasks = self._tasks, {}
        for task, reply in tasks.items():
            task.cancel()
            reply(outcome)

    def _known(self, command: Command) -> Outcome | None:
        """Return the outcome of a command that the log alone answers."""
        if isinstance(command, PlaceOrder) and command.client_order_id is not None:
            order = self._state.outcome(command.user, command.client_order_id)
            return None if order is None else _placed(order)
        if isinstance(command, CancelOrder) and command.order_id is not None:
            return NotFound() if find_order(self._state, command) is None else None
        return None

    def _request(self, command: Command) -> CommandRequest:
        deadline_ms = self._now_ms() + int(self._timeout_s * 1000)
        order = None
        if isinstance(command, CancelOrder) and command.order_id is not None:
            order = find_order(self._state, command)
        return ask(command, None if order is None else order.number, deadline_ms, self._state.instruments)

    async def _carry_out(self, command: Command, request: CommandRequest, reply: Reply) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = read_answer(await self._venue.request(encode_request(request), self._timeout_s), request)
                await self._taken_in(sequence_of(answer))
            outcome, batch = self._outcome(command, answer)
        except NobodyListensError:
            outcome, batch = Unavailable(), 0
        except TimeoutError:
            _logger.warning("external_command_unanswered", command=type(command).__name__)
            outcome, batch = Failed(), 0
        except BadAnswerError as error:
            _logger.warning("external_answer_wrong", command=type(command).__name__, reason=str(error))
            outcome, batch = Failed(), 0
        self._tasks.pop(asyncio.current_task(), None)  # type: ignore[arg-type]  # from here on it has its outcome
        self._reply_when_durable(outcome, batch, reply)

    async def _taken_in(self, sequence: int | None) -> None:
        """Wait until the message `sequence` was taken in."""
        if sequence is None or sequence <= self._position:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked += 1
        waiting = (sequence, self._asked, future)
        heappush(self._waiting, waiting)
        try:
            await future
        except asyncio.CancelledError:
            if waiting in self._waiting:  # else it was taken in at the same moment
                self._waiting.remove(waiting)
                heapify(self._waiting)
            raise

    def _outcome(self, command: Command, answer: AnyAnswer) -> tuple[Outcome, int]:
        """Return what `answer` means, and the batch of the log that must be durable before anybody hears of it."""
        sequence = sequence_of(answer)
        noted = None if sequence is None else self._noted.get(sequence)
        if noted is not None and noted.batch is None:
            raise BadAnswerError(f"message {sequence}, which it names, was refused")
        batch = self._log.sequence if noted is None or noted.batch is None else noted.batch
        match answer:
            case Accepted() | Rejected(order=int()):
                return self._placed(command, answer, noted), batch
            case Rejected():
                return _refused(command, answer, self._log.time_ms), batch
            case CanceledOrders():
                return Canceled(tuple(_order(noted, number) for number in answer.orders)), batch
            case InHaltedMarket():
                return Frozen(), batch
            case Carried():
                return Done(answer.earlier), batch
            case NotBooked():
                return Declined(answer.reason), batch
            case Away():
                return Unavailable(), batch
            case _:
                return NotFound(), batch

    def _placed(self, command: Command, answer: Accepted | Rejected, noted: Noted | None) -> Outcome:
        number = answer.order or 0
        order = noted.orders.get(number) if noted is not None else None
        order = order or self._state.order(number)
        if not isinstance(command, PlaceOrder) or order is None:
            raise BadAnswerError(f"order {number} is not in the message that it names")
        if (order.user, order.symbol) != (command.user, command.symbol):
            raise BadAnswerError(f"order {number} is another user's, or in another market")
        return _placed(order)

    def _reply_when_durable(self, outcome: Outcome, batch: int, reply: Reply) -> None:
        if isinstance(outcome, Unavailable | Failed):
            reply(outcome)
            return
        self._log.when_durable(batch, lambda durable: reply(outcome if durable else Failed()))


def _placed(order: Order) -> Outcome:
    return Refused(order) if order.status is OrderStatus.REJECTED else Placed(order)


def _refused(command: Command, answer: Rejected, time_ms: int) -> Outcome:
    refused: list[Outcome] = []
    decline(command, refused.append, time_ms)
    outcome = refused[0]
    if not isinstance(outcome, Refused):
        raise BadAnswerError("only an order can be rejected")
    return Refused(structs.replace(outcome.order, reject_reason=answer.reason))


def _order(noted: Noted | None, number: int) -> Order:
    order = None if noted is None else noted.orders.get(number)
    if order is None:
        raise BadAnswerError(f"order {number} is not in the message that it names")
    return order
