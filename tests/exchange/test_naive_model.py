"""Random commands, to the exchange and to a naive model of it: both must always agree, and nothing may be lost."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from exchange.naive import NaiveExchange, NaiveOrder, NaiveTrade
from exchange.steps import COMMANDS_PER_EXAMPLE, CURRENCIES, SYMBOLS, USERS, CancelNumber, Step, steps
from exchange.venue import BookView, Venue, books, check_funds, check_uncrossed, credited
from finalex.exchange.accounts import FEES_USER, NOTHING
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Declined, Done, Frozen, NotFound, Outcome, Placed, Refused
from finalex.exchange.rules import RULES
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, Debit, PlaceOrder, SetMarketState
from finalex.model.events import OrderAccepted, Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import EndReason, OrderStatus, Side, order_id_text

EXAMPLES = 126
MARKETS = 4
assert COMMANDS_PER_EXAMPLE * EXAMPLES * MARKETS >= 100_000

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: with examples of this size it takes minutes. The failure says at which command it is."""

OPEN_ORDERS_MAX = 6
FUNDS = 200


def small(symbol: str, decimals: tuple[int, int], fees_ppm: tuple[int, int]) -> Instrument:
    """A market with few prices: below 60 units, quantities of at most 40, and worth at least 36 together.

    In one of them orders are worth at most 180, and at most 12 % worse than the last trade.
    """
    careful = symbol == "ETH/BTC"
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
        notional_max=180 * 10 ** (8 - sum(decimals)) if careful else 0,
        price_band_ppm=120_000 if careful else 0,
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
                return _canceled(self.model.cancel_number(step.user, step.number))
            case CancelOrder():
                return _canceled(self.model.cancel(step))
            case CancelAllOrders():
                return [naive_order(o) for o in self.model.cancel_all(step)]
            case Credit() | Debit():
                return self.model.enter(step)
            case SetMarketState():
                done = self.model.put(step)
                return "booked" if done == "put" else done

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


def _canceled(found: list[NaiveOrder] | str) -> object:
    if isinstance(found, str):
        return Frozen()
    return [naive_order(order) for order in found] or NotFound()


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
    assert counts["trades"] >= counts["sent"] // 12
    assert ENDS - counts.keys() == set()
    assert BOOKINGS - counts.keys() == set()
