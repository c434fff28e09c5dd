"""What an external engine's events of orders and trades must be to follow from the state."""

from finalex.exchange.funds import paid, received, reserved_currency
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.decimals import UNITS_MAX
from finalex.model.events import (
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    PaperFilled,
    PaperRested,
    Traded,
)
from finalex.model.instruments import Instrument
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.sources.external_checks import (
    BadEventError,
    check_price,
    check_quantity,
    check_text,
    check_user,
    require,
    shows_levels,
)
from finalex.sources.external_events import NUMBER_MAX


def check_accepted(state: ExchangeState, event: OrderAccepted) -> None:
    """Require a new order that is well made, and whose account has what it reserves."""
    _check_new(state, event)
    instrument = state.instruments[event.symbol]
    check_quantity(instrument, event.quantity, instrument.quantity_max)
    market = event.type is OrderType.MARKET
    if market:
        require(event.price == 0, "price of a market order must be 0")
    else:
        check_price(instrument, event.price)
    if not (market and event.side is Side.BUY):
        locked = paid(instrument, event.side, event.price, event.quantity)
        require(event.locked == locked, "locked must be price × quantity for a buy, the quantity for a sell")
    available = state.available(event.user, reserved_currency(instrument, event.side))
    require(event.locked <= available, f"{event.user} has less available than the order locks")


def check_rejected(state: ExchangeState, event: OrderRejected) -> None:
    """Require a new order; whatever is wrong with it is why it was rejected."""
    _check_new(state, event)


def check_rested(state: ExchangeState, event: OrderRested) -> None:
    """Require the rest of an open order that may rest, and a book that it does not cross."""
    require(not shows_levels(state, event.symbol), "the market is one of levels: use order_waits")
    order = _check_rest(state, event)
    best = state.best(event.symbol, event.side.opposite)
    crossed = best is not None and (order.price >= best if order.side is Side.BUY else order.price <= best)
    require(not crossed, "the order would cross the book")


def check_waits(state: ExchangeState, event: PaperRested) -> None:
    """Require the rest of an open order that may rest, in a market of levels."""
    require(shows_levels(state, event.symbol), "the market is one of orders: use order_rested")
    _check_rest(state, event)


def check_ended(state: ExchangeState, event: OrderEnded) -> None:
    """Require an open order, told as it is."""
    order = _open_order(state, event.order)
    require(order.user == event.user, f"order {event.order} belongs to another user")
    _check_same(order, event)
    require(event.quantity == order.remaining, f"order {event.order} has another quantity left")
    rests = state.rests(order)
    require(event.rested == rests, f"order {event.order} {'is' if rests else 'is not'} in the book")


def check_traded(state: ExchangeState, event: Traded) -> None:
    """Require the next trade of its market: of two orders, or, in a market of levels, of none."""
    expected = state.next_trade(event.symbol)
    require(event.trade == expected, f"trade must be {expected}: it grows by 1 per symbol")
    instrument = state.instruments[event.symbol]
    check_price(instrument, event.price)
    if shows_levels(state, event.symbol):
        nobody = not (event.maker_order or event.taker_order or event.maker or event.taker)
        require(nobody, "a trade in a market of levels names no orders: order_filled tells what they trade")
        require(not event.maker_fee and not event.taker_fee, "a trade without orders has no fees")
        check_quantity(instrument, event.quantity, UNITS_MAX)
        return
    maker, taker = _open_order(state, event.maker_order), _open_order(state, event.taker_order)
    require(maker.number != taker.number, "an order cannot trade with itself")
    require((maker.user, taker.user) == (event.maker, event.taker), "maker or taker is not the order's user")
    require(maker.symbol == taker.symbol == event.symbol, "an order is of another market")
    require(
        taker.side is event.side and maker.side is not event.side, "side must be the taker's, the maker's the other"
    )
    require(state.rests(maker), f"order {maker.number} is not in the book")
    require(not state.rests(taker), f"order {taker.number} is in the book: it cannot be the taker")
    require(event.price == maker.price, "price must be the maker's")
    for order, fee in ((maker, event.maker_fee), (taker, event.taker_fee)):
        _check_fill(state, instrument, order, event, fee)


def check_filled(state: ExchangeState, event: PaperFilled) -> None:
    """Require the next fill of a market of levels, of an open order."""
    require(shows_levels(state, event.symbol), "the market is one of orders: traded tells what they trade")
    expected = state.last_own_trade(event.symbol) + 1
    require(event.trade == expected, f"trade must be {expected}: fills grow by 1 per symbol")
    order = _open_order(state, event.order)
    require(
        (order.user, order.symbol) == (event.user, event.symbol), f"order {event.order} is of another user or market"
    )
    require(order.side is event.side, f"order {event.order} has the other side")
    check_price(state.instruments[event.symbol], event.price)
    _check_fill(state, state.instruments[event.symbol], order, event, event.fee)


def _check_new(state: ExchangeState, event: OrderAccepted | OrderRejected) -> None:
    require(state.next_order <= event.order <= NUMBER_MAX, f"order must be {state.next_order} or more: numbers grow")
    check_user(event.user)
    if event.client_order_id is None:
        return
    check_text("client_order_id", event.client_order_id)
    known = state.outcome(event.user, event.client_order_id)
    still_open = known is not None and state.order(known.number) is not None
    require(not still_open, f"{event.user} has an open order with this client_order_id")


def _check_rest(state: ExchangeState, event: OrderRested | PaperRested) -> Order:
    order = _open_order(state, event.order)
    _check_same(order, event)
    may_rest = order.type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC
    require(may_rest, f"order {event.order} is no GTC limit order: it cannot rest")
    require(event.quantity == order.remaining, f"order {event.order} has another quantity left")
    there = state.rests(order) or state.paper.waiting.has(order)
    require(not there, f"order {event.order} rests already")
    return order


def _check_same(order: Order, event: OrderRested | PaperRested | OrderEnded) -> None:
    same = (order.symbol, order.side, order.price) == (event.symbol, event.side, event.price)
    require(same, f"order {order.number} has another symbol, side or price")


def _check_fill(
    state: ExchangeState, instrument: Instrument, order: Order, event: Traded | PaperFilled, fee: int
) -> None:
    """Require what one order can trade: no more than is left of it, at no worse price, for what it has locked."""
    price, quantity, number = event.price, event.quantity, order.number
    require(state.exists(order.user), f"{order.user} has no account")
    check_quantity(instrument, quantity, order.remaining)
    if order.type is OrderType.LIMIT:
        worse = price > order.price if order.side is Side.BUY else price < order.price
        require(not worse, f"price is worse than the limit of order {number}")
    elif order.side is Side.BUY:
        left = order.locked - paid(instrument, order.side, price, quantity)
        require(left >= 0, f"order {number} has not locked what the trade costs")
        require(left == 0 or quantity < order.remaining, f"order {number} has locked more than its trades cost")
    require(fee <= received(instrument, order.side, price, quantity), f"the fee of order {number} is more than it gets")


def _open_order(state: ExchangeState, number: int) -> Order:
    order = state.order(number)
    if order is None:
        raise BadEventError(f"order {number} is not open")
    return order
