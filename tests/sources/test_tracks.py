from pathlib import Path

import pytest

from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.messages import Trade
from finalex.sources.recordings import open_recordings
from finalex.sources.tracks import PAUSE_MS, Cue, Opened, play
from support.binance import START_MS, line, snapshot, trade, write

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Folder:
    """Recordings of trades in a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []

    def add(self, *at_ms: int, symbol: str = "BTCUSDT") -> None:
        name = f"{len(self._names)}.gz"
        self._names.append(str(self._path / name))
        write(self._path / name, [trade(n, at_ms=at, symbol=symbol) for n, at in enumerate(at_ms, 1)])

    def play(self, after_ms: int = 0) -> list[Cue]:
        return list(play(open_recordings(",".join(self._names), DEFAULT_INSTRUMENTS), after_ms))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def trades(cues: list[Cue]) -> list[tuple[str, int]]:
    """Return the symbol and the moved time after the start of every trade."""
    return [
        (next(iter(cue.recording.markets)), cue.content.traded_ms + cue.move_ms - START_MS)
        for cue in cues
        if isinstance(cue.content, Trade)
    ]


def opened(cues: list[Cue]) -> list[bool]:
    return [cue.content.continues for cue in cues if isinstance(cue.content, Opened)]


def test_a_file_is_played_as_it_is(folder: Folder) -> None:
    folder.add(0, 100, 250)
    cues = folder.play()
    assert [type(cue.content) for cue in cues] == [Opened, Trade, Trade, Trade]
    assert [cue.number for cue in cues] == [0, 1, 2, 3]
    assert [cue.clock_ms - START_MS for cue in cues] == [0, 0, 100, 250]
    assert [cue.due_ms - cues[0].due_ms for cue in cues] == [0, 0, 100, 250]
    assert opened(cues) == [False]


def test_the_clock_is_the_latest_time_so_far_and_lines_without_time_keep_it(tmp_path: Path) -> None:
    lines = [trade(1, at_ms=10), trade(2, at_ms=5), snapshot(7, at_ms=400), b"x\n", trade(3, at_ms=500, late_ms=200)]
    path = write(tmp_path / "recording", [*lines, line({"stream": "x@y", "data": {}}, 900)])
    cues = list(play(open_recordings(str(path), DEFAULT_INSTRUMENTS)))
    assert [cue.clock_ms - START_MS for cue in cues] == [10, 10, 10, 10, 10, 500, 500]
    assert [cue.due_ms - cues[0].due_ms for cue in cues] == [0, 0, -5, 390, 390, 490, 890]


def test_files_of_one_symbol_that_were_cut_go_on(folder: Folder) -> None:
    folder.add(0, 100)
    folder.add(90, 300)
    cues = folder.play()
    assert opened(cues) == [False, True]
    assert trades(cues) == [("BTCUSDT", at) for at in (0, 100, 90, 300)]
    assert [cue.clock_ms - START_MS for cue in cues] == [0, 0, 100, 100, 100, 300]


@pytest.mark.parametrize("gap_ms", [HOUR_MS, -1_000])
def test_files_go_on_across_a_small_gap(folder: Folder, gap_ms: int) -> None:
    folder.add(0, 100)
    folder.add(100 + gap_ms)
    assert opened(folder.play()) == [False, True]


@pytest.mark.parametrize("start_ms", [-20 * DAY_MS + 70, 20 * DAY_MS + 70, HOUR_MS + 5_001, 3_999, 0])
def test_a_file_that_does_not_go_on_follows_moved_by_whole_minutes(folder: Folder, start_ms: int) -> None:
    folder.add(0, 5_000)
    folder.add(start_ms, start_ms + 7)
    cues = folder.play()
    first_ms, second_ms = (at for _, at in trades(cues)[2:])
    assert opened(cues) == [False, False]
    assert 5_000 + PAUSE_MS <= first_ms < 5_000 + PAUSE_MS + MINUTE_MS
    assert (first_ms - start_ms) % MINUTE_MS == 0
    assert second_ms - first_ms == 7


def test_symbols_of_the_same_time_are_played_together_in_order_of_time(folder: Folder) -> None:
    folder.add(0, 200, 400)
    folder.add(100, 200, 300, symbol="ETHUSDT")
    expected = [("BTCUSDT", 0), ("ETHUSDT", 100), ("BTCUSDT", 200), ("ETHUSDT", 200), ("ETHUSDT", 300)]
    assert trades(folder.play()) == [*expected, ("BTCUSDT", 400)]


def test_symbols_of_other_days_are_moved_beside_the_first_by_whole_minutes(folder: Folder) -> None:
    folder.add(0, 70_000)
    folder.add(-30 * DAY_MS + 20, symbol="ETHUSDT")
    folder.add(30 * DAY_MS + 20, symbol="SOLUSDT")
    assert trades(folder.play()) == [("BTCUSDT", 0), ("ETHUSDT", 20), ("SOLUSDT", 20), ("BTCUSDT", 70_000)]


@pytest.mark.parametrize("after_ms", [-DAY_MS, 1, 61_000, 10 * DAY_MS])
def test_another_round_is_moved_as_a_whole_by_whole_minutes(folder: Folder, after_ms: int) -> None:
    folder.add(7, 5_000)
    folder.add(20, symbol="ETHUSDT")
    (_, first_ms), (_, second_ms), (_, third_ms) = trades(folder.play(START_MS + after_ms))
    assert after_ms <= first_ms < after_ms + MINUTE_MS
    assert (first_ms - 7) % MINUTE_MS == 0
    assert (second_ms - first_ms, third_ms - first_ms) == (13, 4_993)
