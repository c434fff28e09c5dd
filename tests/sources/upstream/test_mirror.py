"""The mirror of a book: events that add up to what the exchange shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged
from finalex.model.orders import Side
from finalex.sources.upstream.mirror import CLOCK_SKEW_MS_MAX, LEVELS_MAX, Mirror
from finalex.sources.upstream.port import LevelText, MarketBook
from finalex.sources.upstream.problems import Problem
from sources.upstream.playing import BTC, START_MS, Reader, book

UNIT = 10**8


class Mirrored:
    """A mirror, the book that its events make, and what it reported."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.reader = Reader()
        self.mirror = Mirror(BTC, lambda problem, _: self.problems.append(problem))

    def take(self, shown: MarketBook, at_ms: int = 0) -> list[AnyEvent]:
        return self._note(self.mirror.take(shown, START_MS + at_ms))

    def withdraw(self, at_ms: int = 0) -> list[AnyEvent]:
        return self._note(self.mirror.withdraw("a test", START_MS + at_ms))

    def _note(self, events: list[AnyEvent]) -> list[AnyEvent]:
        self.reader.read(events)
        return events


@pytest.fixture
def mirrored() -> Mirrored:
    return Mirrored()


def test_the_first_book_replaces_everything(mirrored: Mirrored) -> None:
    assert not mirrored.mirror.live
    shown = book(("100", "1"), ("99.5", "2"), asks=[("100.01", "3")], at_ms=-5)
    assert mirrored.take(shown) == [
        BookReset(
            symbol="BTC/USDT", bids=[(100_00, UNIT), (99_50, 2 * UNIT)], asks=[(100_01, 3 * UNIT)], time_ms=START_MS - 5
        )
    ]
    assert mirrored.mirror.live


def test_later_books_say_what_changed(mirrored: Mirrored) -> None:
    mirrored.take(book(("100", "1"), ("99", "2"), asks=[("101", "3")]))
    [event] = mirrored.take(book(("100", "1.5"), ("98", "1"), asks=[("101", "3")]))
    assert isinstance(event, LevelsChanged)
    assert sorted(event.changes) == [
        (Side.BUY, 98_00, UNIT),
        (Side.BUY, 99_00, 0),
        (Side.BUY, 100_00, 3 * UNIT // 2),
    ]


def test_a_book_that_stays_the_same_is_no_event(mirrored: Mirrored) -> None:
    mirrored.take(book(("100", "1")))
    assert mirrored.take(book(("100.00", "1.0"))) == []


def test_levels_of_one_price_add_up_and_empty_ones_are_none(mirrored: Mirrored) -> None:
    [event] = mirrored.take(book(("100", "1"), ("100", "0.5"), ("99", "0")))
    assert isinstance(event, BookReset)
    assert event.bids == [(100_00, 3 * UNIT // 2)]


def test_the_best_levels_are_mirrored(mirrored: Mirrored) -> None:
    [event] = mirrored.take(book(*((f"{5000 - n}", "1") for n in range(LEVELS_MAX + 5))))
    assert isinstance(event, BookReset)
    assert len(event.bids) == LEVELS_MAX


@pytest.mark.parametrize(
    "wrong",
    [
        book(("100", "1"), asks=[("100", "1")]),
        book(("100", "1"), asks=[("99", "1")]),
        book(),
        book(("100.001", "1")),
        book(("100", "0.000000001")),
        book(("100", "-1")),
        book(("abc", "1")),
        book(("100", "not a number: None")),
    ],
)
def test_a_book_that_cannot_be_is_withdrawn_until_the_next(mirrored: Mirrored, wrong: MarketBook) -> None:
    mirrored.take(book(("100", "1")))
    assert [type(event) for event in mirrored.take(wrong)] == [BookWithdrawn]
    assert mirrored.take(wrong) == []
    assert not mirrored.mirror.live
    assert [type(event) for event in mirrored.take(book(("100", "1")))] == [BookReset]
    assert mirrored.problems == [Problem.INVALID, Problem.INVALID]


def test_an_older_book_is_dropped(mirrored: Mirrored) -> None:
    mirrored.take(book(("100", "1"), number=7))
    assert mirrored.take(book(("99", "1"), number=6)) == []
    assert mirrored.problems == [Problem.REPEATED]
    assert mirrored.take(book(("100", "2"), number=7)) != []


def test_after_a_withdrawal_numbers_may_begin_again(mirrored: Mirrored) -> None:
    mirrored.take(book(("100", "1"), number=7))
    assert [type(event) for event in mirrored.withdraw()] == [BookWithdrawn]
    assert mirrored.withdraw() == []
    assert [type(event) for event in mirrored.take(book(("100", "1"), number=1))] == [BookReset]
    assert mirrored.problems == []


def test_times_are_the_exchanges_and_never_go_back(mirrored: Mirrored) -> None:
    skew_ms = CLOCK_SKEW_MS_MAX
    times = [
        event.time_ms - START_MS
        for event in (
            *mirrored.take(book(("100", "1"), at_ms=100), at_ms=200),
            *mirrored.take(book(("100", "2"), at_ms=50), at_ms=300),
            *mirrored.take(book(("100", "3"), at_ms=400 + skew_ms + 1), at_ms=400),
            *mirrored.take(book(("100", "4")), at_ms=500),
            *mirrored.withdraw(at_ms=600),
        )
    ]
    assert times == [100, 100, 400, 500, 600]


_side = st.lists(st.integers(0, 3), max_size=5)
"""The quantities of a side, from the middle outwards."""


@given(st.lists(st.none() | st.tuples(_side, _side), max_size=6))
def test_the_events_always_add_up_to_the_book_that_is_shown(shown: list[tuple[list[int], list[int]] | None]) -> None:
    mirrored = Mirrored()
    for sides in shown:
        if sides is None:
            mirrored.withdraw()
            assert mirrored.reader.levels is None
            continue
        bids, asks = (
            {1000 + sign * (n + 1): q for n, q in enumerate(qs)} for sign, qs in zip((-1, 1), sides, strict=True)
        )
        mirrored.take(MarketBook(levels(bids), levels(asks)))
        expected = {(Side.BUY, price * 100): quantity * UNIT for price, quantity in bids.items() if quantity}
        expected |= {(Side.SELL, price * 100): quantity * UNIT for price, quantity in asks.items() if quantity}
        assert mirrored.reader.levels == (expected or None)


def levels(quantities: dict[int, int]) -> list[LevelText]:
    return [(str(price), str(quantity)) for price, quantity in quantities.items()]
