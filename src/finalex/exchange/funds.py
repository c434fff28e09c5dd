"""What an order reserves, pays and receives, and the fee on it. All amounts are integers in 10^-8.

An order reserves what it pays: price × quantity of the quote for a buy, the quantity of the base for a sell. A
fee is only ever taken from what an order receives, so that this reservation covers the worst case with nothing
on top of it. Prices on tick and quantities on lot make price × quantity exact (`Instrument` sees to it): parts
of an order add up to the whole without a remainder.
"""

from typing import NamedTuple

from finalex.exchange.order import Order
from finalex.model.instruments import Instrument
from finalex.model.orders import OrderType, Side

_MILLION = 1_000_000


def fee(received: int, ppm: int) -> int:
    """Return `ppm` millionths of `received`, rounded up; never above `received`, as `ppm` is at most a million."""
    return -(-received * ppm // _MILLION)


def reserved_currency(instrument: Instrument, side: Side) -> str:
    """Return the currency that an order of this side reserves and pays."""
    return instrument.quote if side is Side.BUY else instrument.base


def received_currency(instrument: Instrument, side: Side) -> str:
    """Return the currency that an order of this side receives, and in which its fee is taken."""
    return instrument.base if side is Side.BUY else instrument.quote


def paid(instrument: Instrument, side: Side, price: int, quantity: int) -> int:
    """Return what an order of this side gives for `quantity` at `price`."""
    return instrument.notional(price, quantity) if side is Side.BUY else instrument.base_amount(quantity)


def received(instrument: Instrument, side: Side, price: int, quantity: int) -> int:
    """Return what an order of this side gets for `quantity` at `price`, before the fee."""
    return paid(instrument, side.opposite, price, quantity)


class Settlement(NamedTuple):
    """What a trade does to one of its orders: of the amount `unlocked`, `paid` is given away."""

    unlocked: int
    paid: int
    received: int


def settle(instrument: Instrument, order: Order, price: int, quantity: int) -> Settlement:
    """Return what trading `quantity` at `price` does to `order`.

    A limit buy unlocks what it had reserved at its own price, so that what a better price saves is free at once;
    a market buy had reserved exactly what its trades cost.
    """
    cost = paid(instrument, order.side, price, quantity)
    better = order.side is Side.BUY and order.type is OrderType.LIMIT and price != order.price
    unlocked = instrument.notional(order.price, quantity) if better else cost
    return Settlement(unlocked, cost, received(instrument, order.side, price, quantity))
