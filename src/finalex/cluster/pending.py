"""Commands under way: sent to an engine, and not answered yet; and what the log tells of them meanwhile."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from finalex.cluster.wire import OpenAccount, SentCommand
from finalex.exchange.lifecycle import accepted_order, ended_order
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Failed, NotFound, Outcome, Unavailable
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, PlaceOrder
from finalex.model.events import Batch, OrderAccepted, OrderEnded, OrderRejected
from finalex.model.orders import EndReason
from finalex.sources.port import Reply

_OF_ORDERS = (OrderAccepted, OrderRejected, OrderEnded)


@dataclass(slots=True, eq=False)
class Pending:
    """A command under way to the engine `writer`; after `due_s`, by the loop's clock, nobody waits for it."""

    command: Command | OpenAccount
    reply: Reply
    deadline_ms: int
    due_s: float
    number: int = 0
    writer: str = ""
    repeated: bool = False
    canceled: dict[int, Order] = field(default_factory=dict)
    """The orders that it may have canceled, since it was sent first."""
    appeared: bool = False
    """Whether an order like the one it places has come up in the log since it was sent."""
    outcome: Outcome | None = None
    """What the engine answered, where the view is not as far yet."""

    @property
    def sent(self) -> SentCommand:
        """The command as it travels."""
        return SentCommand(self.number, self.deadline_ms, self.command)

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again without knowing what became of it: the second time it changes nothing more."""
        return not isinstance(self.command, PlaceOrder) or self.command.client_order_id is not None

    def finish(self, outcome: Outcome) -> None:
        """Hand on what became of it, where the engine's `outcome` is perhaps that of its second try alone."""
        self.reply(self._together(outcome))

    def settle(self) -> None:
        """Hand on what the log tells of an order without an id, once nothing more can come of it.

        One like it may be another's, of the same account at another gateway: nobody guesses.
        """
        self.reply(Failed() if self.appeared else Unavailable())

    def _together(self, outcome: Outcome) -> Outcome:
        if not (self.repeated and self.canceled):
            return outcome
        match outcome:
            case NotFound():
                return Canceled(tuple(self.canceled.values()))
            case Canceled(orders):
                together = self.canceled | {order.number: order for order in orders}
                return Canceled(tuple(order for _, order in sorted(together.items())))
        return outcome


class PendingCommands:
    """All commands under way of one gateway, in the order in which they were sent."""

    def __init__(self) -> None:
        self._by_number: dict[int, Pending] = {}
        self._watched: dict[str, dict[Pending, None]] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def all(self) -> list[Pending]:
        """Return all commands under way."""
        return list(self._by_number.values())

    def __contains__(self, pending: Pending) -> bool:
        return self._by_number.get(pending.number) is pending

    def add(self, pending: Pending, writer: str) -> None:
        """Take in a command that is sent to `writer`, with a number that it alone has: late answers mean nothing."""
        self._last_number += 1
        pending.number, pending.writer = self._last_number, writer
        self._by_number[pending.number] = pending
        if isinstance(pending.command, PlaceOrder | CancelOrder | CancelAllOrders):
            self._watched.setdefault(pending.command.user, {})[pending] = None

    def get(self, number: int) -> Pending | None:
        """Return the command with this number, if it is still under way."""
        return self._by_number.get(number)

    def take(self, number: int) -> Pending | None:
        """Take out the command with this number, if it is still under way."""
        pending = self._by_number.pop(number, None)
        if pending is not None and isinstance(pending.command, PlaceOrder | CancelOrder | CancelAllOrders):
            watched = self._watched[pending.command.user]
            del watched[pending]
            if not watched:
                del self._watched[pending.command.user]
        return pending

    def take_if(self, wanted: Callable[[Pending], bool]) -> list[Pending]:
        """Take out all commands that are `wanted`."""
        found = [number for number, pending in self._by_number.items() if wanted(pending)]
        return [pending for number in found if (pending := self.take(number)) is not None]

    def observe(self, batch: Batch, state: ExchangeState) -> None:
        """See what the log's next batch has of them; `state` is that before it."""
        if not self._watched:
            return
        entered: dict[int, Order] = {}
        for event in batch.events:
            if not isinstance(event, _OF_ORDERS) or event.user not in self._watched:
                continue
            watched = self._watched[event.user]
            if isinstance(event, OrderEnded):
                order = entered.get(event.order) or state.order(event.order)
                if event.reason is EndReason.CANCELED and order is not None:
                    _note_cancel(ended_order(order, event), watched)
            else:
                _note_order(event, watched)
                if isinstance(event, OrderAccepted):
                    entered[event.order] = accepted_order(event)


def _note_order(event: OrderAccepted | OrderRejected, watched: Iterable[Pending]) -> None:
    for pending in watched:
        if isinstance(pending.command, PlaceOrder) and _like(pending.command) == _like(event):
            pending.appeared = True


def _note_cancel(order: Order, watched: Iterable[Pending]) -> None:
    for pending in watched:
        if _cancels(pending.command, order):
            pending.canceled[order.number] = order


def _like(order: PlaceOrder | OrderAccepted | OrderRejected) -> tuple[object, ...]:
    return order.symbol, order.side, order.type, order.quantity, order.price, order.client_order_id


def _cancels(command: Command | OpenAccount, order: Order) -> bool:
    match command:
        case CancelOrder(order_id=None, client_order_id=client_order_id):
            return client_order_id is not None and order.client_order_id == client_order_id
        case CancelOrder(order_id=order_id):
            return order.id == order_id
        case CancelAllOrders(symbol=symbol):
            return symbol in (None, order.symbol)
    return False
