"""The simulated exchange as a source: repeatable, with a past, and trading with whoever comes."""

import asyncio
from itertools import groupby, pairwise

import pytest

from finalex.exchange.state import ExchangeState
from finalex.model.events import Batch, Credited, Traded
from finalex.model.markets import DEFAULT_BALANCES, DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderStatus, Side
from finalex.sources.simulate import STEP_INTERVAL_MS
from support.simulations import START_MS, Simulation

HOUR_MS = 3_600_000


def test_the_same_seed_gives_the_same_log() -> None:
    assert Simulation(seed=3, history_hours=1).run(5).digest == Simulation(seed=3, history_hours=1).run(5).digest


def test_the_log_alone_gives_the_same_state() -> None:
    simulation = Simulation(history_hours=1).run(5)
    replica = ExchangeState(DEFAULT_INSTRUMENTS)
    for event in simulation.events:
        replica.apply(event)
    assert replica.state_hash() == simulation.state.state_hash()


def test_another_seed_gives_another_market() -> None:
    assert Simulation(seed=3).run(2).digest != Simulation(seed=4).run(2).digest


def test_a_passive_order_at_a_good_price_is_filled() -> None:
    simulation = Simulation().run(1)
    order = simulation.place(Side.BUY, 10**6, simulation.best(Side.BUY))
    resting = simulation.state.order(order.order)
    assert resting is not None
    assert resting.status is OrderStatus.NEW
    simulation.run(20)
    assert simulation.filled(order) == 10**6


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_a_market_order_is_filled_at_once(symbol: str) -> None:
    simulation = Simulation().run(0)
    instrument = DEFAULT_INSTRUMENTS[symbol]
    lots = 20 * instrument.notional_min // instrument.notional(simulation.best(Side.SELL, symbol), instrument.lot_size)
    quantity = lots * instrument.lot_size
    order = simulation.place(Side.BUY, quantity, symbol=symbol)
    assert simulation.filled(order) == quantity


def test_a_book_swept_by_a_large_order_fills_up_again() -> None:
    simulation = Simulation().run(1)
    simulation.enrich("whale")
    before = simulation.best(Side.SELL)
    levels = simulation.state.levels("BTC/USDT", Side.SELL)[:200]
    simulation.place(Side.BUY, sum(quantity for _, quantity in levels), levels[-1][0], user="whale")
    swept = simulation.best(Side.SELL) - before
    assert simulation.best(Side.SELL) > levels[-1][0]
    simulation.run(10)
    assert simulation.best(Side.SELL) - before < swept / 2
    assert simulation.best(Side.SELL) - simulation.best(Side.BUY) < swept / 50


def test_an_emptied_side_comes_back() -> None:
    simulation = Simulation().run(1)
    simulation.enrich("whale")
    everything = sum(quantity for _, quantity in simulation.state.levels("SOL/USDT", Side.SELL))
    simulation.place(Side.BUY, everything, symbol="SOL/USDT", user="whale")
    assert simulation.state.best("SOL/USDT", Side.SELL) is None
    simulation.run(20)
    assert len(simulation.state.levels("SOL/USDT", Side.SELL)) > 75


def test_a_wall_stops_the_price_and_is_eaten() -> None:
    simulation = Simulation().run(1)
    simulation.enrich("whale")
    price = simulation.best(Side.BUY) - 20_00
    wall = simulation.place(Side.SELL, 5_000 * 10**8, price, user="whale")
    simulation.run(5)
    assert simulation.best(Side.BUY) < simulation.best(Side.SELL) <= price
    order = simulation.state.order(wall.order)
    assert order is not None
    assert 0 < order.filled < order.quantity


def test_a_step_after_a_long_pause_does_not_catch_up() -> None:
    simulation = Simulation().run(1)
    before = len(simulation.events)
    simulation.now_ms += HOUR_MS
    simulation.source.step()
    assert len(simulation.events) - before < 1_000
    assert simulation.batches[-1].time_ms == simulation.now_ms


