"""The rules a new order must keep, in the order of `RejectReason`: the first one it breaks is its reason."""

from collections.abc import Callable

from finalex.exchange.funds import paid, reserved_currency
from finalex.exchange.halts import refusal
from finalex.exchange.matching import Match, cost, crosses, match_order, may_rest
from finalex.exchange.state import ExchangeState
from finalex.model.commands import PlaceOrder
from finalex.model.orders import OrderType, Side
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState

_MILLION = 1_000_000


class Placement:
    """An order about to be placed: what the rules look at, each worked out once and only if asked for."""

    __slots__ = ("_locked", "_match", "command", "instrument", "refused", "state")

    def __init__(self, state: ExchangeState, command: PlaceOrder) -> None:
        self.state = state
        self.command = command
        self.instrument = state.instruments[command.symbol]
        self.refused = refusal(state.halt(command.symbol), command)
        self._match: Match | None = None
        self._locked: int | None = None

    @property
    def market(self) -> bool:
        """Whether it is a market order."""
        return self.command.type is OrderType.MARKET

    @property
    def match(self) -> Match:
        """What becomes of it at once."""
        if self._match is None:
            self._match = match_order(self.state, self.command)
        return self._match

    @property
    def best_opposite(self) -> int | None:
        """The best price of the side it trades against."""
        return self.state.best(self.command.symbol, self.command.side.opposite)

    @property
    def cost_at_once(self) -> int:
        """What it trades at once is worth, as an amount of the quote."""
        return cost(self.instrument, self.match.fills)

    @property
    def worth(self) -> int:
        """What it is worth, as an amount of the quote.

        A limit order: price × quantity. A market order: the prices it meets; what finds no one to trade with
        counts at the last of them, as a large order is no small one because the book is thin.
        """
        if not self.market:
            return self.instrument.notional(self.command.price, self.command.quantity)
        rest = self.instrument.notional(self.match.last_price, self.match.rest)
        return self.cost_at_once + rest

    @property
    def locked(self) -> int:
        """What it reserves: what it pays at most; for a market buy exactly what its trades cost."""
        if self._locked is None:
            command = self.command
            if self.market and command.side is Side.BUY:
                self._locked = self.cost_at_once
            else:
                self._locked = paid(self.instrument, command.side, command.price, command.quantity)
        return self._locked


def broken_rule(placement: Placement) -> RejectReason | None:
    """Return the first rule that the order breaks, or `None` if it may enter."""
    for reason, broken in RULES:
        if broken(placement):
            return reason
    return None


def _halted(state: MarketState) -> Callable[[Placement], bool]:
    reason = RejectReason(f"market_{state}")
    return lambda placement: placement.refused is reason


def _price_out_of_bounds(placement: Placement) -> bool:
    instrument = placement.instrument
    return not placement.market and not instrument.price_min <= placement.command.price <= instrument.price_max


def _price_not_on_tick(placement: Placement) -> bool:
    return not placement.market and placement.command.price % placement.instrument.tick_size != 0


def _quantity_out_of_bounds(placement: Placement) -> bool:
    instrument = placement.instrument
    return not instrument.quantity_min <= placement.command.quantity <= instrument.quantity_max


def _quantity_not_on_lot(placement: Placement) -> bool:
    return placement.command.quantity % placement.instrument.lot_size != 0


def _notional_too_small(placement: Placement) -> bool:
    if placement.market and placement.best_opposite is None:
        return False  # nothing tells what it is worth; NO_LIQUIDITY refuses it
    return placement.worth < placement.instrument.notional_min


def _notional_too_large(placement: Placement) -> bool:
    most = placement.instrument.notional_max
    return most > 0 and placement.worth > most


def _price_outside_band(placement: Placement) -> bool:
    """Only the worst price at which it could trade counts, and only before it is worse than the last trade's.

    Before the first trade nothing tells what a price should be.
    """
    band_ppm = placement.instrument.price_band_ppm
    last = placement.state.last_price(placement.instrument.symbol)
    if not band_ppm or last is None:
        return False
    command = placement.command
    worst = (placement.match.last_price or last) if placement.market else command.price
    worse = worst - last if command.side is Side.BUY else last - worst
    return worse * _MILLION > last * band_ppm


def _too_many_open_orders(placement: Placement) -> bool:
    """Only an order that may stay open counts: at the limit one can still trade one's way out."""
    if not may_rest(placement.command):
        return False
    return placement.state.open_orders_count(placement.command.user) >= placement.state.open_orders_max


def _post_only_would_take(placement: Placement) -> bool:
    """An own order on the other side counts as well: the order could not join a book that it crosses."""
    best = placement.best_opposite
    return placement.command.post_only and best is not None and crosses(placement.command, best)


def _no_liquidity(placement: Placement) -> bool:
    return placement.market and placement.best_opposite is None


def _insufficient_funds(placement: Placement) -> bool:
    command = placement.command
    currency = reserved_currency(placement.instrument, command.side)
    return placement.locked > placement.state.available(command.user, currency)


RULES: tuple[tuple[RejectReason, Callable[[Placement], bool]], ...] = (
    (RejectReason.MARKET_HALTED, _halted(MarketState.HALTED)),
    (RejectReason.MARKET_CANCEL_ONLY, _halted(MarketState.CANCEL_ONLY)),
    (RejectReason.MARKET_POST_ONLY, _halted(MarketState.POST_ONLY)),
    (RejectReason.PRICE_OUT_OF_BOUNDS, _price_out_of_bounds),
    (RejectReason.PRICE_NOT_ON_TICK, _price_not_on_tick),
    (RejectReason.QUANTITY_OUT_OF_BOUNDS, _quantity_out_of_bounds),
    (RejectReason.QUANTITY_NOT_ON_LOT, _quantity_not_on_lot),
    (RejectReason.NOTIONAL_TOO_SMALL, _notional_too_small),
    (RejectReason.NOTIONAL_TOO_LARGE, _notional_too_large),
    (RejectReason.PRICE_OUTSIDE_BAND, _price_outside_band),
    (RejectReason.TOO_MANY_OPEN_ORDERS, _too_many_open_orders),
    (RejectReason.POST_ONLY_WOULD_TAKE, _post_only_would_take),
    (RejectReason.NO_LIQUIDITY, _no_liquidity),
    (RejectReason.INSUFFICIENT_FUNDS, _insufficient_funds),
)
"""Every rule but the first four, which are for a source that takes no orders, ever, for now, so many, or blindly."""
