"""The tape keeps the last trades."""

from finalex.market.trades import Tape
from finalex.model.events import Traded
from finalex.model.orders import Side


def tape_of(*numbers: int) -> Tape:
    """Return a tape that keeps three trades."""
    tape = Tape(trades_max=3)
    for number in numbers:
        tape.add(Traded(symbol="BTC/USDT", trade=number, price=1, quantity=1, side=Side.BUY, time_ms=number))
    return tape


def numbers(trades: list[Traded] | None) -> list[int] | None:
    return None if trades is None else [trade.trade for trade in trades]


def test_the_last_trades_come_oldest_first() -> None:
    tape = tape_of(*range(1, 6))
    assert [trade.trade for trade in tape.last(2)] == [4, 5]
    assert [trade.trade for trade in tape.last(9)] == [3, 4, 5]
    assert tape.last(0) == []


def test_it_tells_all_trades_since_one_or_nothing() -> None:
    tape = tape_of(*range(1, 6))
    assert tape.number == 5
    assert [numbers(tape.since(number)) for number in range(6)] == [None, None, [3, 4, 5], [4, 5], [5], []]


def test_an_empty_tape_begins_at_zero() -> None:
    assert (tape_of().number, tape_of().since(0)) == (0, [])


def test_a_gap_in_the_numbers_is_nothing_that_can_be_told() -> None:
    assert numbers(tape_of(1, 2, 7).since(2)) is None
