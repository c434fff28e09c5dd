"""`orders`: every change of a user's orders."""

from itertools import takewhile

import msgspec
from msgspec import UNSET, UnsetType

from finalex.channels.channel import Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.journal import Journal, Memory, SavedJournal
from finalex.channels.parameters import optional_symbol
from finalex.channels.places import LogPlace, OpeningPlace, batch_end, order_place
from finalex.channels.private import Counts, OpenOrders, user_streams
from finalex.channels.resumable import Missing, ResumableChannel
from finalex.exchange.order import Order
from finalex.model.decimals import AMOUNT_DECIMALS, divide_rounded, format_units
from finalex.model.events import OrderAccepted, OrderEnded, OrderRejected, PaperFilled, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import OrderStatus, Side
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import OrderData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream

_ENTERED = (OrderStatus.NEW, OrderStatus.REJECTED)
"""What only the first version of an order can be."""


class Update(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A new version of an order: the message `number` of its account, and where in the log it comes from."""

    order: Order
    number: int
    sequence: int
    event: int
    part: str

    @property
    def user(self) -> str:
        """Whose order it is."""
        return self.order.user

    @property
    def place(self) -> LogPlace:
        """Where the message is in its stream."""
        return LogPlace(self.sequence, self.event, self.part)


class SavedUpdates(SavedChannel, frozen=True):
    """The last updates of each account."""

    journal: SavedJournal[Update]


class OrdersChannel(ResumableChannel[LogPlace | OpeningPlace, Update]):
    """Publishes each new version of an order: accepted or rejected, each fill, the end."""

    name = "orders"
    private = True
    saved = SavedUpdates

    def __init__(self, instruments: Instruments, state: OpenOrders, counts: Counts, memory: Memory) -> None:
        self._instruments = instruments
        self._state = state
        self._counts = counts
        self._journal: Journal[Update] = Journal(memory.account_max, memory.updates_max)

    def handlers(self) -> Handlers:
        """See `Channel.handlers`; an order that joins the book is no new version of it."""
        one = self._one
        return {OrderAccepted: one, OrderRejected: one, OrderEnded: one, PaperFilled: one, Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        if not isinstance(subscription.snapshot, bool | None):
            raise RequestError(ErrorCode.INVALID_PARAMS, "'snapshot' must be true or false")
        return Stream(self.name, optional_symbol(subscription.symbol, self._instruments))

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return every open order, oldest first, unless `snapshot` is false; all with the account's last number."""
        if newcomer.subscription.snapshot is False:
            return []
        user = newcomer.stream.user
        orders, number = self._open_orders(newcomer.stream), self._counts.last(user)
        return [self._publication(o, number, f"{newcomer.sequence}-{o.number}:snapshot") for o in orders]

    def place(self, stream: Stream, text: str) -> LogPlace | OpeningPlace:  # noqa: ARG002 (ids name no symbol)
        """See `ResumableChannel.place`."""
        return order_place(text)

    def entries(self, stream: Stream, place: LogPlace | OpeningPlace, sequence: int) -> list[Update] | Missing:
        """See `ResumableChannel.entries`.

        Open orders that follow a place within an opening are not told: they are as they were then in the log alone.
        """
        if place.sequence > sequence:
            return Missing.FUTURE
        after = batch_end(place.sequence) if isinstance(place, OpeningPlace) else place
        forgotten = self._journal.forgotten(stream.user)
        if forgotten is not None and after < forgotten.place:
            return Missing.OLD
        newer = list(takewhile(lambda update: update.place > after, reversed(self._journal.of(stream.user))))[::-1]
        updates = [update for update in newer if stream.symbol in ("", update.order.symbol)]
        if isinstance(place, OpeningPlace) and self._more_were_open(stream, place.order, updates):
            return Missing.OLD
        return updates

    def publication(self, entry: Update) -> Publication:
        """See `ResumableChannel.publication`."""
        return self._publication(entry.order, entry.number, f"{entry.sequence}-{entry.event}{entry.part}")

    def number(self, stream: Stream) -> int:
        """See `ResumableChannel.number`."""
        return self._counts.last(stream.user)

    def save(self) -> SavedUpdates:
        """See `Channel.save`."""
        return SavedUpdates(self._journal.save())

    def load(self, saved: SavedUpdates) -> None:
        """See `Channel.load`."""
        self._journal.load(saved.journal)

    def _one(self, turn: Turn, _event: OrderAccepted | OrderRejected | OrderEnded | PaperFilled) -> None:
        for order in turn.orders:
            self._publish(turn, order, "")

    def _trade(self, turn: Turn, trade: Traded) -> None:
        for order in turn.orders:
            self._publish(turn, order, "-m" if order.number == trade.maker_order else "-t")

    def _publish(self, turn: Turn, order: Order, part: str) -> None:
        update = Update(order, self._counts.next(order.user), turn.sequence, turn.index, part)
        self._journal.add(update)
        every, filtered = user_streams(self.name, order.user, order.symbol)
        if every in turn.wanted or filtered in turn.wanted:
            turn.publications.append(self.publication(update))

    def _publication(self, order: Order, number: int, place: str) -> Publication:
        streams = user_streams(self.name, order.user, order.symbol)
        data = order_data(order, self._instruments[order.symbol], number)
        return Publication(streams, f"orders:{place}", "order_update", data)

    def _open_orders(self, stream: Stream) -> list[Order]:
        return self._state.open_orders(stream.user, stream.symbol or None)

    def _more_were_open(self, stream: Stream, number: int, updates: list[Update]) -> bool:
        """Whether an order numbered above `number` was open before `updates`, which lead to the orders of now."""
        entered = {update.order.number for update in updates if update.order.status in _ENTERED}
        known = {update.order.number for update in updates}.union(order.number for order in self._open_orders(stream))
        return any(other > number for other in known - entered)


def order_data(order: Order, instrument: Instrument, number: int | UnsetType = UNSET) -> OrderData:
    """Return `order` as the wire shows it; the average price is rounded half away from zero."""
    average = divide_rounded(order.filled_value, order.filled) if order.filled else 0
    return OrderData(
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        status=order.status,
        reason=UNSET if order.reason is None else order.reason,
        quantity=instrument.quantity_text(order.quantity),
        price=instrument.price_text(order.price),
        filled_quantity=instrument.quantity_text(order.filled),
        remaining_quantity=instrument.quantity_text(order.remaining),
        average_price=instrument.price_text(average),
        fees=format_units(order.fees, AMOUNT_DECIMALS),
        fee_currency=instrument.base if order.side is Side.BUY else instrument.quote,
        created_at=order.created_ms,
        updated_at=order.updated_ms,
        sequence=number,
    )
