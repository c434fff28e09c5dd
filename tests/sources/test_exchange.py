"""The exchange as a source: demo balances once, a reply to everything, and a clock that goes on."""

import asyncio
from collections.abc import Iterable

import pytest

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Canceled, Done, Failed, NotFound, Outcome, Placed, Refused
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import AnyEvent, Batch, Credited, OrderAccepted, OrderRested, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.model.rejects import RejectReason
from finalex.sources import exchange as module
from finalex.sources.exchange import CLOCK_INTERVAL_MS, ExchangeSource

START_MS = 1_700_000_000_000
DEMO = {"USDT": 1_000_000 * 10**8, "BTC": 10 * 10**8}


class Exchange:
    """An exchange source, its log, and a clock moved by hand."""

    def __init__(self, demo_balances: dict[str, int] | None = None, log: MemoryLog | None = None) -> None:
        self.now_ms = START_MS
        self.log = log or MemoryLog()
        self.batches: list[Batch] = []
        self.log.follow(self.batches.append)
        self.state = ExchangeState(DEFAULT_INSTRUMENTS)
        self.source = ExchangeSource(Engine(self.state), self.log, lambda: self.now_ms, demo_balances)

    def submit(self, command: Command) -> Outcome:
        replies: list[Outcome] = []
        self.source.submit(command, replies.append)
        assert len(replies) == 1
        return replies[0]

    @property
    def events(self) -> list[AnyEvent]:
        return [event for batch in self.batches for event in batch.events]


def limit(side: Side, price: int, user: str = "alice", symbol: str = "BTC/USDT") -> PlaceOrder:
    return PlaceOrder(user=user, symbol=symbol, side=side, type=OrderType.LIMIT, quantity=10**8, price=price)


