"""Views that were saved and loaded go on as those that were not."""

from typing import TypeVar

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.market.candles import Candles
from finalex.market.depth import DepthBook
from finalex.market.intervals import INTERVALS
from finalex.market.ticker import RollingDay
from finalex.market.trades import Tape
from finalex.model.events import Traded
from finalex.model.orders import Side
from market.strategies import Adjust, Move, Operation, Raw, Reset, Withdraw, operations

DEPTHS = (1, 2, 3, 5, 8)
START_MS = 1_709_164_799_000
"""2024-02-28 23:59:59: the end of a month is near."""

GAPS_MS = st.sampled_from((0, 1, 900, 30_000, 60_000, 7_200_000, 86_400_000, 40 * 86_400_000))
TRADES = st.lists(st.tuples(GAPS_MS, st.integers(1, 9), st.integers(1, 5), st.integers(-70_000, 70_000)), max_size=40)

T = TypeVar("T")


def copied(saved: T) -> T:
    """Return what was saved as it is read back."""
    decoded: T = msgspec.json.decode(msgspec.json.encode(saved), type=type(saved))
    return decoded


def carry_out(book: DepthBook, operation: Operation, now_ms: int) -> object:
    """Carry out an operation and return all that shows of it."""
    changes: object = None
    match operation:
        case Reset(target):
            changes = book.reset(target[Side.BUY].items(), target[Side.SELL].items(), now_ms)
        case Withdraw():
            changes = book.withdraw(now_ms)
        case Adjust(side, price, delta):
            change = book.adjust(side, price, delta, now_ms)
            changes = change and [book.updates([change], index) for index in book.moved]
        case Raw(levels):
            changed = book.change(levels, now_ms)
            changes = changed and [book.updates(changed, index) for index in book.moved]
        case Move(target):
            changed = book.change([(s, p, q) for s in Side for p, q in target[s].items()], now_ms)
            changes = changed and [book.updates(changed, index) for index in book.moved]
    sides = [(side.best, side.levels(100)) for side in (book.bids, book.asks)]
    return changes, sides, book.sequences, book.changed_ms, list(book.moved), book.stale


@given(st.lists(operations(8), max_size=30), st.integers(0, 30))
@settings(deadline=None)
def test_a_book_goes_on_identically_from_any_point(drawn: list[Operation], cut: int) -> None:
    living, loaded = DepthBook(DEPTHS), DepthBook(DEPTHS)
    for number, operation in enumerate(drawn):
        assert carry_out(loaded, operation, number) == carry_out(living, operation, number)
        if number == cut:
            loaded = DepthBook(DEPTHS)
            loaded.load(copied(living.save()))
    assert msgspec.json.encode(loaded.save()) == msgspec.json.encode(living.save())


def test_the_stream_of_a_new_depth_starts_at_zero() -> None:
    book, other = DepthBook((1, 3)), DepthBook((1, 2))
    for price in (1, 2, 3):
        book.adjust(Side.BUY, price, 1, now_ms := 7)
    assert book.sequences == [5, 3]
    other.load(book.save())
    assert (other.sequences, other.changed_ms) == ([5, 0], [now_ms, 0])
    assert other.bids.levels(5) == [(3, 1), (2, 1), (1, 1)]


@given(TRADES, st.integers(0, 40))
@settings(deadline=None)
def test_candles_go_on_identically_from_any_point(drawn: list[tuple[int, int, int, int]], cut: int) -> None:
    living, loaded, now_ms = Candles(5), Candles(5), START_MS
    for number, (gap_ms, price, quantity, ahead_ms) in enumerate(drawn):
        now_ms += gap_ms
        assert loaded.advance(now_ms, number) == living.advance(now_ms, number)
        if quantity > 1:
            trade = (price, quantity * 2**62, now_ms + ahead_ms, number)
            assert loaded.add(*trade) == living.add(*trade)
        if number == cut:
            loaded = Candles(5)
            loaded.load(copied(living.save()))
        for interval in INTERVALS:
            assert loaded.current(interval) == living.current(interval)
            assert loaded.history(interval, 10) == living.history(interval, 10)
        assert loaded.late_trades == living.late_trades
    assert msgspec.json.encode(loaded.save()) == msgspec.json.encode(living.save())


def test_candles_without_trades_know_the_clock() -> None:
    candles, loaded = Candles(5), Candles(5)
    candles.advance(START_MS, 1)
    loaded.load(copied(candles.save()))
    assert loaded.current("1m") is None
    loaded.add(5, 1, START_MS - 86_400_000, 2)
    current = loaded.current("1m")
    assert current is not None
    assert current.close_ms > START_MS


@given(TRADES, st.integers(0, 40))
@settings(deadline=None)
def test_a_day_goes_on_identically_from_any_point(drawn: list[tuple[int, int, int, int]], cut: int) -> None:
    living, loaded, now_ms = RollingDay(), RollingDay(), START_MS
    for number, (gap_ms, price, quantity, ahead_ms) in enumerate(drawn):
        now_ms += min(gap_ms, 20 * 3_600_000)
        assert loaded.roll(now_ms) == living.roll(now_ms)
        if quantity > 1:
            for day in (living, loaded):
                day.add(price, quantity * 2**62, now_ms + ahead_ms)
        if number == cut:
            loaded = RollingDay()
            loaded.load(copied(living.save()))
        assert shown(loaded) == shown(living)
    assert msgspec.json.encode(loaded.save()) == msgspec.json.encode(living.save())


def shown(day: RollingDay) -> tuple[int, ...]:
    return day.last, day.open, day.high, day.low, day.volume, day.value


def test_a_tape_keeps_its_trades_and_its_length() -> None:
    trades = [Traded(symbol="A/B", trade=n, price=n, quantity=1, side=Side.BUY, time_ms=n) for n in range(5)]
    tape, loaded = Tape(3), Tape(3)
    for trade in trades[:4]:
        tape.add(trade)
    loaded.load(msgspec.json.decode(msgspec.json.encode(tape.save()), type=list[Traded]))
    loaded.add(trades[4])
    assert loaded.last(10) == trades[2:]
    assert tape.last(10) == trades[1:4]
