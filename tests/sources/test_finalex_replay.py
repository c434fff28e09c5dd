"""What a recording of this platform becomes when it is played."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged, Traded
from finalex.model.orders import Side
from finalex.sources.recorded import ALLOWED_LATENESS_MS
from finalex.sources.replay import ReplaySource
from finalex.sources.reports import Problem
from support import binance
from support.player import Player, kinds
from support.streams import START_MS, connected, disconnected, kline, snapshot, started, ticker, trade, update

BIDS, ASKS = [("99.00", "1.00000000")], [("101.00", "1.00000000")]
MARKET = [
    started("BTC/USDT"),
    connected(),
    snapshot(10, bids=BIDS, asks=ASKS, at_ms=0),
    trade(71, at_ms=100),
    update(11, "buy", "99.00", "0.50000000", at_ms=100),
    update(12, "sell", "101.00", "0.00000000", action="delete", at_ms=150),
    trade(72, side="sell", at_ms=200),
    ticker(at_ms=200),
]


class Show:
    """What was played of some lines."""

    def __init__(self, folder: Path, *lines: bytes, speed: float | None = None) -> None:
        self.player = Player()
        with capture_logs() as self.logs:
            self.source: ReplaySource = self.player.play(binance.write(folder / "recording", lines), speed=speed)
        self.events = self.player.events()
        self.problems = {problem: count for problem, count in self.source.problems.items() if count}

    def books(self) -> list[type[AnyEvent]]:
        return kinds([event for event in self.events if not isinstance(event, Traded)])


def test_books_and_trades_become_events(tmp_path: Path) -> None:
    show = Show(tmp_path, *MARKET)
    assert show.events == [
        BookReset(symbol="BTC/USDT", bids=[(9900, 10**8)], asks=[(10100, 10**8)], time_ms=START_MS),
        Traded(symbol="BTC/USDT", trade=1, price=10000, quantity=10**8, side=Side.BUY, time_ms=START_MS + 100),
        LevelsChanged(symbol="BTC/USDT", changes=[(Side.BUY, 9900, 10**8 // 2)], time_ms=START_MS + 100),
        LevelsChanged(symbol="BTC/USDT", changes=[(Side.SELL, 10100, 0)], time_ms=START_MS + 150),
        Traded(symbol="BTC/USDT", trade=2, price=10000, quantity=10**8, side=Side.SELL, time_ms=START_MS + 200),
    ]
    assert show.problems == {}


def test_books_without_a_time_are_of_the_time_so_far(tmp_path: Path) -> None:
    empty = snapshot(0, at_ms=0).replace(b'"timestamp":%d' % START_MS, b'"timestamp":0')
    show = Show(
        tmp_path,
        trade(1, at_ms=50),
        empty,
        update(1, at_ms=60),
        empty.replace(b'"sequence":0', b'"stale":true,"sequence":2'),
    )
    assert [event.time_ms - START_MS for event in show.events] == [50, 50, 60, 60]
    assert show.problems == {}


def test_several_markets_keep_their_order(tmp_path: Path) -> None:
    lines = [trade(1), trade(9, symbol="ETH/USDT", at_ms=5), trade(2, at_ms=3), snapshot(1, symbol="ETH/USDT", at_ms=6)]
    show = Show(tmp_path, started("BTC/USDT", "ETH/USDT"), *lines)
    events = [event for event in show.events if isinstance(event, Traded | BookReset)]
    assert [(event.symbol, type(event)) for event in events] == [
        ("BTC/USDT", Traded),
        ("ETH/USDT", Traded),
        ("BTC/USDT", Traded),
        ("ETH/USDT", BookReset),
    ]


def test_lines_are_paced_by_their_receive_time(tmp_path: Path) -> None:
    assert sum(Show(tmp_path, *MARKET, speed=2.0).player.slept) == pytest.approx(0.1)


def test_a_missing_update_withdraws_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    missing = [snapshot(10, bids=BIDS), update(12), update(13), snapshot(13, bids=BIDS), update(14)]
    show = Show(tmp_path, *missing)
    assert show.books() == [BookReset, BookWithdrawn, BookReset, LevelsChanged]
    assert show.problems == {Problem.GAP: 1}


def test_a_gap_in_one_market_leaves_the_others_alone(tmp_path: Path) -> None:
    lines = [snapshot(10), snapshot(5, symbol="ETH/USDT"), update(12), update(6, symbol="ETH/USDT")]
    show = Show(tmp_path, started("BTC/USDT", "ETH/USDT"), *lines)
    assert show.books() == [BookReset, BookReset, BookWithdrawn, LevelsChanged]


def test_a_lost_connection_withdraws_every_book_until_its_next_snapshot(tmp_path: Path) -> None:
    both = [snapshot(10), snapshot(5, symbol="ETH/USDT")]
    again = [disconnected(10), connected(20), trade(7, at_ms=20), snapshot(2, at_ms=30), update(3, at_ms=40)]
    show = Show(tmp_path, started("BTC/USDT", "ETH/USDT"), connected(), *both, trade(5), *again)
    assert kinds(show.events) == [
        *[BookReset] * 2,
        Traded,
        *[BookWithdrawn] * 2,
        Traded,
        BookReset,
        LevelsChanged,
    ]
    assert show.problems == {Problem.HOLE: 1, Problem.GAP: 1}


def test_another_connection_is_a_hole_also_without_a_mark(tmp_path: Path) -> None:
    show = Show(tmp_path, connected(), snapshot(10), connected(5), update(11, at_ms=6))
    assert show.books() == [BookReset, BookWithdrawn]
    assert show.problems == {Problem.HOLE: 1}


def test_trades_of_a_server_that_started_anew_are_no_repetitions(tmp_path: Path) -> None:
    anew = [disconnected(50), connected(60), trade(1, at_ms=70), trade(2, at_ms=80)]
    show = Show(tmp_path, trade(1), trade(2, at_ms=10), *anew)
    assert [event.trade for event in show.player.trades()] == [1, 2, 3, 4]
    assert show.problems == {Problem.GAP: 1}


def test_trades_that_were_sent_again_count_once(tmp_path: Path) -> None:
    again = [disconnected(50), connected(60), trade(1), trade(2, at_ms=10), trade(3, at_ms=70)]
    show = Show(tmp_path, trade(1), trade(2, at_ms=10), *again)
    assert [event.trade for event in show.player.trades()] == [1, 2, 3]
    assert show.problems == {Problem.REPEATED: 2}


def test_a_stale_book_is_withdrawn_until_it_is_back(tmp_path: Path) -> None:
    lines = [snapshot(10, bids=BIDS), snapshot(11, at_ms=1, stale=True), snapshot(12, bids=BIDS, at_ms=2), update(13)]
    show = Show(tmp_path, *lines)
    assert show.books() == [BookReset, BookWithdrawn, BookReset, LevelsChanged]
    assert show.problems == {}


def test_a_snapshot_in_the_middle_is_the_book_from_there(tmp_path: Path) -> None:
    show = Show(tmp_path, snapshot(10, bids=BIDS), update(11), snapshot(11, bids=BIDS), update(12))
    assert show.books() == [BookReset, LevelsChanged, BookReset, LevelsChanged]


@pytest.mark.parametrize(("price", "quantity"), [("99.001", "1"), ("99.00", "x"), ("99.00", "0.000000001")])
def test_a_number_that_does_not_fit_the_instrument_is_not_used(tmp_path: Path, price: str, quantity: str) -> None:
    show = Show(tmp_path, snapshot(10, bids=BIDS), trade(1, price, quantity), update(11, "buy", price, quantity))
    assert kinds(show.events) == [BookReset, BookWithdrawn]
    assert show.problems == {Problem.INVALID: 2}


def test_a_market_that_nobody_announced_is_left_out(tmp_path: Path) -> None:
    show = Show(tmp_path, started("BTC/USDT"), trade(1), trade(1, symbol="ETH/USDT"))
    assert len(show.player.trades()) == 1
    assert show.problems == {Problem.FOREIGN: 1}


def test_markets_that_were_not_chosen_are_no_problem(tmp_path: Path) -> None:
    lines = [started("BTC/USDT", "ETH/USDT"), trade(1), trade(1, symbol="ETH/USDT")]
    player = Player()
    source = player.play(f"{binance.write(tmp_path / 'a', lines)}=ETH/USDT")
    assert [event.symbol for event in player.trades()] == ["ETH/USDT"]
    assert source.problems.total() == 0


def test_a_torn_line_withdraws_the_books_it_may_concern(tmp_path: Path) -> None:
    show = Show(tmp_path, snapshot(10), update(11)[:-30] + b"\n", update(12), snapshot(12), trade(1)[:-30] + b"\n")
    assert show.books() == [BookReset, BookWithdrawn, BookReset]
    assert show.problems == {Problem.UNREADABLE: 2}


# --- the clock ---


def times(show: Show) -> list[int]:
    return [batch.time_ms - START_MS for batch in show.player.batches]


def test_the_clock_is_the_recorded_markets_a_little_behind(tmp_path: Path) -> None:
    show = Show(tmp_path, trade(1), trade(2, at_ms=400), trade(3, at_ms=900))
    assert [time_ms + ALLOWED_LATENESS_MS for time_ms in times(show)[:-1]] == [0, 0, 400, 900]
    assert times(show)[-1] == 900


def test_after_a_silence_the_clock_catches_up(tmp_path: Path) -> None:
    show = Show(tmp_path, trade(1), ticker(at_ms=5_000), trade(2, at_ms=5_100))
    assert times(show) == [-1_000, -1_000, 0, 4_000, 4_100, 5_100]


def test_a_closed_candle_of_a_quiet_market_moves_the_clock_past_its_minute(tmp_path: Path) -> None:
    candles = [kline(minute, closed=True, at_ms=60_000 * (minute + 1)) for minute in range(3)]
    show = Show(tmp_path, trade(1, at_ms=10_000), *candles)
    assert times(show)[-1] == 180_000
    assert 60_000 in times(show)
    assert 120_000 in times(show)


# --- from a time on ---


def test_what_is_before_the_time_to_start_from_is_played_at_once(tmp_path: Path) -> None:
    lines = [trade(number, at_ms=1_000 * number) for number in range(1, 8)]
    path = binance.write(tmp_path / "recording", lines)
    player = Player()
    source = player.source(path, speed=1.0, from_ms=START_MS + 4_000)
    asyncio.run(source.run())
    assert [event.trade for event in player.trades()] == list(range(1, 8))
    assert sum(player.slept) == pytest.approx(2.0)


# --- whatever is in a file ---


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_nothing_that_is_in_a_file_raises_and_what_follows_is_consistent(data: st.DataObject) -> None:
    lines = [*MARKET, disconnected(300), connected(310), *MARKET[2:]]
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(1, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[index])))
        end = data.draw(st.integers(start, min(len(lines[index]), start + 12)))
        lines[index] = lines[index][:start] + data.draw(st.binary(max_size=6)) + lines[index][end:]
    with tempfile.TemporaryDirectory() as folder:
        check_consistent(Show(Path(folder), trade(1), *lines).player)


@settings(deadline=None, max_examples=200)
@given(lines=st.lists(st.sampled_from([*MARKET, disconnected(100), connected(110)]), max_size=30))
def test_lines_in_any_order_make_a_consistent_market(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_consistent(Show(Path(folder), trade(1), *lines).player)


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
