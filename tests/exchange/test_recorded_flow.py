"""A day of real order flow runs through the exchange, and it makes of it what the real one made of it.

The recording has no starting book, and a few of its messages are lost, repeated or in the wrong order, so this is
no exact oracle: an order that traded with one from before the recording rests here instead. So that such an order
does no harm for the rest of the day, it is canceled when the recording says that it was filled; so is an order
whose end was recorded before its beginning.

Who sent which order is not recorded. Every order is sent from an account that has no other open order, so that
self-trade prevention and the limit of open orders never play a part; an account whose order ended is used again,
and is credited with just what its next order needs.
"""

from collections import Counter
from pathlib import Path

from exchange.bitstamp import CENTS, Best, Created, Deleted, Record, Trade, records
from exchange.venue import BookView, books, check_books, check_funds, check_uncrossed, credited
from finalex.exchange.engine import Engine
from finalex.exchange.funds import paid, reserved_currency
from finalex.exchange.outcomes import Canceled, NotFound, Outcome, Placed, Refused
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import OrderEnded, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side
from finalex.model.rejects import RejectReason
from support.recordings import recording

RECORDING = "l3/bitstamp_btcusd_2015-05-01.log.bz2"
ORDERS = 118_960
CANCELS = 114_769
TRADES = 4_251
SNAPSHOTS = 29_992
CHECK_EVERY = 20_000
"""After how many orders all books and balances are added up; that the book is not crossed is checked always."""


class Flow:
    """The exchange with the recorded flow running into it."""

    def __init__(self) -> None:
        self.state = ExchangeState(Instruments([CENTS]))
        self.engine = Engine(self.state)
        self.view = BookView()
        self.credits: Counter[str] = Counter()
        self.owners: dict[int, str] = {}
        self.idle: list[str] = []
        self.accounts = 0
        self.refused: dict[int, RejectReason] = {}
        self.out_of_bounds: set[int] = set()
        self.ended_before: set[int] = set()
        self.counts: Counter[str] = Counter()
        self.cancels: Counter[str] = Counter()
        self.trades: Counter[tuple[int, int]] = Counter()
        self.recorded: Counter[tuple[int, int]] = Counter()

    def play(self, path: Path) -> None:
        for record in records(path):
            self.take(record)
        self.check()

    def take(self, record: Record) -> None:
        match record:
            case Created():
                self.place(record)
            case Deleted():
                self.delete(record)
            case Trade():
                self.recorded[record.price, record.quantity] += 1
            case Best():
                self.counts["snapshots"] += 1
                self.counts["same bid"] += self.state.best(CENTS.symbol, Side.BUY) == record.bid
                self.counts["same ask"] += self.state.best(CENTS.symbol, Side.SELL) == record.ask

    def place(self, created: Created) -> None:
        user = self.owners[created.id] = self.account(created)
        if not CENTS.price_min <= created.price <= CENTS.price_max:
            self.out_of_bounds.add(created.id)
        command = PlaceOrder(
            user=user,
            symbol=CENTS.symbol,
            side=created.side,
            type=OrderType.LIMIT,
            quantity=created.quantity,
            price=created.price,
            client_order_id=str(created.id),
        )
        outcome = self.send(command, created.time_ms)
        self.counts["orders"] += 1
        if isinstance(outcome, Refused):
            assert isinstance(outcome.order.reason, RejectReason)
            self.refused[created.id] = outcome.order.reason
            self.idle.append(user)
        else:
            assert isinstance(outcome, Placed)
            assert outcome.order.reason is None
        if created.id in self.ended_before:
            self.cancel(user, created.id, created.time_ms)
        if self.counts["orders"] % CHECK_EVERY == 0:
            self.check()

    def account(self, created: Created) -> str:
        """Return an account without an open order that has what the order needs."""
        self.accounts += not self.idle
        user = self.idle.pop() if self.idle else f"user {self.accounts}"
        currency = reserved_currency(CENTS, created.side)
        missing = paid(CENTS, created.side, created.price, created.quantity) - self.state.available(user, currency)
        if missing > 0:
            self.send(Credit(user=user, currency=currency, amount=missing, reference=str(created.id)), created.time_ms)
        return user

    def delete(self, deleted: Deleted) -> None:
        user = self.owners.get(deleted.id)
        if user is None:
            self.ended_before.add(deleted.id)
            self.cancels["unknown"] += deleted.canceled
        else:
            found = self.cancel(user, deleted.id, deleted.time_ms)
            self.cancels[found] += deleted.canceled
            self.counts["filled there only"] += not deleted.canceled and found == "open"

    def cancel(self, user: str, order: int, now_ms: int) -> str:
        """Cancel an order and return what it was until then."""
        outcome = self.send(CancelOrder(user=user, client_order_id=str(order)), now_ms)
        if isinstance(outcome, Canceled):
            return "open"
        assert outcome == NotFound()
        ended = self.state.outcome(user, str(order))
        assert ended is not None
        return ended.status.value

    def send(self, command: Command, now_ms: int) -> Outcome:
        events, outcome = self.engine.execute(command, now_ms)
        self.view.apply(events)
        self.credits += credited(events)
        touched = {}
        for event in events:
            if isinstance(event, OrderEnded):
                touched[event.order] = event.user
            elif isinstance(event, Traded):
                touched |= {event.maker_order: event.maker, event.taker_order: event.taker}
                self.trades[event.price, event.quantity] += 1
        self.idle += [user for number, user in touched.items() if self.state.order(number) is None]
        check_uncrossed(self.state)
        return outcome

    def check(self) -> None:
        check_books(self.state)
        check_funds(self.state, self.credits)
        assert self.view.books == books(self.state)


def volume(trades: Counter[tuple[int, int]]) -> int:
    return sum(quantity * count for (_, quantity), count in trades.items())


def test_a_day_of_recorded_order_flow_runs_through() -> None:
    flow = Flow()
    flow.play(recording(RECORDING))
    counts, cancels = flow.counts, flow.cancels

    # All of it was sent, and every refusal is one that the rules explain: a price outside 1 to 10,000 USD.
    assert (counts["orders"], cancels.total(), counts["snapshots"]) == (ORDERS, CANCELS, SNAPSHOTS)
    assert flow.recorded.total() == TRADES
    assert flow.refused == dict.fromkeys(flow.out_of_bounds, RejectReason.PRICE_OUT_OF_BOUNDS)
    assert len(flow.refused) == 14

    # So is every cancel that found no open order: one from before the recording, refused, filled, canceled already.
    assert cancels.keys() == {"open", "unknown", "rejected", "filled", "canceled"}
    assert cancels["open"] >= CANCELS * 99 // 100

    # What the exchange made of it is what the real one made of it, as far as the recording can tell: the very same
    # trades, in price and quantity, and the very same best prices.
    same = flow.trades & flow.recorded
    assert same.total() >= TRADES * 86 // 100
    assert same.total() >= flow.trades.total() * 94 // 100
    assert volume(same) >= volume(flow.recorded) * 79 // 100
    assert counts["same ask"] >= SNAPSHOTS * 99 // 100
    assert counts["same bid"] >= SNAPSHOTS * 98 // 100
