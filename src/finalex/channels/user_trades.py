"""`user_trades`: every trade of a user's orders."""

from collections.abc import Iterable
from itertools import takewhile

import msgspec

from finalex.channels.channel import Handlers, Newcomer, SavedChannel, Turn
from finalex.channels.journal import Journal, Memory, SavedJournal
from finalex.channels.parameters import optional_symbol, past_count, require_symbol
from finalex.channels.places import LogPlace, TradePlace, trade_place
from finalex.channels.private import Counts, user_streams
from finalex.channels.resumable import Missing, ResumableChannel
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.events import PaperFilled, Traded
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side
from finalex.protocol.messages import Publication, UserTradeData
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream


class Fill(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade as one of its two orders saw it, `number` among its account's messages, in the batch `sequence`.

    `order` is the order after the trade.
    """

    trade: Traded | PaperFilled
    order: Order
    number: int
    sequence: int

    @property
    def user(self) -> str:
        """Whose order it was."""
        return self.order.user

    @property
    def place(self) -> TradePlace:
        """Where the message is in its stream."""
        return TradePlace(self.trade.symbol, self.trade.trade)


class SavedFills(SavedChannel, frozen=True):
    """The last fills of each account."""

    journal: SavedJournal[Fill]


class UserTradesChannel(ResumableChannel[TradePlace | LogPlace, Fill]):
    """Publishes each trade to both sides; a subscriber may ask for the last ones first (`snapshot`)."""

    name = "user_trades"
    private = True
    saved = SavedFills

    def __init__(self, instruments: Instruments, state: ExchangeState, counts: Counts, memory: Memory) -> None:
        self._instruments = instruments
        self._state = state
        self._counts = counts
        self._journal: Journal[Fill] = Journal(memory.account_max, memory.fills_max)

    def handlers(self) -> Handlers:
        """See `Channel.handlers`."""
        return {Traded: self._trade, PaperFilled: self._trade}

    def stream(self, subscription: Subscription) -> Stream:
        """See `Channel.stream`."""
        past_count("snapshot", subscription.snapshot)
        return Stream(self.name, optional_symbol(subscription.symbol, self._instruments))

    def opening(self, newcomer: Newcomer) -> list[Publication]:
        """Return the last trades, oldest first, as many as `snapshot` says, and as far as they are kept."""
        count = past_count("snapshot", newcomer.subscription.snapshot)
        fills = _of(newcomer.stream, self._journal.of(newcomer.stream.user)) if count else []
        return [self.publication(fill) for fill in fills[-count:]]

    def place(self, stream: Stream, text: str) -> TradePlace:
        """See `ResumableChannel.place`."""
        place = trade_place(self.name, stream.symbol, text)
        require_symbol(place.symbol, self._instruments)
        return place

    def entries(
        self,
        stream: Stream,
        place: TradePlace | LogPlace,
        sequence: int,  # noqa: ARG002 (trades have numbers)
    ) -> list[Fill] | Missing:
        """See `ResumableChannel.entries`; only a trade of this account is a place that memory knows."""
        user = stream.user
        fills = self._since_trade(user, place) if isinstance(place, TradePlace) else self._since_batch(user, place)
        return fills if isinstance(fills, Missing) else _of(stream, fills)

    def publication(self, entry: Fill) -> Publication:
        """See `ResumableChannel.publication`."""
        trade, order = entry.trade, entry.order
        streams = user_streams(self.name, order.user, order.symbol)
        name = f"user_trades:{trade.symbol}:{trade.trade}"
        return Publication(streams, name, "user_trade", _build_data(entry, self._instruments[trade.symbol]))

    def number(self, stream: Stream) -> int:
        """See `ResumableChannel.number`."""
        return self._counts.last(stream.user)

    def save(self) -> SavedFills:
        """See `Channel.save`."""
        return SavedFills(self._journal.save())

    def load(self, saved: SavedFills) -> None:
        """See `Channel.load`."""
        self._journal.load(saved.journal)

    def _since_trade(self, user: str, place: TradePlace) -> list[Fill] | Missing:
        if place.trade > self._state.last_own_trade(place.symbol):
            return Missing.FUTURE
        kept, forgotten = self._journal.of(user), self._journal.forgotten(user)
        newer = list(takewhile(lambda fill: fill.place != place, reversed(kept)))[::-1]
        if len(newer) < len(kept) or (forgotten is None and not kept):
            return newer
        return newer if forgotten is not None and forgotten.place == place else Missing.OLD

    def _since_batch(self, user: str, place: LogPlace) -> list[Fill] | Missing:
        forgotten = self._journal.forgotten(user)
        if forgotten is not None and forgotten.sequence > place.sequence:
            return Missing.OLD
        return [fill for fill in self._journal.of(user) if fill.sequence > place.sequence]

    def _trade(self, turn: Turn, trade: Traded | PaperFilled) -> None:
        for order in turn.orders:
            fill = Fill(trade, order, self._counts.next(order.user), turn.sequence)
            self._journal.add(fill)
            every, filtered = user_streams(self.name, order.user, order.symbol)
            if every in turn.wanted or filtered in turn.wanted:
                turn.publications.append(self.publication(fill))


def _of(stream: Stream, fills: Iterable[Fill]) -> list[Fill]:
    """Return those of `fills` that belong to `stream`."""
    return [fill for fill in fills if stream.symbol in ("", fill.trade.symbol)]


def _build_data(fill: Fill, instrument: Instrument) -> UserTradeData:
    trade, order = fill.trade, fill.order
    if isinstance(trade, PaperFilled):
        maker, fee = trade.maker, trade.fee
    else:
        maker = order.number == trade.maker_order
        fee = trade.maker_fee if maker else trade.taker_fee
    return UserTradeData(
        trade_id=f"trade_{trade.trade}",
        order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=trade.symbol,
        side=order.side,
        quantity=instrument.quantity_text(trade.quantity),
        price=instrument.price_text(trade.price),
        fee=format_units(fee, AMOUNT_DECIMALS),
        fee_currency=instrument.base if order.side is Side.BUY else instrument.quote,
        role="maker" if maker else "taker",
        timestamp=trade.time_ms,
        sequence=fill.number,
    )
