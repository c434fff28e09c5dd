import pytest

from finalex.model.events import Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.sources.messages import Trade
from finalex.sources.reports import Problem
from finalex.sources.tradesync import TradeSync


class Reader:
    """A `TradeSync`, the trades that it let through, and what it reported."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.trades: list[Traded] = []
        self.sync = TradeSync(DEFAULT_INSTRUMENTS["BTC/USDT"], lambda problem, _: self.problems.append(problem))

    def trade(
        self, number: int, at: int = 0, *, price: str = "1", quantity: str = "1", over: int = 0, kind: str = "MARKET"
    ) -> None:
        trade = Trade("BTCUSDT", 1, 1, number, price, quantity, True, kind)
        for event in self.sync.take_trade(trade, at, over):
            assert isinstance(event, Traded)
            self.trades.append(event)

    def numbers(self) -> list[int]:
        return [trade.trade for trade in self.trades]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(("buyer_is_maker", "side"), [(True, Side.SELL), (False, Side.BUY)])
def test_the_taker_sold_when_the_buyer_was_the_maker(reader: Reader, buyer_is_maker: bool, side: Side) -> None:
    trade = Trade("BTCUSDT", 1, 1, 17, "61837.63000000", "0.02000000", buyer_is_maker)
    assert reader.sync.take_trade(trade, 5, 0) == [
        Traded(symbol="BTC/USDT", trade=1, price=6_183_763, quantity=2_000_000, side=side, time_ms=5)
    ]


def test_numbers_grow_by_one_whatever_the_ids_are(reader: Reader) -> None:
    for number in (17, 18, 25, 26):
        reader.trade(number)
    assert reader.numbers() == [1, 2, 3, 4]
    assert reader.problems == [Problem.GAP]


def test_what_is_no_market_trade_is_left_out_and_leaves_no_gap(reader: Reader) -> None:
    reader.trade(17)
    reader.trade(18, kind="INSURANCE_FUND")
    reader.trade(19)
    assert reader.numbers() == [1, 2]
    assert reader.problems == []


def test_a_repeated_trade_counts_once(reader: Reader) -> None:
    for number in (17, 18, 17, 18, 19):
        reader.trade(number)
    assert reader.numbers() == [1, 2, 3]
    assert reader.problems == [Problem.REPEATED, Problem.REPEATED]


def test_trades_go_on_after_an_id_that_cannot_be(reader: Reader) -> None:
    for number in (17, 18_000, 19, 20):
        reader.trade(number)
    assert reader.numbers() == [1, 2, 3, 4]
    assert reader.problems == [Problem.GAP, Problem.GAP]


def test_another_recording_has_ids_of_its_own(reader: Reader) -> None:
    reader.trade(17)
    reader.sync.restart()
    reader.trade(17)
    reader.trade(18)
    assert reader.numbers() == [1, 2, 3]
    assert reader.problems == []


@pytest.mark.parametrize(("price", "quantity"), [("1.001", "1"), ("1", "x"), ("0", "1"), ("1", "0")])
def test_a_trade_with_a_number_that_cannot_be_is_left_out(reader: Reader, price: str, quantity: str) -> None:
    reader.trade(17, price=price, quantity=quantity)
    assert reader.trades == []
    assert reader.problems == [Problem.INVALID]


def test_times_never_go_back(reader: Reader) -> None:
    for number, at in enumerate((5, 7, 6, 8)):
        reader.trade(number, at)
    assert [trade.time_ms for trade in reader.trades] == [5, 7, 7, 8]
    assert reader.problems == [Problem.LATE]


def test_a_trade_is_never_of_a_time_that_is_over(reader: Reader) -> None:
    reader.trade(17, 50, over=50)
    reader.trade(18, 59, over=60)
    assert [trade.time_ms for trade in reader.trades] == [50, 60]
    assert reader.problems == [Problem.LATE]
