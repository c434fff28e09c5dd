"""`orders`: every change of a user's orders."""

from msgspec import UNSET

from finalex.channels.channel import Channel, Handlers, Newcomer, Turn
from finalex.channels.parameters import optional_symbol
from finalex.channels.private import user_streams
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import AMOUNT_DECIMALS, divide_rounded, format_units
from finalex.model.events import OrderAccepted, OrderEnded, OrderRejected, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.messages import OrderData, Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class OrdersChannel(Channel):
    """Publishes each new version of an order: accepted or rejected, each fill, the end."""

    name = "orders"
    private = True

    def __init__(self, instruments: Instruments, state: ExchangeState) -> None:
        self._instruments = instruments
        self._state = state

    def handlers(self) -> Handlers:
        """See `Channel.handlers`; an order that joins the book is no new version of it."""
        return {OrderAccepted: self._one, OrderRejected: self._one, OrderEnded: self._one, Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        if not isinstance(subscription.snapshot, bool | None):
            raise RequestError(ErrorCode.INVALID_PARAMS, "'snapshot' must be true or false")
        return Stream(self.name, optional_symbol(subscription.symbol, self._instruments))

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return every open order, oldest first, unless `snapshot` is false."""
        if newcomer.subscription.snapshot is False:
            return []
        orders = self._state.open_orders(newcomer.stream.user, newcomer.stream.symbol or None)
        return [self._publication(order, f"{newcomer.sequence}-{order.number}:snapshot") for order in orders]

    def _one(self, turn: Turn, _event: OrderAccepted | OrderRejected | OrderEnded) -> None:
        for order in turn.orders:
            self._publish(turn, order, "")

    def _trade(self, turn: Turn, trade: Traded) -> None:
        for order in turn.orders:
            self._publish(turn, order, "-m" if order.number == trade.maker_order else "-t")

    def _publish(self, turn: Turn, order: Order, suffix: str) -> None:
        every, filtered = user_streams(self.name, order.user, order.symbol)
        if every in turn.wanted or filtered in turn.wanted:
            turn.publications.append(self._publication(order, f"{turn.sequence}-{turn.index}{suffix}"))

    def _publication(self, order: Order, place: str) -> Publication:
        streams = user_streams(self.name, order.user, order.symbol)
        return Publication(
            streams, f"orders:{place}", "order_update", order_data(order, self._instruments[order.symbol])
        )


def order_data(order: Order, instrument: Instrument) -> OrderData:
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
    )
