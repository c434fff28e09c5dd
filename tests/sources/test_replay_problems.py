import asyncio
import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from finalex.model.events import BookReset, BookWithdrawn, LevelsChanged
from finalex.sources import reports
from support.binance import START_MS, trade, write
from support.player import MARKET, Player, kinds


@pytest.fixture
def player() -> Player:
    return Player()


def warnings(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["log_level"] == "warning"]


def test_problems_are_logged_with_file_and_line_and_counted(player: Player, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", [*MARKET[:3], b"garbage\n", trade(31), trade(33)])
    with capture_logs() as logs:
        source = player.play(path)
    torn, gap = warnings(logs)
    assert torn == {
        "event": "replay problem",
        "log_level": "warning",
        "problem": "unreadable",
        "details": "no receive time",
        "file": str(path),
        "line": 4,
        "symbol": "BTC/USDT",
    }
    assert (gap["problem"], gap["line"], gap["details"]) == ("gap", 6, "trade 33 after trade 31")
    assert (source.counts()["unreadable"], source.counts()["gap"]) == (1, 1)


def test_a_file_full_of_garbage_does_not_flood_the_log(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "WARNINGS_MAX", 3)
    bad = write(tmp_path / "a.gz", [trade(1), *[b"garbage\n"] * 10])
    good = write(tmp_path / "b.gz", [trade(2), b"garbage\n"])
    with capture_logs() as logs:
        source = player.play(f"{bad},{good}")
    assert [entry["line"] for entry in warnings(logs)] == [2, 3, 4, 5, 2]
    assert warnings(logs)[3]["event"] == "more problems of this file are only counted"
    assert source.counts()["unreadable"] == 11


def test_a_cut_file_withdraws_the_book_and_the_replay_goes_on(player: Player, tmp_path: Path) -> None:
    lines = [*MARKET[:3], *(trade(n, price=str(7919 * n), at_ms=100) for n in range(1, 3000))]
    cut = tmp_path / "a.gz"
    cut.write_bytes(gzip.compress(b"".join(lines))[:-2000])
    source = player.play(f"{cut},{write(tmp_path / 'b.gz', [trade(9000, at_ms=150)])}")
    assert source.counts()["unreadable"] == 1
    assert kinds(player.events()).count(BookWithdrawn) == 1
    assert player.trades()[-1].time_ms == START_MS + 150


def test_a_file_that_is_gone_when_its_turn_comes_is_a_problem(player: Player, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", MARKET)
    source = player.source(path)
    path.unlink()
    asyncio.run(source.run())
    assert source.counts()["unreadable"] == 1


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_nothing_that_is_in_a_file_raises_and_what_follows_is_consistent(data: st.DataObject) -> None:
    lines = list(MARKET)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(1, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[index])))
        end = data.draw(st.integers(start, min(len(lines[index]), start + 12)))
        lines[index] = lines[index][:start] + data.draw(st.binary(max_size=6)) + lines[index][end:]
    player = Player()
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        player.play(write(Path(folder) / "a", lines))
    check_consistent(player)


@settings(deadline=None, max_examples=200)
@given(lines=st.lists(st.sampled_from(MARKET), max_size=30))
def test_lines_in_any_order_make_a_consistent_market(lines: list[bytes]) -> None:
    player = Player()
    with tempfile.TemporaryDirectory() as folder, capture_logs():
        player.play(write(Path(folder) / "a", [trade(1), *lines]))
    check_consistent(player)


def check_consistent(player: Player) -> None:
    """Time never goes back, trades count up by one, and a book changes only while there is one."""
    times = [batch.time_ms for batch in player.batches]
    assert times == sorted(times)
    trades = player.trades()
    assert [trade.trade for trade in trades] == list(range(1, len(trades) + 1))
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)
    book = False
    for event in player.events():
        assert book or not isinstance(event, LevelsChanged | BookWithdrawn)
        book = isinstance(event, BookReset) or (book and not isinstance(event, BookWithdrawn))
