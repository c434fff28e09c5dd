"""The trades of an upstream: each once, in order, and numbered anew."""

import pytest

from finalex.model.events import Traded
from finalex.model.orders import Side
from finalex.sources.upstream import tape as module
from finalex.sources.upstream.mirror import CLOCK_SKEW_MS_MAX
from finalex.sources.upstream.port import MarketTrade
from finalex.sources.upstream.problems import Problem
from finalex.sources.upstream.tape import Tape
from sources.upstream.playing import BTC, START_MS, trade

UNIT = 10**8


class Taped:
    """A tape, and what it reported."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.tape = Tape(BTC, START_MS, lambda problem, _: self.problems.append(problem))

    def take(self, *trades: MarketTrade, now_ms: int = 0, over_ms: int = -1000) -> list[Traded]:
        return self.tape.take(trades, START_MS + now_ms, START_MS + over_ms)


@pytest.fixture
def taped() -> Taped:
    return Taped()


def test_trades_are_numbered_from_one(taped: Taped) -> None:
    first, second = taped.take(trade("70", "100.01", "0.5", at_ms=3), trade("72", "99", side=Side.SELL, at_ms=4))
    assert first == Traded(
        symbol="BTC/USDT", trade=1, price=100_01, quantity=UNIT // 2, side=Side.BUY, time_ms=START_MS + 3
    )
    assert second == Traded(
        symbol="BTC/USDT", trade=2, price=99_00, quantity=UNIT, side=Side.SELL, time_ms=START_MS + 4
    )
    assert [event.trade for event in taped.take(trade("73", at_ms=4))] == [3]
    assert taped.problems == []


def test_trades_that_come_together_are_put_in_order(taped: Taped) -> None:
    events = taped.take(trade("2", "102", at_ms=2), trade("1", "101", at_ms=1), trade("3", "103", at_ms=2))
    assert [event.price for event in events] == [101_00, 102_00, 103_00]
    assert taped.problems == []


def test_a_trade_counts_once(taped: Taped) -> None:
    taped.take(trade("1"), trade("2"))
    assert [event.trade for event in taped.take(trade("1"), trade("2"), trade("3"))] == [3]
    assert taped.problems == [Problem.REPEATED, Problem.REPEATED]


def test_trades_without_an_id_are_all_different(taped: Taped) -> None:
    assert len(taped.take(trade(), trade())) == 2


def test_ids_are_forgotten_after_many_others(taped: Taped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT_IDS_MAX", 2)
    taped.take(trade("1"), trade("2"), trade("3"))
    assert len(taped.take(trade("3"), trade("2"), trade("1"))) == 1


def test_a_trade_before_an_earlier_one_is_dropped(taped: Taped) -> None:
    taped.take(trade("1", at_ms=10))
    assert taped.take(trade("2", at_ms=9)) == []
    assert len(taped.take(trade("3", at_ms=10))) == 1
    assert taped.problems == [Problem.DISORDERED]


def test_the_past_and_the_future_are_dropped(taped: Taped) -> None:
    assert taped.take(trade("1", at_ms=-1), trade("2", at_ms=CLOCK_SKEW_MS_MAX + 1)) == []
    assert taped.problems == [Problem.OLD, Problem.AHEAD]
    assert [event.time_ms for event in taped.take(trade("3", at_ms=0))] == [START_MS]


def test_a_late_trade_counts_when_it_comes(taped: Taped) -> None:
    events = taped.take(trade("1", at_ms=10), trade("2", at_ms=60), now_ms=1050, over_ms=50)
    assert [event.time_ms - START_MS for event in events] == [50, 60]
    assert taped.problems == [Problem.LATE]


def test_a_trade_without_a_time_happens_now(taped: Taped) -> None:
    assert [event.time_ms for event in taped.take(trade("1", at_ms=None), now_ms=7)] == [START_MS + 7]


@pytest.mark.parametrize(
    ("price", "quantity"),
    [("100.001", "1"), ("100", "0.000000001"), ("0", "1"), ("100", "0.00"), ("-1", "1"), ("", "1"), ("100", "many")],
)
def test_numbers_that_do_not_fit_are_dropped(taped: Taped, price: str, quantity: str) -> None:
    assert taped.take(trade("1", price, quantity)) == []
    assert taped.problems == [Problem.INVALID]
    assert [event.trade for event in taped.take(trade("2"))] == [1]


def test_where_nobody_says_who_took_a_price_that_falls_was_sold_at(taped: Taped) -> None:
    prices = ["100", "101", "101", "99", "99"]
    events = taped.take(*(trade(str(n), price, side=None) for n, price in enumerate(prices)))
    assert [event.side for event in events] == [Side.BUY, Side.BUY, Side.BUY, Side.SELL, Side.BUY]
