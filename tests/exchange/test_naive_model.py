"""Random commands, to the exchange and to a naive model of it: both must always agree, and nothing may be lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exchange.naive import NaiveExchange, NaiveOrder, NaiveTrade
from exchange.venue import BookView, Venue, books, check_funds, check_uncrossed, credited
from finalex.exchange.accounts import FEES_USER, NOTHING
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Declined, Done, NotFound, Outcome, Placed, Refused
from finalex.exchange.rules import RULES
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder
from finalex.model.events import OrderAccepted, Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import EndReason, OrderStatus, OrderType, Side, TimeInForce, order_id_text

T = TypeVar("T")

COMMANDS_PER_EXAMPLE = 200
EXAMPLES = 126
MARKETS = 4
assert COMMANDS_PER_EXAMPLE * EXAMPLES * MARKETS >= 100_000

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: with examples of this size it takes minutes. The failure says at which command it is."""

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
OPEN_ORDERS_MAX = 6
FUNDS = 200
LABELS = 24
AMOUNTS = (1, 20, 20, 150)
REFERENCES = 12


class CancelNumber(msgspec.Struct, frozen=True):
    """Cancel an order by number; the id is worked out when the command is sent."""

    user: str
    number: int


Step = PlaceOrder | CancelOrder | CancelNumber | CancelAllOrders | Credit | Debit


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


def small(symbol: str, decimals: tuple[int, int], fees_ppm: tuple[int, int]) -> Instrument:
    """A market with few prices: below 60 units, quantities of at most 40, and worth at least 36 together."""
    return Instrument(
        symbol=symbol,
        price_decimals=decimals[0],
        quantity_decimals=decimals[1],
        tick_size=2,
        lot_size=2,
        price_min=1,
        price_max=60,
        quantity_min=2,
        quantity_max=40,
        notional_min=36 * 10 ** (8 - sum(decimals)),
        maker_fee_ppm=fees_ppm[0],
        taker_fee_ppm=fees_ppm[1],
    )


class Comparison:
    """The exchange and its naive model, side by side."""

    def __init__(self, decimals: tuple[int, int], fees_ppm: tuple[int, int]) -> None:
        instruments = [small(symbol, decimals, fees_ppm) for symbol in dict.fromkeys(SYMBOLS)]
        self.units = {
            "USDT": 4 * 10 ** (8 - sum(decimals)),
            "BTC": 10 ** (8 - decimals[1]),
            "ETH": 10 ** (8 - decimals[1]),
        }
        self.venue = Venue(*instruments, open_orders_max=OPEN_ORDERS_MAX)
        self.model = NaiveExchange(self.venue.instruments, OPEN_ORDERS_MAX)
        self.view = BookView()
        self.credits: Counter[str] = Counter()
        self.bookings: Counter[object] = Counter()
        self.created_ms: dict[int, int] = {}
        for user in USERS[:-1]:  # the last one begins with nothing
            for currency in CURRENCIES:
                self.send(Credit(user=user, currency=currency, amount=FUNDS, reference=f"first {currency}"))

    def send(self, step: Step) -> None:
        """Send one command to both and compare everything."""
        if isinstance(step, Credit | Debit):
            step = msgspec.structs.replace(step, amount=step.amount * self.units[step.currency])
        trades_before = len(self.model.trades)
        expected = self._expected(step)
        self.bookings.update([expected] if isinstance(expected, str) else [])
        events, outcome = self.venue.send(self._command(step))
        assert described(outcome) == expected
        self.view.apply(events)
        self.credits += credited(events)
        self.created_ms |= {e.order: e.time_ms for e in events if isinstance(e, OrderAccepted)}
        assert [naive_trade(event) for event in events if isinstance(event, Traded)] == (
            self.model.trades[trades_before:]
        )
        self.compare()

    def _command(self, step: Step) -> Command:
        if isinstance(step, CancelNumber):
            created_ms = self.created_ms.get(step.number, 0)
            return CancelOrder(user=step.user, order_id=order_id_text(step.number, created_ms))
        return step

    def _expected(self, step: Step) -> object:
        match step:
            case PlaceOrder():
                return naive_order(self.model.place(step))
            case CancelNumber():
                return [naive_order(o) for o in self.model.cancel_number(step.user, step.number)] or NotFound()
            case CancelOrder():
                return [naive_order(o) for o in self.model.cancel(step)] or NotFound()
            case CancelAllOrders():
                return [naive_order(o) for o in self.model.cancel_all(step)]
            case Credit() | Debit():
                return self.model.enter(step)

    def compare(self) -> None:
        """Assert that books, queues and balances agree, and that nothing was made or lost."""
        state, model_books, reserved = self.venue.state, self.model.books(), self.model.reserved()
        for symbol in state.instruments:
            for side in Side:
                resting = [described_order(o) for o in state.resting(symbol, side)]
                assert resting == [naive_order(o) for o in model_books.pop((symbol, side), [])]
        for user in (*USERS, FEES_USER):
            for currency in CURRENCIES:
                balance = state.balances(user).get(currency, NOTHING)
                assert balance.locked == reserved[user, currency]
                assert balance.total == self.model.owned[user, currency]
        assert self.view.books == books(state)
        check_uncrossed(state)
        check_funds(state, self.credits)


