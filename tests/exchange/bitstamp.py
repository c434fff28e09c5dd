"""Reads a recording of Bitstamp's order flow: what came to the exchange, and what it made of it."""

import bz2
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from finalex.model.instruments import Instrument
from finalex.model.orders import Side

CENTS = Instrument(
    symbol="BTC/CENT",
    price_decimals=0,
    quantity_decimals=8,
    tick_size=1,
    lot_size=1,
    price_min=100,
    price_max=1_000_000,
    quantity_min=1,
    quantity_max=100_000_000_000,
    notional_min=50_000_000_000,
)
"""BTC/USD as recorded, with the cent as the quote: so prices of 0.01 times quantities of 10^-8 are exact.

Prices go from 1 to 10,000 USD; Bitstamp's smallest order was worth 5 USD.
"""


class Created(NamedTuple):
    """A limit order came in."""

    time_ms: int
    id: int
    side: Side
    price: int
    quantity: int


class Deleted(NamedTuple):
    """An order is gone: `canceled`, or filled."""

    time_ms: int
    id: int
    canceled: bool


class Trade(NamedTuple):
    """A trade happened."""

    time_ms: int
    price: int
    quantity: int


class Best(NamedTuple):
    """The best prices of the exchange's own book."""

    time_ms: int
    bid: int
    ask: int


Record = Created | Deleted | Trade | Best


class _Order(msgspec.Struct):
    id: int
    price: Decimal
    amount: Decimal
    order_type: int


class _Trade(msgspec.Struct):
    price: Decimal
    amount: Decimal


class _Book(msgspec.Struct):
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


_order = msgspec.json.Decoder(_Order).decode
_trade = msgspec.json.Decoder(_Trade).decode
_book = msgspec.json.Decoder(_Book).decode


def records(path: Path) -> Iterator[Record]:
    """Iterate a recording in its order; changes of orders are left out, as their trades say the same."""
    with bz2.open(path) as lines:
        for line in lines:
            time, kind, text = line.split(b" ", 2)
            record = _record(int(time), kind, text)
            if record is not None:
                yield record


def _record(time_ms: int, kind: bytes, text: bytes) -> Record | None:
    if kind == b"order_created":
        order = _order(text)
        side = Side.SELL if order.order_type else Side.BUY
        return Created(time_ms, order.id, side, _cents(order.price), _units(order.amount))
    if kind == b"order_deleted":
        order = _order(text)
        return Deleted(time_ms, order.id, canceled=order.amount > 0)
    if kind == b"trade":
        trade = _trade(text)  # its numbers went through floats: 236.61000000000001
        return Trade(time_ms, _cents(trade.price), _units(trade.amount))
    if kind == b"order_book":
        book = _book(text)
        return Best(time_ms, _cents(book.bids[0][0]), _cents(book.asks[0][0]))
    return None


def _cents(price: Decimal) -> int:
    return int((price * 100).to_integral_value())


def _units(amount: Decimal) -> int:
    return int((amount * 10**8).to_integral_value())
