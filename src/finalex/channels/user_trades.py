"""`user_trades`: every trade of a user's orders."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import NamedTuple

from finalex.channels.channel import Channel, Handlers, Newcomer, Turn
from finalex.channels.parameters import optional_symbol, past_count
from finalex.channels.private import user_streams
from finalex.exchange.order import Order
from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.events import Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side
from finalex.protocol.messages import Publication, UserTradeData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import HISTORY_MAX, Stream

FILLS_MAX = 500_000
"""Fills kept over all users; past it, the history of whoever has not traded for longest is forgotten."""


class Fill(NamedTuple):
    """A trade as one of its two orders saw it; `order` is the order after the trade."""

    trade: Traded
    order: Order


class Fills:
    """The last `user_max` fills of each user, and at most `fills_max` over all users."""

    def __init__(self, user_max: int = HISTORY_MAX, fills_max: int = FILLS_MAX) -> None:
        self._user_max = user_max
        self._fills_max = fills_max
        self._count = 0
        self._by_user: OrderedDict[str, deque[Fill]] = OrderedDict()  # who traded last is last

    def add(self, fill: Fill) -> None:
        """Keep `fill` as the newest of its user."""
        user = fill.order.user
        fills = self._by_user.get(user)
        if fills is None:
            fills = self._by_user[user] = deque(maxlen=self._user_max)
        self._by_user.move_to_end(user)
        self._count += len(fills) < self._user_max
        fills.append(fill)
        while self._count > self._fills_max:
            self._count -= len(self._by_user.popitem(last=False)[1])

    def last(self, user: str, symbol: str, count: int) -> list[Fill]:
        """Return the last `count` fills of `user`, oldest first, among those kept; an empty `symbol` means all."""
        fills: Iterable[Fill] = self._by_user.get(user, ())
        if symbol:
            fills = (fill for fill in fills if fill.trade.symbol == symbol)
        return list(fills)[-count:] if count > 0 else []


class UserTradesChannel(Channel):
    """Publishes each trade to both sides; a subscriber may ask for the last ones first (`snapshot`)."""

    name = "user_trades"
    private = True

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._fills = Fills()

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {Traded: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        past_count("snapshot", subscription.snapshot)
        return Stream(self.name, optional_symbol(subscription.symbol, self._instruments))

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the last trades, oldest first, as many as `snapshot` says."""
        stream = newcomer.stream
        count = past_count("snapshot", newcomer.subscription.snapshot)
        return [self._publication(fill) for fill in self._fills.last(stream.user, stream.symbol, count)]

    def _trade(self, turn: Turn, trade: Traded) -> None:
        for order in turn.orders:
            fill = Fill(trade, order)
            self._fills.add(fill)
            every, filtered = user_streams(self.name, order.user, order.symbol)
            if every in turn.wanted or filtered in turn.wanted:
                turn.publications.append(self._publication(fill))

    def _publication(self, fill: Fill) -> Publication:
        trade, order = fill
        streams = user_streams(self.name, order.user, order.symbol)
        name = f"user_trades:{trade.symbol}:{trade.trade}"
        return Publication(streams, name, "user_trade", _build_data(fill, self._instruments[trade.symbol]))


def _build_data(fill: Fill, instrument: Instrument) -> UserTradeData:
    trade, order = fill
    maker = order.number == trade.maker_order
    return UserTradeData(
        trade_id=f"trade_{trade.trade}",
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=trade.symbol,
        side=order.side,
        quantity=instrument.quantity_text(trade.quantity),
        price=instrument.price_text(trade.price),
        fee=format_units(trade.maker_fee if maker else trade.taker_fee, AMOUNT_DECIMALS),
        fee_currency=instrument.base if order.side is Side.BUY else instrument.quote,
        role="maker" if maker else "taker",
        timestamp=trade.time_ms,
    )