@contextmanager
def naming(number: int, command: Step) -> Iterator[None]:
    """Let a failure say which command it is about."""
    try:
        yield
    except Exception as error:
        error.add_note(f"at command {number}: {command}")
        raise


def described(outcome: Outcome) -> object:
    """Return an outcome in the terms of the naive model."""
    match outcome:
        case Placed(order) | Refused(order):
            assert isinstance(outcome, Refused) == (order.status is OrderStatus.REJECTED)
            return described_order(order)
        case Canceled(orders):
            return [described_order(order) for order in orders]
        case Done(earlier):
            return "earlier" if earlier else "booked"
        case Declined(reason):
            return reason.value
        case _:
            return outcome


def described_order(order: Order) -> tuple[object, ...]:
    """Return number, status, reason, what is left and fees of an order."""
    return (order.number, order.status, order.reason or "", order.remaining, order.fees)


def naive_order(order: NaiveOrder) -> tuple[object, ...]:
    """Return the same of an order of the naive model."""
    return (order.number, order.status, order.reason, order.left, order.fees)


def naive_trade(event: Traded) -> NaiveTrade:
    """Return a trade in the terms of the naive model."""
    return NaiveTrade(
        symbol=event.symbol,
        number=event.trade,
        maker=event.maker_order,
        taker=event.taker_order,
        price=event.price,
        quantity=event.quantity,
        maker_fee=event.maker_fee,
        taker_fee=event.taker_fee,
    )


ENDS = {
    *((OrderStatus.REJECTED, reason) for reason, _ in RULES),
    *((OrderStatus.EXPIRED, reason) for reason in (EndReason.UNFILLED, EndReason.SELF_TRADE)),
    (OrderStatus.CANCELED, EndReason.CANCELED),
    *((status, "") for status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)),
}
"""Everything that can become of an order."""

BOOKINGS = {"booked", "earlier", "reference_used", "insufficient_funds"}
"""Everything that can become of a small credit or debit, in the terms of the naive model."""


@pytest.mark.parametrize(
    ("decimals", "fees_ppm"),
    [
        pytest.param((0, 0), (0, 0), id="no fees"),
        pytest.param((1, 0), (800, 1000), id="usual fees"),
        pytest.param((3, 4), (1, 333_333), id="odd fees"),
        pytest.param((4, 4), (77_777, 1_000_000), id="amounts of few units and a fee that takes all"),
    ],
)
def test_the_exchange_and_the_naive_model_always_agree(decimals: tuple[int, int], fees_ppm: tuple[int, int]) -> None:
    counts: Counter[object] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
    @given(steps)
    def compare(commands: list[Step]) -> None:
        comparison = Comparison(decimals, fees_ppm)
        for number, command in enumerate(commands, 1):
            with naming(number, command):
                comparison.send(command)
        comparison.venue.check()
        counts.update(["sent"] * len(commands))
        counts.update(["trades"] * len(comparison.model.trades))
        counts.update((order.status, order.reason) for order in comparison.model.orders)
        counts.update(comparison.bookings)

    compare()
    assert counts["sent"] >= COMMANDS_PER_EXAMPLE * EXAMPLES
    assert counts["trades"] >= counts["sent"] // 10
    assert not ENDS - counts.keys()
    assert not BOOKINGS - counts.keys()
