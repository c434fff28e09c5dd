from pathlib import Path

import pytest

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.feed import Feeds
from finalex.sources.recorded import ALLOWED_LATENESS_MS
from finalex.sources.recordings import open_recordings
from finalex.sources.reports import Problem
from finalex.sources.tracks import play
from support.binance import START_MS, snapshot, trade, update, write

BID, ASK = [("99", "1")], [("101", "1")]


class Reader:
    """Plays lines through the feed of one symbol."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[Problem] = []
        self.path = folder / "recording"
        self._feeds: Feeds | None = None

    def play(self, *lines: bytes) -> list[AnyEvent]:
        recordings = open_recordings(str(write(self.path, lines)), DEFAULT_INSTRUMENTS)
        self._feeds = self._feeds or Feeds(
            recordings, DEFAULT_INSTRUMENTS, lambda _, kind, __: self.problems.append(kind)
        )
        return [
            event for cue in play(recordings) for event in self._feeds.take(cue, cue.clock_ms - ALLOWED_LATENESS_MS)
        ]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def kinds(events: list[AnyEvent]) -> list[type[AnyEvent]]:
    return [type(event) for event in events]


def test_the_messages_of_a_market_become_events(reader: Reader) -> None:
    lines = [update(1, 5), snapshot(5, bids=BID, asks=ASK), update(6, 7, bids=BID, at_ms=100), trade(1, at_ms=120)]
    events = reader.play(*lines)
    assert kinds(events) == [BookReset, LevelsChanged, Traded]
    assert [event.time_ms - START_MS for event in events] == [0, 100, 120]
    assert reader.problems == []


def test_a_torn_update_withdraws_the_book_until_the_next_snapshot(reader: Reader) -> None:
    events = reader.play(
        update(1, 5),
        snapshot(5, bids=BID),
        update(6, 7, bids=BID)[:60] + b"\n",
        update(8, 9, bids=BID),
        update(10, 11, bids=BID),
        snapshot(9, bids=BID),
        update(12, 13, bids=BID),
    )
    assert kinds(events) == [BookReset, BookWithdrawn, BookReset, LevelsChanged, LevelsChanged]
    assert reader.problems == [Problem.UNREADABLE]


def test_a_torn_trade_leaves_the_book_alone_and_is_missed(reader: Reader) -> None:
    lines = [trade(1), update(1, 5), snapshot(5, bids=BID), trade(2)[:60] + b"\n", update(6, 7, bids=BID), trade(3)]
    assert kinds(reader.play(*lines)) == [Traded, BookReset, LevelsChanged, Traded]
    assert reader.problems == [Problem.UNREADABLE, Problem.GAP]


def test_a_message_of_another_symbol_is_ignored(reader: Reader) -> None:
    foreign = update(6, 7, bids=BID).replace(b"BTCUSDT", b"ETHUSDT")
    events = reader.play(update(1, 5), snapshot(5, bids=BID), foreign, trade(1, symbol="ETHUSDT"), update(6, 7))
    assert kinds(events) == [BookReset]
    assert reader.problems == [Problem.FOREIGN, Problem.FOREIGN]


def test_another_recording_withdraws_the_book_and_counts_trades_on(reader: Reader) -> None:
    reader.play(trade(70), update(1, 5), snapshot(5, bids=BID))
    events = reader.play(trade(10), update(6, 7, bids=BID), snapshot(5, bids=BID), update(8, 9, bids=BID))
    assert kinds(events) == [BookWithdrawn, Traded, BookReset, LevelsChanged, LevelsChanged]
    assert isinstance(events[1], Traded)
    assert events[1].trade == 2
    assert reader.problems == []


def test_a_trade_may_come_as_late_as_allowed(reader: Reader) -> None:
    late_ms = ALLOWED_LATENESS_MS
    events = reader.play(trade(1, at_ms=5_000), trade(2, at_ms=7_000, late_ms=late_ms), trade(3, at_ms=8_001))
    assert [event.time_ms - START_MS for event in events] == [5_000, 7_000 - late_ms, 8_001]
    assert reader.problems == []
    events = reader.play(trade(1, at_ms=10_000), trade(2, at_ms=12_000, late_ms=late_ms + 1))
    assert [event.time_ms - START_MS for event in events] == [10_000, 12_000 - late_ms]
    assert reader.problems == [Problem.LATE]
