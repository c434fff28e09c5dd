"""The rerun of one account: its private messages once more, made by the channels themselves from its own events."""

from collections.abc import Sequence
from typing import TypeGuard

from finalex.channels.account import AccountChannel
from finalex.channels.channel import Newcomer, Turn
from finalex.channels.orders import OrdersChannel
from finalex.channels.own_orders import OwnOrders
from finalex.channels.past import NO_MEMORY, HoleError, Past
from finalex.channels.places import LogPlace, OpeningPlace, TradePlace, batch_end, order_place
from finalex.channels.private import Counts
from finalex.channels.resumable import Want
from finalex.channels.user_trades import UserTradesChannel
from finalex.exchange.state import ExchangeState
from finalex.model.events import AnyEvent, Batch, PaperFilled, Traded
from finalex.model.instruments import Instruments
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription


class OwnRerun:
    """The private streams of one account; see `Rerun`."""

    def __init__(self, instruments: Instruments, past: Past, wants: Sequence[Want]) -> None:
        user = wants[0].stream.user
        self._until, self._number = wants[0].sequence, wants[0].number  # the same for all
        self._sequence = past.sequence
        self._gates = [_Gate(want) for want in wants]
        self._wanted = frozenset(want.stream for want in wants)
        self._counts = Counts()
        self._counts.load({user: past.number})
        self._own = OwnOrders(instruments, user, past.orders)
        self._orders = OrdersChannel(instruments, self._own, self._counts, NO_MEMORY)
        state = ExchangeState(instruments)  # nobody asks it: balances are not told again
        fills = UserTradesChannel(instruments, state, self._counts, NO_MEMORY)
        self._balances = AccountChannel(instruments, state, self._counts)
        self._handlers = [channel.handlers() for channel in (self._orders, fills, self._balances)]

    @property
    def done(self) -> bool:
        """Whether the last batch that is wanted was there."""
        return self._sequence >= self._until

    def apply(self, batch: Batch) -> list[Publication]:
        """Return what `batch` published of what is wanted, and before it what was open, where that is."""
        self._sequence = batch.sequence
        if batch.sequence > self._until:
            return []
        openings = self._openings(batch.sequence)
        published = self._run(batch)
        for gate in self._gates:
            gate.enter(batch)
        return openings + [p for p in map(self._admitted, published) if p.streams]

    def finish(self) -> list[Publication]:
        """Return what was open at the end, where that is wanted; raises `HoleError`."""
        if self._counts.last(self._own.user) != self._number:
            raise HoleError("private messages are missing, or there are too many")
        return self._openings(None)

    def _run(self, batch: Batch) -> list[Publication]:
        turn = Turn(batch.sequence, batch.time_ms, self._wanted)
        for turn.index, event in enumerate(batch.events):
            if self._own.concerns(event):
                turn.orders = self._own.apply(event)
                for handlers in self._handlers:
                    if type(event) in handlers:
                        handlers[type(event)](turn, event)
        self._balances.finish(turn)
        return turn.publications

    def _admitted(self, publication: Publication) -> Publication:
        streams = tuple(gate.stream for gate in self._gates if gate.admits(publication))
        return publication._replace(streams=streams)

    def _openings(self, before: int | None) -> list[Publication]:
        """Return the rest of each opening that was sent before the batch `before`, or of all, once."""
        return [p for gate in self._gates for p in gate.opening(self._orders, before)]


class _Gate:
    """Lets through what follows a place in a private stream."""

    def __init__(self, want: Want) -> None:
        self.stream = want.stream
        self._after = want.after
        self._passed = False
        self._told: set[str] = set()
        self._opening = want.after if isinstance(want.after, OpeningPlace) else None

    def opening(self, orders: OrdersChannel, before: int | None) -> list[Publication]:
        """Return the open orders that follow the place, if it is in an opening sent before the batch `before`."""
        place = self._opening
        if place is None or (before is not None and place.sequence >= before):
            return []
        self._opening = None
        newcomer = Newcomer(self.stream, Subscription(self.stream.channel), place.sequence, 0)
        return [p._replace(streams=(self.stream,)) for p in orders.opening(newcomer) if _is_further(p, place)]

    def enter(self, batch: Batch) -> None:
        """Look whether the place is in `batch`, or was before it."""
        if self._passed:
            return
        if isinstance(self._after, TradePlace):
            self._look_for(self._after, batch)
        else:
            self._passed = batch.sequence > self._after.sequence

    def admits(self, publication: Publication) -> bool:
        """Whether `publication`, of the batch entered last, comes after the place."""
        if self.stream not in publication.streams:
            return False
        if self._passed:
            return publication.id not in self._told
        return isinstance(self._after, LogPlace) and _is_later(publication, self._after)

    def _look_for(self, place: TradePlace, batch: Batch) -> None:
        places = [TradePlace(e.symbol, e.trade) if _is_own_trade(e) else None for e in batch.events]
        if place in places:
            self._passed = True
            told = places[: places.index(place) + 1]
            self._told = {f"user_trades:{place.symbol}:{place.trade}" for place in told if place}


def _is_own_trade(event: AnyEvent) -> TypeGuard[Traded | PaperFilled]:
    """Whether orders here took part in a trade; those of a market from outside have numbers of their own."""
    return isinstance(event, PaperFilled) or (isinstance(event, Traded) and bool(event.maker_order))


def _is_further(publication: Publication, place: OpeningPlace) -> bool:
    """Whether an open order comes after `place` in its opening."""
    found = order_place(publication.id)
    return isinstance(found, OpeningPlace) and found.order > place.order


def _is_later(publication: Publication, place: LogPlace) -> bool:
    """Whether a message of the same batch as `place`, or one before it, comes after it."""
    if place == batch_end(place.sequence):
        return False
    found = order_place(publication.id)
    return isinstance(found, LogPlace) and found > place
