import asyncio
from pathlib import Path

import pytest

from finalex.exchange.outcomes import Canceled, Done, NotFound, Outcome, Refused
from finalex.model.commands import CancelAllOrders, CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import BookReset, BookWithdrawn, LevelsChanged, Traded
from finalex.model.orders import OrderStatus, OrderType, Side
from finalex.model.rejects import RejectReason
from finalex.sources.port import Source
from finalex.sources.recorded import ALLOWED_LATENESS_MS
from finalex.sources.replay import ReplaySource
from finalex.sources.reports import Problem
from support.binance import START_MS, trade, update, write
from support.player import MARKET, Player, kinds


@pytest.fixture
def player() -> Player:
    return Player()


def test_each_line_that_makes_something_happen_is_one_batch(player: Player, tmp_path: Path) -> None:
    source = player.play(write(tmp_path / "a.gz", MARKET))
    batches = [[type(event) for event in batch.events] for batch in player.batches]
    assert batches == [[], [BookReset], [LevelsChanged], [Traded], [Traded], [LevelsChanged], []]
    assert [batch.sequence for batch in player.batches] == list(range(1, 8))
    assert source.counts() == dict.fromkeys(Problem, 0) | {"lines": 6, "events": 5, "rounds": 1}


def test_the_clock_is_behind_the_market_and_catches_up_at_the_end(player: Player, tmp_path: Path) -> None:
    player.play(write(tmp_path / "a.gz", MARKET))
    *playing, last = [batch.time_ms - START_MS for batch in player.batches]
    assert [time_ms + ALLOWED_LATENESS_MS for time_ms in playing] == [0, 0, 100, 120, 150, 200]
    assert last == 200


def test_a_minute_that_is_not_over_is_not_closed_at_the_end(player: Player, tmp_path: Path) -> None:
    player.play(write(tmp_path / "a.gz", [trade(1, at_ms=0), trade(2, at_ms=59_999)]))
    assert player.batches[-1].time_ms == START_MS + 59_999


def test_the_log_learns_that_time_passes_while_nothing_happens(player: Player, tmp_path: Path) -> None:
    waiting = [update(n, n, at_ms=60 * n) for n in range(11)]
    player.play(write(tmp_path / "a.gz", waiting))
    assert [batch.events for batch in player.batches] == [()] * 7
    assert [batch.time_ms - START_MS + ALLOWED_LATENESS_MS for batch in player.batches[:-1]] == [
        0,
        120,
        240,
        360,
        480,
        600,
    ]


def test_trades_say_which_way_the_taker_traded(player: Player, tmp_path: Path) -> None:
    player.play(write(tmp_path / "a.gz", MARKET))
    assert [(trade.trade, trade.side, trade.time_ms - START_MS) for trade in player.trades()] == [
        (1, Side.BUY, 120),
        (2, Side.SELL, 150),
    ]


@pytest.mark.parametrize(("speed", "slept"), [(1.0, 0.2), (4.0, 0.05)])
def test_lines_are_paced_by_their_receive_time(player: Player, tmp_path: Path, speed: float, slept: float) -> None:
    player.play(write(tmp_path / "a.gz", MARKET), speed=speed)
    assert sum(player.slept) == pytest.approx(slept)


def test_without_a_speed_nothing_waits(player: Player, tmp_path: Path) -> None:
    player.play(write(tmp_path / "a.gz", MARKET))
    assert sum(player.slept) == 0


@pytest.mark.parametrize("speed", [0.0, -2.0])
def test_a_wrong_speed_is_refused_at_the_start(player: Player, tmp_path: Path, speed: float) -> None:
    path = write(tmp_path / "a.gz", MARKET)
    with pytest.raises(ValueError, match="speed"):
        player.source(path, speed=speed)


def test_files_that_were_cut_play_as_one(player: Player, tmp_path: Path) -> None:
    whole = Player()
    whole.play(write(tmp_path / "whole.gz", MARKET))
    source = player.play(f"{write(tmp_path / 'a.gz', MARKET[:4])},{write(tmp_path / 'b.gz', MARKET[4:])}")
    assert player.batches == whole.batches
    assert source.problems.total() == 0


