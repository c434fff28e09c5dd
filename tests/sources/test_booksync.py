import pytest

from finalex.model.events import BookReset, BookWithdrawn, LevelsChanged
from finalex.sources import booksync
from finalex.sources.messages import DepthUpdate, LevelText
from finalex.sources.reports import Problem
from support.booksync import SYMBOL, Reader


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_there_is_no_book_before_a_snapshot(reader: Reader) -> None:
    reader.spot(1, 5, ("100", "1"))
    assert reader.events == []
    assert reader.sync.update_id is None


def test_a_snapshot_is_the_book_best_first_without_empty_levels(reader: Reader) -> None:
    reader.snapshot(7, [("99", "1"), ("100", "2"), ("98", "0")], [("102", "1"), ("101", "3")], at=5)
    assert reader.events == [
        BookReset(
            symbol=SYMBOL,
            bids=[(10_000, 200_000_000), (9_900, 100_000_000)],
            asks=[(10_100, 300_000_000), (10_200, 100_000_000)],
            time_ms=5,
        )
    ]
    assert reader.sync.update_id == 7


def test_spot_updates_before_the_snapshot_are_dropped_or_applied_after_it(reader: Reader) -> None:
    reader.spot(1, 5, ("1", "1"))
    reader.spot(6, 10, ("2", "1"))
    reader.spot(11, 15, ("3", "1"))
    reader.spot(16, 20, ("4", "1"))
    reader.snapshot(12, [("9", "1")])
    assert reader.bids() == {900: 10**8, 300: 10**8, 400: 10**8}
    assert reader.sync.update_id == 20
    assert reader.problems == []


def test_futures_updates_before_the_snapshot_are_dropped_or_applied_after_it(reader: Reader) -> None:
    reader.futures(3, 5, 1, ("1", "1"))
    reader.futures(8, 10, 5, ("2", "1"))
    reader.futures(14, 20, 10, ("3", "1"))
    reader.snapshot(10, [("9", "1")])
    assert reader.bids() == {900: 10**8, 200: 10**8, 300: 10**8}
    assert reader.sync.update_id == 20
    assert reader.problems == []


def test_the_first_update_may_come_after_the_snapshot_and_reach_back_before_it(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(4, 10, ("1", "1"))
    reader.spot(8, 12, ("2", "1"))
    assert reader.bids() == {200: 10**8}
    assert reader.problems == []


def test_an_update_changes_several_levels_together(reader: Reader) -> None:
    reader.snapshot(10, [("2", "1")], [("5", "1")])
    update = DepthUpdate(SYMBOL, 1, 11, 12, [("2", "0"), ("1", "3")], [("4", "1.5")])
    events = reader.sync.take_update(update, 9)
    changes = [("buy", 200, 0), ("buy", 100, 300_000_000), ("sell", 400, 150_000_000)]
    assert events == [LevelsChanged(symbol=SYMBOL, changes=changes, time_ms=9)]  # type: ignore[arg-type]


@pytest.mark.parametrize("first", [12, 100])
def test_a_gap_between_snapshot_and_first_update_withdraws_the_book(reader: Reader, first: int) -> None:
    reader.snapshot(10)
    reader.spot(first, 100, ("1", "1"))
    assert reader.bids() is None
    assert reader.problems == [Problem.GAP]


def test_a_gap_in_the_spot_chain_withdraws_the_book(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12)
    reader.spot(14, 15)
    assert isinstance(reader.events[-1], BookWithdrawn)
    assert reader.sync.update_id is None
    assert reader.problems == [Problem.GAP]


def test_a_gap_in_the_futures_chain_withdraws_the_book_however_near_the_ids_are(reader: Reader) -> None:
    reader.snapshot(10)
    reader.futures(9, 12, 8)
    reader.futures(13, 15, 11)
    assert isinstance(reader.events[-1], BookWithdrawn)
    assert reader.problems == [Problem.GAP]


def test_ids_may_jump_in_futures_when_the_previous_id_is_right(reader: Reader) -> None:
    reader.snapshot(10)
    reader.futures(9, 12, 8)
    reader.futures(500, 510, 12, ("1", "1"))
    assert reader.bids() == {100: 10**8}
    assert reader.problems == []


def test_a_repeated_update_changes_nothing_but_is_reported(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12, ("1", "1"))
    reader.spot(13, 14, ("1", "2"))
    reader.spot(11, 12, ("1", "1"))
    reader.spot(15, 16, ("2", "1"))
    assert reader.bids() == {100: 2 * 10**8, 200: 10**8}
    assert reader.problems == [Problem.REPEATED]


def test_updates_from_before_a_snapshot_apply_again_after_it(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12, ("1", "1"))
    reader.withdraw()
    reader.snapshot(10)
    reader.spot(11, 12, ("1", "2"))
    reader.spot(13, 14, ("2", "2"))
    assert reader.bids() == {100: 2 * 10**8, 200: 2 * 10**8}
    assert reader.problems == []


def test_an_update_without_levels_only_moves_the_chain_on(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12)
    assert len(reader.events) == 1
    assert reader.sync.update_id == 12


def test_updates_out_of_order_withdraw_the_book(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12)
    reader.spot(15, 16)
    reader.spot(13, 14)
    assert reader.bids() is None
    assert reader.problems == [Problem.GAP]


def test_an_older_update_that_was_never_applied_shows_that_the_book_is_wrong(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 500_000)
    reader.spot(13, 14)
    assert reader.bids() is None
    assert reader.problems == [Problem.GAP]


def test_the_next_snapshot_brings_the_book_back_with_what_came_since_the_gap(reader: Reader) -> None:
    reader.snapshot(10, [("1", "1")])
    reader.spot(11, 12, ("2", "1"))
    reader.spot(14, 15, ("3", "1"))
    reader.spot(16, 17, ("4", "1"))
    reader.snapshot(15, [("9", "1")])
    assert reader.bids() == {900: 10**8, 400: 10**8}
    reader.spot(18, 18, ("5", "1"))
    assert reader.sync.update_id == 18


def test_a_snapshot_that_does_not_reach_the_waiting_updates_is_of_no_use(reader: Reader) -> None:
    reader.spot(20, 25, ("1", "1"))
    reader.snapshot(15)
    assert reader.events == []
    assert reader.problems == [Problem.GAP]
    reader.snapshot(22)
    assert reader.bids() == {100: 10**8}


def test_a_gap_among_the_waiting_updates_withdraws_the_book_again(reader: Reader) -> None:
    reader.spot(9, 11)
    reader.spot(14, 15)
    reader.snapshot(10)
    assert [type(event) for event in reader.events] == [BookReset, BookWithdrawn]
    assert reader.problems == [Problem.GAP]


def test_a_snapshot_older_than_the_book_is_ignored(reader: Reader) -> None:
    reader.snapshot(10, [("1", "1")])
    reader.spot(11, 20, ("2", "1"))
    reader.snapshot(15, [("9", "1")])
    assert reader.bids() == {100: 10**8, 200: 10**8}
    assert reader.problems == [Problem.REPEATED]


def test_a_newer_snapshot_replaces_the_book(reader: Reader) -> None:
    reader.snapshot(10, [("1", "1")])
    reader.spot(11, 20, ("2", "1"))
    reader.snapshot(30, [("9", "1")])
    reader.spot(21, 29, ("3", "1"))
    reader.spot(30, 31, ("4", "1"))
    assert reader.bids() == {900: 10**8, 400: 10**8}
    assert reader.problems == []


def test_a_snapshot_that_the_updates_never_reach_is_not_believed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booksync, "UPDATES_SKIPPED_MAX", 3)
    reader.snapshot(10**12)
    for number in range(4):
        reader.spot(number, number)
    assert reader.bids() is None
    assert reader.problems == [Problem.GAP]


