"""Decisions on paper: orders meet the book that a market from outside shows, and its trades.

The outside knows nothing of it. Orders of different accounts never meet; like on the exchange, an order that would meet
one of its own account ends instead. What was shown or traded outside fills one order only.
"""

from collections.abc import Mapping
from typing import NamedTuple

from finalex.exchange.decide import acceptance, decide, ending, is_known, rejection
from finalex.exchange.funds import fee, received
from finalex.exchange.matching import Match, crosses, end_of
from finalex.exchange.order import Order
from finalex.exchange.rules import Placement, broken_rule
from finalex.exchange.shown import ShownBook, ShownLevel
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, PlaceOrder
from finalex.model.events import ExchangeEvent, OrderAccepted, PaperFilled, PaperRested, Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import EndReason, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState


class Take(NamedTuple):
    """A part of what is shown at `level`, for `price`: the same, or the next tick against whoever takes it."""

    price: int
    quantity: int
    level: int


class PaperPlacement(Placement):
    """An order about to be placed on paper; the rules are those of the exchange, the book is the one shown."""

    __slots__ = ("_book", "_met")

    def __init__(self, state: ExchangeState, book: ShownBook, command: PlaceOrder) -> None:
        super().__init__(state, command)
        self._book = book
        self._met: tuple[list[Take], Match] | None = None

    @property
    def takes(self) -> list[Take]:
        """What it takes at once, in this order."""
        return self._meet()[0]

    @property
    def ahead(self) -> int:
        """What is shown at its price, on its own side."""
        return self._book.side(self.command.side).quantity(self.command.price)

    @property
    def match(self) -> Match:
        """See `Placement.match`; the `takes` are in place of its fills."""
        return self._meet()[1]

    @property
    def best_opposite(self) -> int | None:
        """See `Placement.best_opposite`: the better of what is shown and of the account's own orders."""
        side = self.command.side.opposite
        shown = _price_on_tick(self.instrument, side, self._book.side(side).best)
        prices = [price for price in (shown, self._own_best) if price is not None]
        return _best(side, prices)

    @property
    def cost_at_once(self) -> int:
        """See `Placement.cost_at_once`."""
        return sum(self.instrument.notional(take.price, take.quantity) for take in self.takes)

    def _meet(self) -> tuple[list[Take], Match]:
        if self._met is None:
            self._met = match_shown(self._book, self.instrument, self.command, self._own_best)
        return self._met

    @property
    def _own_best(self) -> int | None:
        command = self.command
        orders = self.state.open_orders(command.user, command.symbol)
        return _best(command.side.opposite, [order.price for order in orders if order.side is not command.side])


def match_shown(
    book: ShownBook, instrument: Instrument, command: PlaceOrder, own_best: int | None
) -> tuple[list[Take], Match]:
    """Return what a new order takes of what is shown, and what becomes of it; `own_best` is of its own account.

    At one price what is shown comes before an own order.
    """
    takes: list[Take] = []
    rest, last_price = command.quantity, 0
    side = command.side.opposite
    for level in book.side(side).levels():
        price = _price_on_tick(instrument, side, level.price)
        if not rest or price is None or not crosses(command, price) or _is_better(side, own_best, price):
            break
        last_price = price
        take = _take(instrument, level, price, rest)
        if take.quantity:
            takes.append(take)
            rest -= take.quantity
    met_own = bool(rest) and own_best is not None and crosses(command, own_best)
    if met_own and own_best is not None:
        last_price = own_best
    if rest and command.time_in_force is TimeInForce.FOK:
        return [], Match([], command.quantity, EndReason.UNFILLED, last_price)
    return takes, Match([], rest, end_of(command, met_own=met_own), last_price)


def decide_on_paper(
    state: ExchangeState, books: Mapping[str, ShownBook], command: Command, now_ms: int
) -> tuple[ExchangeEvent, ...]:
    """Return what happens when `command` arrives; see `decide`, whose place this takes for markets from outside.

    An accepted order: `OrderAccepted`, its fills, then `PaperRested` or `OrderEnded` if something is left of it.
    While the book of its market is not known, an order is refused.
    """
    if not isinstance(command, PlaceOrder):
        return decide(state, command, now_ms)
    if is_known(state, command):
        return ()
    book = books[command.symbol]
    placement = PaperPlacement(state, book, command)
    reason = broken_rule(placement) if book.live else RejectReason.BOOK_STALE
    if reason is not None:
        return (rejection(placement, reason, now_ms),)
    accepted = acceptance(placement, now_ms)
    return (accepted, *_fills(placement, accepted), *_remainder(placement, accepted))


