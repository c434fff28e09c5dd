"""An exchange whose disk is slow, full or broken: nothing is acknowledged that is not kept, and it recovers."""

import pytest

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Canceled, Failed, NotFound, Outcome, Placed, Unavailable
from finalex.exchange.state import ExchangeState
from finalex.log.port import LogProblem
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.sources.exchange import CLOCK_INTERVAL_MS, ExchangeSource
from finalex.testing import FailingLog

START_MS = 1_700_000_000_000
FUNDS = Credit(user="alice", currency="BTC", amount=10 * 10**8, reference="funds")
ORDER = PlaceOrder(
    user="alice",
    symbol="BTC/USDT",
    side=Side.SELL,
    type=OrderType.LIMIT,
    quantity=10**8,
    price=45_678_90,
    client_order_id="first",
)


class Exchange:
    """An exchange on a log that can fail; `published` is what clients may see, `replies` what they were told."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.log = FailingLog()
        self.published: list[Batch] = []
        self.log.follow(self.published.append)
        self.state = ExchangeState(DEFAULT_INSTRUMENTS)
        self.source = ExchangeSource(Engine(self.state), self.log, lambda: self.now_ms)
        self.replies: list[Outcome] = []
        self.submit(FUNDS)

    def submit(self, command: Command) -> None:
        self.source.submit(command, self.replies.append)

    def tick(self) -> None:
        self.now_ms += CLOCK_INTERVAL_MS
        self.source.tick()

    @property
    def happened(self) -> int:
        return sum(bool(batch.events) for batch in self.published)


def test_while_the_disk_is_at_work_nobody_hears_of_an_order() -> None:
    exchange = Exchange()
    exchange.log.hold()
    exchange.submit(ORDER)
    assert len(exchange.replies) == 1
    assert exchange.happened == 1
    exchange.log.heal()
    assert isinstance(exchange.replies[1], Placed)
    assert exchange.happened == 2


def test_replies_come_in_the_order_of_their_commands() -> None:
    exchange = Exchange()
    exchange.log.hold()
    exchange.submit(ORDER)
    exchange.submit(CancelOrder(user="alice", client_order_id="unknown"))
    exchange.submit(CancelAllOrders(user="alice"))
    assert len(exchange.replies) == 1
    exchange.log.heal()
    assert [type(reply) for reply in exchange.replies[1:]] == [Placed, NotFound, Canceled]


def test_an_order_asked_for_again_is_not_acknowledged_before_the_first_is_durable() -> None:
    exchange = Exchange()
    exchange.log.hold()
    exchange.submit(ORDER)
    exchange.submit(ORDER)
    assert len(exchange.replies) == 1
    exchange.log.heal()
    assert exchange.replies[1] == exchange.replies[2]
    assert len(exchange.state.open_orders("alice")) == 1


@pytest.mark.parametrize("problem", [LogProblem.DISK_FULL, LogProblem.STORAGE_FAILED, LogProblem.STORAGE_SLOW])
def test_while_nothing_can_be_kept_commands_are_refused_and_change_nothing(problem: LogProblem) -> None:
    exchange = Exchange()
    before = exchange.state.state_hash()
    exchange.log.refuse(problem)
    for command in (ORDER, CancelAllOrders(user="alice"), Credit(user="b", currency="BTC", amount=1, reference="x")):
        exchange.submit(command)
    exchange.source.open_account("carol")
    assert exchange.replies[1:] == [Unavailable()] * 3
    assert exchange.state.state_hash() == before


def test_time_goes_on_meanwhile_and_it_recovers() -> None:
    exchange = Exchange()
    exchange.log.refuse(LogProblem.DISK_FULL)
    for _ in range(3):
        exchange.tick()
    assert exchange.published[-1].time_ms == exchange.now_ms
    exchange.log.heal()
    exchange.submit(ORDER)
    assert isinstance(exchange.replies[-1], Placed)


def test_what_was_under_way_when_the_disk_filled_up_is_acknowledged_when_there_is_space() -> None:
    exchange = Exchange()
    exchange.log.hold()
    exchange.submit(ORDER)
    exchange.log.fail(LogProblem.DISK_FULL)
    exchange.submit(CancelAllOrders(user="alice"))
    assert exchange.replies[1:] == [Unavailable()]
    exchange.log.heal()
    assert isinstance(exchange.replies[2], Placed)
    assert len(exchange.state.open_orders("alice")) == 1


def test_whoever_waits_when_the_log_is_closed_is_told_that_the_outcome_is_not_known() -> None:
    exchange = Exchange()
    exchange.log.fail(LogProblem.STORAGE_FAILED)
    exchange.log.heal()
    exchange.log.hold()
    exchange.submit(ORDER)
    exchange.log.fail(LogProblem.STORAGE_FAILED)
    exchange.log.close()
    assert exchange.replies[1:] == [Failed()]


def test_a_crash_keeps_what_was_acknowledged_and_nothing_half() -> None:
    exchange = Exchange()
    exchange.submit(ORDER)
    exchange.log.hold()
    exchange.submit(CancelAllOrders(user="alice"))
    kept = exchange.log.crash()
    state = ExchangeState(DEFAULT_INSTRUMENTS)
    for batch in kept.read(after=0):
        for event in batch.events:
            state.apply(event)
    assert [order.client_order_id for order in state.open_orders("alice")] == ["first"]
    assert kept.sequence > exchange.log.sequence