def test_futures_do_not_go_on_where_spot_ended(reader: Reader) -> None:
    reader.snapshot(10)
    reader.spot(11, 12)
    reader.futures(13, 14, 400)
    assert reader.bids() is None
    assert reader.problems == [Problem.GAP]


@pytest.mark.parametrize("level", [("1.001", "1"), ("1", "0.000000001"), ("-1", "1"), ("x", "1"), ("1e3", "1")])
def test_a_number_that_does_not_fit_the_instrument_withdraws_the_book(reader: Reader, level: LevelText) -> None:
    reader.snapshot(10, [("1", "1")])
    reader.spot(11, 12, level)
    assert reader.bids() is None
    assert reader.problems == [Problem.INVALID]


def test_a_snapshot_that_does_not_fit_or_is_crossed_withdraws_the_book(reader: Reader) -> None:
    for bids in ([("1.001", "1")], [("5", "1")]):
        reader.snapshot(10, [("1", "1")])
        reader.snapshot(11, bids, [("5", "1")])
        assert reader.bids() is None
    assert reader.problems == [Problem.INVALID, Problem.INVALID]


def test_a_book_that_is_withdrawn_by_hand_forgets_what_waited(reader: Reader) -> None:
    reader.spot(1, 5)
    reader.withdraw()
    assert reader.events == []
    reader.snapshot(20)
    reader.withdraw()
    reader.withdraw()
    assert [type(event) for event in reader.events] == [BookReset, BookWithdrawn]


def test_only_the_newest_updates_wait_and_the_lack_of_a_snapshot_is_reported_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booksync, "LEVELS_BUFFERED_MAX", 6)
    monkeypatch.setattr(booksync, "UPDATES_WAITED", 8)
    for number in range(1, 11):
        reader.spot(number, number, (str(number), "1"))
    assert reader.problems == [Problem.NO_SNAPSHOT]
    reader.snapshot(5)
    assert reader.events == [], "the updates 6 and 7 had to go"
    reader.snapshot(7)
    assert reader.bids() == {800: 10**8, 900: 10**8, 1000: 10**8}


def test_event_times_never_go_back(reader: Reader) -> None:
    reader.snapshot(10, at=100)
    reader.spot(11, 12, ("1", "1"), at=90)
    reader.spot(13, 14, ("1", "2"), at=110)
    assert [event.time_ms for event in reader.events] == [100, 100, 110]