def decide_trade(state: ExchangeState, trade: Traded) -> tuple[PaperFilled, ...]:
    """Return what a trade outside, not applied yet, fills of the orders that wait, in this order."""
    if not _is_open(state, trade.symbol):
        return ()
    filled = [met for met in state.paper.met_by(trade) if met.quantity]
    number = state.last_own_trade(trade.symbol)
    return tuple(
        _waited(state, met.order, met.quantity, number + index, 0, trade.time_ms) for index, met in enumerate(filled, 1)
    )


def decide_crossing(
    state: ExchangeState, book: ShownBook, symbol: str, side: Side, now_ms: int
) -> tuple[PaperFilled, ...]:
    """Return what a book that reaches the first order waiting on `side` fills of it, at the order's own price.

    Had the order been outside, whoever offers there would have met it.
    """
    first = state.paper.waiting.first(symbol, side)
    order = None if first is None else state.order(first)
    if order is None or not _is_open(state, symbol):
        return ()
    instrument, rest, number = state.instruments[symbol], order.remaining, state.last_own_trade(symbol)
    fills: list[PaperFilled] = []
    for level in book.side(side.opposite).levels():
        if not rest or _is_better(side.opposite, order.price, level.price):
            break
        take = _take(instrument, level, order.price, rest)
        if take.quantity:
            fills.append(_waited(state, order, take.quantity, number + 1 + len(fills), level.price, now_ms))
            rest -= take.quantity
    return tuple(fills)


def _is_open(state: ExchangeState, symbol: str) -> bool:
    return state.halt(symbol).state is MarketState.OPEN


def _take(instrument: Instrument, level: ShownLevel, price: int, rest: int) -> Take:
    """Return what of a level an order with `rest` left takes: whole lots, as parts of a lot have no exact worth."""
    return Take(price, min(rest, level.free - level.free % instrument.lot_size), level.price)


def _fills(placement: PaperPlacement, accepted: OrderAccepted) -> list[PaperFilled]:
    instrument, number = placement.instrument, placement.state.last_own_trade(accepted.symbol)
    return [
        PaperFilled(
            symbol=accepted.symbol,
            trade=number + index,
            order=accepted.order,
            user=accepted.user,
            side=accepted.side,
            price=take.price,
            quantity=take.quantity,
            maker=False,
            fee=fee(received(instrument, accepted.side, take.price, take.quantity), instrument.taker_fee_ppm),
            level=take.level,
            time_ms=accepted.time_ms,
        )
        for index, take in enumerate(placement.takes, 1)
    ]


def _waited(state: ExchangeState, order: Order, quantity: int, number: int, level: int, time_ms: int) -> PaperFilled:
    instrument = state.instruments[order.symbol]
    return PaperFilled(
        symbol=order.symbol,
        trade=number,
        order=order.number,
        user=order.user,
        side=order.side,
        price=order.price,
        quantity=quantity,
        maker=True,
        fee=fee(received(instrument, order.side, order.price, quantity), instrument.maker_fee_ppm),
        level=level,
        time_ms=max(time_ms, order.updated_ms),
    )


def _remainder(placement: PaperPlacement, accepted: OrderAccepted) -> tuple[ExchangeEvent, ...]:
    rest, end = placement.match.rest, placement.match.end
    if not rest:
        return ()
    if end is not None:
        return (ending(accepted, rest, end),)
    return (
        PaperRested(
            order=accepted.order,
            symbol=accepted.symbol,
            side=accepted.side,
            price=accepted.price,
            quantity=rest,
            ahead=placement.ahead,
            time_ms=accepted.time_ms,
        ),
    )


def _best(side: Side, prices: list[int]) -> int | None:
    if not prices:
        return None
    return max(prices) if side is Side.BUY else min(prices)


def _is_better(side: Side, price: int | None, than: int) -> bool:
    """Whether an order of `side` at `price` trades before one at `than`."""
    if price is None:
        return False
    return price > than if side is Side.BUY else price < than


def _price_on_tick(instrument: Instrument, side: Side, price: int | None) -> int | None:
    """Return what a level of `side` costs in whole ticks, never in favor of who takes it; `None` outside the bounds."""
    if price is None:
        return None
    off = price % instrument.tick_size
    if off:
        price += instrument.tick_size - off if side is Side.SELL else -off
    return price if instrument.price_min <= price <= instrument.price_max else None
