"""Random commands for the exchange and its naive model, each made of a few drawn bytes."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from hypothesis import strategies as st

from finalex.model.commands import CancelAllOrders, CancelOrder, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.model.states import MarketState

T = TypeVar("T")

COMMANDS_PER_EXAMPLE = 200
COMMAND_BYTES = 8
"""How much randomness makes one command: more than all choices within it use."""

USERS = ("ann", "bob", "cat", "dan")
SYMBOLS = ("ETH/USDT",) * 5 + ("ETH/BTC", "BTC/USDT")
CURRENCIES = ("USDT", "BTC", "ETH")
PRICES = (16, 18, 20, 20, 22, 24)
ODD_PRICES = (0, 7, 19, 60, 61)  # out of bounds, off the tick of 2, or far away
QUANTITIES = (2, 2, 4, 6, 10)
ODD_QUANTITIES = (0, 3, 40, 41)
TIMES = (TimeInForce.GTC,) * 4 + (TimeInForce.IOC, TimeInForce.FOK)
LABELS = 24
AMOUNTS = (1, 20, 20, 150)
REFERENCES = 12
STATES = (MarketState.OPEN,) * 8 + (MarketState.POST_ONLY, *(MarketState.CANCEL_ONLY,) * 2, MarketState.HALTED)


class CancelNumber(msgspec.Struct, frozen=True):
    """Cancel an order by number; the id is worked out when the command is sent."""

    user: str
    number: int


Step = PlaceOrder | CancelOrder | CancelNumber | CancelAllOrders | Credit | Debit | SetMarketState


class Draw:
    """Reads choices out of a few bytes, which is much faster than drawing each choice by itself."""

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "big")

    def below(self, count: int) -> int:
        self.number, rest = divmod(self.number, count)
        return rest

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def once_in(self, count: int) -> bool:
        return self.below(count) == count - 1


def step(data: bytes) -> Step:
    """Return the command that drawn bytes stand for; zeros are a plain order."""
    draw = Draw(data)
    kind, user = draw.below(64), draw.one(USERS)
    if kind == 63:
        return CancelAllOrders(user=user, symbol=draw.one((None, "ETH/USDT", "ETH/BTC")))
    if kind >= 57:
        return CancelNumber(user, draw.below(COMMANDS_PER_EXAMPLE) + 1)
    if kind >= 51:
        return CancelOrder(user=user, client_order_id=f"c{draw.below(LABELS)}")
    if kind >= 47:
        booking: type[Credit | Debit] = Credit if draw.below(2) else Debit
        currency, amount, reference = draw.one(CURRENCIES), draw.one(AMOUNTS), f"r{draw.below(REFERENCES)}"
        return booking(user=user, currency=currency, amount=amount, reference=reference)
    if kind >= 45:
        symbol, state, reason = draw.one(SYMBOLS[4:]), draw.one(STATES), draw.one(("", "news"))
        return SetMarketState(symbol=symbol, state=state, reason=reason)
    return order(draw, user)


def order(draw: Draw, user: str) -> PlaceOrder:
    side, market = draw.one(tuple(Side)), draw.once_in(8)
    price = draw.one(ODD_PRICES) if draw.once_in(24) else draw.one(PRICES)
    return PlaceOrder(
        user=user,
        symbol=draw.one(SYMBOLS),
        side=side,
        type=OrderType.MARKET if market else OrderType.LIMIT,
        quantity=draw.one(ODD_QUANTITIES) if draw.once_in(24) else draw.one(QUANTITIES),
        price=0 if market else price,
        time_in_force=draw.one(TIMES),
        post_only=draw.once_in(8),
        client_order_id=f"c{draw.below(LABELS)}" if draw.once_in(4) else None,
    )


commands = st.binary(min_size=COMMAND_BYTES, max_size=COMMAND_BYTES).map(step)
steps = st.lists(commands, min_size=COMMANDS_PER_EXAMPLE, max_size=COMMANDS_PER_EXAMPLE)
