"""What an external engine's events must be to follow from the state: everything that `ExchangeState.apply` relies on.

A market is of one of two kinds, by its first events, for good. In a market **of orders** the book is made of orders:
they rest, meet and end, and trades name both. In a market **of levels**, which begins with `book_reset` or
`book_withdrawn`, the book and the trades are shown as a whole, and orders of clients live beside it.
"""

from collections.abc import Iterable, Sequence

from finalex.exchange.accounts import FEES_USER
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import UNITS_MAX
from finalex.model.events import (
    BookReset,
    BookWithdrawn,
    Credited,
    Debited,
    Level,
    LevelsChanged,
    MarketStateChanged,
)
from finalex.model.instruments import Instrument
from finalex.sources.external_events import REASON_LENGTH_MAX, TEXT_LENGTH_MAX


class BadEventError(ValueError):
    """An event cannot follow from the state; the text says why."""


def require(condition: object, problem: str) -> None:
    """Raise `BadEventError` with `problem` unless `condition` holds."""
    if not condition:
        raise BadEventError(problem)


def shows_levels(state: ExchangeState, symbol: str) -> bool:
    """Whether the market of `symbol` is one of levels."""
    return symbol in state.paper.fills


def check_user(user: str) -> None:
    """Require the name of an account that a client can log in to."""
    valid = 0 < len(user) <= TEXT_LENGTH_MAX and user.isascii() and user.isprintable() and " " not in user
    require(valid, f"user must be 1 to {TEXT_LENGTH_MAX} printable ASCII characters without spaces")
    require(not user.startswith(FEES_USER[0]), f"users that begin with {FEES_USER[0]} are the exchange's own")


def check_text(name: str, text: str) -> None:
    """Require a text that identifies something."""
    require(
        0 < len(text) <= TEXT_LENGTH_MAX and text.isprintable(),
        f"{name} must be 1 to {TEXT_LENGTH_MAX} printable characters",
    )


def check_price(instrument: Instrument, price: int) -> None:
    """Require a price that the market can have."""
    lowest, highest = instrument.price_text(instrument.price_min), instrument.price_text(instrument.price_max)
    require(instrument.price_min <= price <= instrument.price_max, f"price must be {lowest} to {highest}")
    tick = instrument.price_text(instrument.tick_size)
    require(price % instrument.tick_size == 0, f"price must be a multiple of the tick size {tick}")


def check_quantity(instrument: Instrument, quantity: int, most: int) -> None:
    """Require a positive quantity of whole lots, not above `most`."""
    require(0 < quantity <= most, f"quantity must be above 0 and not above {instrument.quantity_text(most)}")
    _check_lots(instrument, quantity)


def check_book_reset(state: ExchangeState, event: BookReset) -> None:
    """Require a whole book: on tick and lot, in order, not crossed."""
    _check_levels_begin(state, event.symbol)
    instrument = state.instruments[event.symbol]
    for name, levels in (("bids", event.bids), ("asks", event.asks)):
        for price, quantity in levels:
            check_price(instrument, price)
            check_quantity(instrument, quantity, UNITS_MAX)
        prices = [price for price, _ in levels]
        best_first = sorted(set(prices), reverse=name == "bids")
        require(prices == best_first, f"{name} must come best first, each price once")
    require(not _crossed(event.bids, event.asks), "the book is crossed: its best bid is not below its best ask")


def check_book_withdrawn(state: ExchangeState, event: BookWithdrawn) -> None:
    """Require a market that may be one of levels."""
    _check_levels_begin(state, event.symbol)
    _check_reason(event.reason)


def check_levels_changed(state: ExchangeState, event: LevelsChanged) -> None:
    """Require levels on tick and lot.

    Whether they cross the rest of the book the state does not know: who shows it then withdraws it until it is reset.
    """
    require(shows_levels(state, event.symbol), "the market has no levels yet: book_reset comes first")
    require(event.changes, "changes must not be empty")
    instrument = state.instruments[event.symbol]
    for _, price, quantity in event.changes:
        check_price(instrument, price)
        _check_lots(instrument, quantity)


def check_credited(state: ExchangeState, event: Credited) -> None:
    """Require a new booking that leaves a balance in bounds."""
    _check_booking(state, event)
    total = state.balance(event.user, event.currency).total + event.amount
    require(total <= UNITS_MAX, f"{event.user} would have more {event.currency} than can be counted")


def check_debited(state: ExchangeState, event: Debited) -> None:
    """Require a new booking that is covered."""
    _check_booking(state, event)
    available = state.available(event.user, event.currency)
    require(event.amount <= available, f"{event.user} has less {event.currency} available")


def check_market_state(_state: ExchangeState, event: MarketStateChanged) -> None:
    """Require a reason that everybody can be shown."""
    _check_reason(event.reason)


def _check_booking(state: ExchangeState, event: Credited | Debited) -> None:
    check_user(event.user)
    check_text("reference", event.reference)
    require(event.currency in state.instruments.currencies, f"currency {event.currency[:32]!r} is in no market")
    require(event.amount > 0, "amount must be above 0")
    known = state.booking(event.user, event.reference)
    require(known is None, f"{event.user} has had a booking with this reference")


def _check_levels_begin(state: ExchangeState, symbol: str) -> None:
    if shows_levels(state, symbol):
        return
    require(state.next_trade(symbol) == 1, "the market is one of orders: it has trades, and no levels")
    orders: Iterable[object] = (order for user in state.users for order in state.open_orders(user, symbol))
    require(not any(True for _ in orders), "the market is one of orders: it has open orders, and no levels")


def _check_lots(instrument: Instrument, quantity: int) -> None:
    lot = instrument.quantity_text(instrument.lot_size)
    require(quantity % instrument.lot_size == 0, f"quantity must be a multiple of the lot size {lot}")


def _check_reason(reason: str) -> None:
    fits = len(reason) <= REASON_LENGTH_MAX and (reason.isprintable() or not reason)
    require(fits, f"reason must be at most {REASON_LENGTH_MAX} printable characters")


def _crossed(bids: Sequence[Level], asks: Sequence[Level]) -> bool:
    return bool(bids and asks) and bids[0][0] >= asks[0][0]