def test_a_quiet_step_still_advances_the_clock_in_time() -> None:
    simulation = Simulation().run(10)
    times = [batch.time_ms for batch in simulation.batches]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 80


@pytest.fixture(scope="module")
def past() -> Simulation:
    return Simulation(history_hours=24).run(0)


def outside_trades(simulation: Simulation) -> list[Traded]:
    return [event for event in simulation.events if isinstance(event, Traded) and not event.maker_order]


def test_history_covers_the_last_day_and_ends_before_the_present(past: Simulation) -> None:
    times = [batch.time_ms for batch in past.batches]
    assert times == sorted(times)
    assert times[0] <= START_MS - 24 * HOUR_MS
    trades = outside_trades(past)
    assert trades[0].time_ms >= START_MS - 24 * HOUR_MS - 60_000
    assert START_MS - 60_000 < trades[-1].time_ms < START_MS


def test_history_comes_before_everything_else(past: Simulation) -> None:
    isolated = [all(isinstance(event, Traded) for event in batch.events) for batch in past.batches]
    assert [value for value, _ in groupby(isolated)] == [True, False]


def test_history_is_sorted_by_time_and_no_trade_is_before_its_batch(past: Simulation) -> None:
    times = [trade.time_ms for trade in outside_trades(past)]
    assert times == sorted(times)
    for batch in past.batches:
        assert all(event.time_ms >= batch.time_ms for event in batch.events)


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_history_has_a_few_trades_a_minute_on_the_grid_with_ids_from_one(past: Simulation, symbol: str) -> None:
    instrument = DEFAULT_INSTRUMENTS[symbol]
    trades = [trade for trade in outside_trades(past) if trade.symbol == symbol]
    assert [trade.trade for trade in trades] == list(range(1, len(trades) + 1))
    assert 1 < len(trades) / (24 * 60) < 10
    assert all(trade.price % instrument.tick_size == 0 for trade in trades)
    assert all(trade.quantity % instrument.lot_size == 0 for trade in trades)
    assert past.state.next_trade(symbol) == len(trades) + 1


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_the_live_price_continues_where_history_ends(past: Simulation, symbol: str) -> None:
    last = [trade.price for trade in outside_trades(past) if trade.symbol == symbol][-1]
    middle = (past.best(Side.BUY, symbol) + past.best(Side.SELL, symbol)) / 2
    assert abs(middle / last - 1) < 0.005


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_a_day_of_history_moves_as_a_market_does(past: Simulation, symbol: str) -> None:
    prices = [trade.price for trade in outside_trades(past) if trade.symbol == symbol]
    assert 1.004 < max(prices) / min(prices) < 1.3


def test_live_trade_ids_continue_those_of_history() -> None:
    simulation = Simulation(history_hours=1).run(10)
    numbers = [event.trade for event in simulation.events if isinstance(event, Traded) and event.symbol == "BTC/USDT"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert any(isinstance(event, Traded) and event.maker_order for event in simulation.events)


def test_markets_are_open_before_the_first_account_is() -> None:
    simulation = Simulation(history_hours=1)
    simulation.source.open_account("alice")
    simulation.source.open_markets()
    credited = [event.user for event in simulation.events if isinstance(event, Credited)]
    assert credited[-len(DEFAULT_BALANCES) :] == ["alice"] * len(DEFAULT_BALANCES)
    assert isinstance(simulation.events[0], Traded)


async def test_run_opens_the_markets_and_lets_them_live_until_cancelled() -> None:
    simulation = Simulation()
    traded = asyncio.Event()

    def live(batch: Batch) -> None:
        simulation.now_ms += STEP_INTERVAL_MS
        if any(isinstance(event, Traded) for event in batch.events):
            traded.set()

    simulation.log.follow(live)
    running = asyncio.create_task(simulation.source.run())
    await traded.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert simulation.best(Side.BUY) < simulation.best(Side.SELL)