def test_several_markets_are_played_together(player: Player, tmp_path: Path) -> None:
    other = [trade(n, at_ms=50 * n, symbol="ETHUSDT") for n in range(1, 4)]
    player.play(f"{write(tmp_path / 'a.gz', MARKET)},{write(tmp_path / 'b.gz', other)}")
    assert [(trade.symbol, trade.trade) for trade in player.trades()] == [
        ("ETH/USDT", 1),
        ("ETH/USDT", 2),
        ("BTC/USDT", 1),
        ("BTC/USDT", 2),
        ("ETH/USDT", 3),
    ]


def test_another_recording_of_a_symbol_withdraws_the_book_and_counts_trades_on(player: Player, tmp_path: Path) -> None:
    name = write(tmp_path / "a.gz", [*MARKET, update(10, 11, at_ms=5_000)])
    source = player.play(f"{name},{name}")
    assert kinds(player.events()).count(BookReset) == 2
    assert kinds(player.events())[5] is BookWithdrawn
    assert [trade.trade for trade in player.trades()] == [1, 2, 3, 4]
    assert source.problems.total() == 0


def looped(player: Player, path: Path, rounds: int) -> ReplaySource:
    async def run() -> ReplaySource:
        source = player.source(path, speed=1.0, loop=True)
        task = asyncio.create_task(source.run())
        while source.rounds < rounds:
            assert not task.done()
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return source

    return asyncio.run(run())


def test_a_loop_starts_over_and_time_never_goes_back(player: Player, tmp_path: Path) -> None:
    source = looped(player, write(tmp_path / "a.gz", MARKET), rounds=3)
    assert source.problems.total() == 0
    times = [batch.time_ms for batch in player.batches]
    assert times == sorted(times)
    trades = player.trades()
    assert [trade.trade for trade in trades] == list(range(1, len(trades) + 1))
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)
    assert [(trade.time_ms - START_MS) % 60_000 for trade in trades[:6]] == [120, 150] * 3


def test_a_loop_withdraws_the_book_until_its_snapshot(player: Player, tmp_path: Path) -> None:
    looped(player, write(tmp_path / "a.gz", MARKET), rounds=3)
    books = [event for event in player.events() if not isinstance(event, Traded)]
    assert kinds(books)[:7] == [BookReset, LevelsChanged, LevelsChanged, BookWithdrawn, BookReset, *[LevelsChanged] * 2]


def test_a_loop_pauses_shortly_between_rounds(player: Player, tmp_path: Path) -> None:
    source = looped(player, write(tmp_path / "a.gz", MARKET), rounds=2)
    assert max(player.slept) == pytest.approx(2.0)
    assert source.rounds == 2


ORDER = PlaceOrder(user="ann", symbol="BTC/USDT", side=Side.BUY, type=OrderType.LIMIT, quantity=5, price=7)


def answer(source: Source, command: Command) -> Outcome:
    outcomes: list[Outcome] = []
    source.submit(command, outcomes.append)
    (outcome,) = outcomes
    return outcome


def test_a_replay_takes_no_orders(player: Player, tmp_path: Path) -> None:
    source = player.play(write(tmp_path / "a.gz", MARKET))
    outcome = answer(source, ORDER)
    assert not source.trading
    assert isinstance(outcome, Refused)
    assert (outcome.order.status, outcome.order.reason) == (OrderStatus.REJECTED, RejectReason.TRADING_DISABLED)
    assert (outcome.order.user, outcome.order.price, outcome.order.quantity) == ("ann", 7, 5)
    assert outcome.order.created_ms == player.batches[-1].time_ms


def test_a_replay_has_no_orders_to_cancel_and_no_accounts(player: Player, tmp_path: Path) -> None:
    source = player.source(write(tmp_path / "a.gz", MARKET))
    source.open_account("ann")
    assert answer(source, CancelOrder(user="ann", order_id="x")) == NotFound()
    assert answer(source, CancelAllOrders(user="ann")) == Canceled(())
    assert answer(source, Credit(user="ann", currency="BTC", amount=1, reference="x")) == Done()
    assert player.batches == []


def test_how_much_was_played_grows_from_nothing_to_all(player: Player, tmp_path: Path) -> None:
    files = [write(tmp_path / name, MARKET) for name in ("a.gz", "b.gz")]
    source = player.source(",".join(map(str, files)))
    assert source.share == 0
    asyncio.run(source.run())
    assert source.share == 1