def kinds(events: Iterable[AnyEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_the_source_trades() -> None:
    assert Exchange().source.trading


def test_the_events_of_a_command_are_one_batch_at_its_time() -> None:
    exchange = Exchange(DEMO)
    exchange.submit(limit(Side.SELL, 100_00, "bob"))
    exchange.now_ms += 7
    outcome = exchange.submit(limit(Side.BUY, 100_00))
    assert isinstance(outcome, Placed)
    assert outcome.order.filled == 10**8
    assert kinds(exchange.batches[-1].events) == ["OrderAccepted", "Traded"]
    assert exchange.batches[-1].time_ms == START_MS + 7


def test_a_reply_comes_after_the_events_are_in_the_log() -> None:
    exchange = Exchange(DEMO)
    logged: list[int] = []
    exchange.source.submit(limit(Side.BUY, 100_00), lambda outcome: logged.append(len(exchange.events)))
    assert logged == [len(DEMO) + 2]


def test_a_command_without_events_appends_nothing_and_is_answered() -> None:
    exchange = Exchange(DEMO)
    exchange.source.open_account("alice")
    before = len(exchange.batches)
    assert isinstance(exchange.submit(CancelOrder(user="alice", order_id="none")), NotFound)
    assert exchange.submit(CancelAllOrders(user="alice")) == Canceled(())
    assert len(exchange.batches) == before


def test_a_refusal_is_answered_and_logged() -> None:
    exchange = Exchange()
    outcome = exchange.submit(limit(Side.BUY, 100_00))
    assert isinstance(outcome, Refused)
    assert outcome.order.reason is RejectReason.INSUFFICIENT_FUNDS
    assert kinds(exchange.events) == ["OrderRejected"]


def test_the_first_command_of_a_user_brings_the_demo_balances_before_it() -> None:
    exchange = Exchange(DEMO)
    assert isinstance(exchange.submit(limit(Side.BUY, 100_00)), Placed)
    assert kinds(exchange.events) == ["Credited", "Credited", "OrderAccepted", "OrderRested"]
    credits_ = [event for event in exchange.events if isinstance(event, Credited)]
    assert {credit.currency: credit.amount for credit in credits_} == DEMO
    assert {credit.reference for credit in credits_} == {"demo:alice:USDT", "demo:alice:BTC"}


def test_demo_balances_come_once_however_often_an_account_is_opened() -> None:
    exchange = Exchange(DEMO)
    for _ in range(3):
        exchange.source.open_account("alice")
        exchange.submit(CancelAllOrders(user="alice"))
    assert exchange.state.balances("alice")["BTC"].total == DEMO["BTC"]
    assert len(exchange.batches) == 1


def test_demo_balances_come_once_even_if_the_source_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPENED_USERS_MAX", 1)
    venue = Exchange(DEMO)
    for user in ("alice", "bob", "alice"):
        venue.source.open_account(user)
    assert venue.state.balances("alice")["BTC"].total == DEMO["BTC"]


def test_without_demo_balances_opening_an_account_does_nothing() -> None:
    exchange = Exchange()
    exchange.source.open_account("alice")
    assert exchange.batches == []
    assert not exchange.state.exists("alice")


@pytest.mark.parametrize(
    "command",
    [
        limit(Side.BUY, 100_00, symbol="NO/SUCH"),
        Credit(user="alice", currency="BTC", amount=-1, reference="wrong"),
    ],
)
def test_a_command_that_breaks_the_engine_is_answered_and_the_exchange_goes_on(command: Command) -> None:
    exchange = Exchange(DEMO)
    assert exchange.submit(command) == Failed()
    assert exchange.submit(Credit(user="alice", currency="BTC", amount=1, reference="right")) == Done()
    assert exchange.state.balances("alice")["BTC"].total == DEMO["BTC"] + 1
    exchange.source.tick()


class FailingLog(MemoryLog):
    """A log that takes no more once `broken`."""

    broken = False

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        if self.broken:
            raise OSError("disk full")
        return super().append(events, time_ms)


def test_after_a_failed_append_every_command_fails_and_the_source_ends() -> None:
    log = FailingLog()
    exchange = Exchange(DEMO, log)
    exchange.source.open_account("alice")
    log.broken = True
    assert exchange.submit(limit(Side.BUY, 100_00)) == Failed()
    log.broken = False
    assert exchange.submit(limit(Side.BUY, 100_00)) == Failed()
    assert not any(isinstance(event, OrderAccepted) for event in exchange.events)
    with pytest.raises(OSError, match="disk full"):
        exchange.source.tick()


def test_an_empty_batch_advances_the_clock_only_when_nothing_else_has() -> None:
    exchange = Exchange(DEMO)
    exchange.source.tick()
    exchange.now_ms += CLOCK_INTERVAL_MS - 1
    exchange.source.tick()
    exchange.submit(limit(Side.BUY, 100_00))
    exchange.now_ms += CLOCK_INTERVAL_MS - 1
    exchange.source.tick()
    exchange.now_ms += 1
    exchange.source.tick()
    assert [(batch.time_ms - START_MS, bool(batch.events)) for batch in exchange.batches] == [
        (0, False),
        (49, True),
        (49, True),
        (99, False),
    ]


def test_events_never_have_a_time_before_the_log() -> None:
    exchange = Exchange(DEMO)
    exchange.submit(limit(Side.SELL, 100_00, "bob"))
    exchange.now_ms -= 5_000
    exchange.submit(limit(Side.BUY, 100_00))
    times = [event.time_ms for event in exchange.events if isinstance(event, OrderRested | Traded)]
    assert times == [START_MS, START_MS]


async def test_run_keeps_the_clock_going_until_it_is_cancelled() -> None:
    exchange = Exchange()
    ticked = asyncio.Event()

    def count(batch: Batch) -> None:
        exchange.now_ms += CLOCK_INTERVAL_MS
        if batch.sequence == 3:
            ticked.set()

    exchange.log.follow(count)
    running = asyncio.create_task(exchange.source.run())
    await ticked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kinds(exchange.events) == []
