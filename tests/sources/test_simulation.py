"""The parts of the simulated traders: walks, fair prices, arrivals, starts, and orders that are never wrong."""

from collections import Counter
from itertools import pairwise
from math import log, sqrt
from random import Random
from statistics import mean, pstdev, pvariance

import pytest
from msgspec.structs import replace

from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome, Refused
from finalex.exchange.state import ExchangeState
from finalex.model.instruments import Instrument, Instruments
from finalex.model.markets import DEFAULT_BALANCES, DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.sources.simulation.arrivals import ARRIVALS_MAX, Arrivals, poisson
from finalex.sources.simulation.market import Market
from finalex.sources.simulation.prices import FairPrices
from finalex.sources.simulation.starts import VALUES, start_price, start_values
from finalex.sources.simulation.traders import Traders
from finalex.sources.simulation.walks import DISTANCE_MAX, Walk

BITCOIN = DEFAULT_INSTRUMENTS["BTC/USDT"]
NEWCOIN = replace(BITCOIN, symbol="NEWCOIN/USDT")
MINUTE_S = 60.0


def random(seed: int = 1) -> Random:
    return Random(seed)


def fair_prices(instruments: Instruments = DEFAULT_INSTRUMENTS, seed: int = 1) -> FairPrices:
    return FairPrices(instruments, start_values(instruments, {}), random(seed))


def test_a_walk_stays_near_its_start_over_a_month() -> None:
    walk = Walk(random(), volatility_daily=0.02)
    values = []
    for _ in range(30 * 24 * 60):
        walk.advance(MINUTE_S)
        values.append(walk.value)
    assert max(map(abs, values)) < 0.2
    assert pstdev(values) > 0.005


def test_a_walk_moves_as_much_in_a_day_as_it_is_told_on_average() -> None:
    moves = []
    for seed in range(40):
        walk = Walk(random(seed), volatility_daily=0.02)
        for _ in range(24 * 60):
            walk.advance(MINUTE_S)
        moves.append(walk.value)
    assert 0.01 < pstdev(moves) < 0.03


def test_a_walk_has_quiet_and_busy_times() -> None:
    walk = Walk(random(), volatility_daily=0.02)
    moves, activities = [], set()
    for _ in range(24 * 60):
        before = walk.value
        walk.advance(MINUTE_S)
        moves.append(walk.value - before)
        activities.add(walk.activity)
    hours = [pstdev(moves[start : start + 20]) for start in range(0, len(moves), 20)]
    assert max(hours) > 4 * min(hours)
    assert len(activities) > 2


def test_a_walk_cannot_be_pushed_beyond_its_limit() -> None:
    walk = Walk(random(), volatility_daily=0.02)
    walk.move(100)
    assert walk.value == DISTANCE_MAX


def test_fair_prices_of_crosses_agree_at_every_moment() -> None:
    prices = fair_prices()
    for _ in range(1_000):
        prices.advance(MINUTE_S)
        ratio = prices.price("ETH/USDT") / prices.price("BTC/USDT")
        assert prices.price("ETH/BTC") / 10**5 == pytest.approx(ratio)


def test_fair_prices_move_together() -> None:
    prices = fair_prices()
    returns: dict[str, list[float]] = {"BTC/USDT": [], "ADA/USDT": []}
    for _ in range(1_000):
        before = {symbol: prices.price(symbol) for symbol in returns}
        prices.advance(MINUTE_S)
        for symbol, moves in returns.items():
            moves.append(log(prices.price(symbol) / before[symbol]))
    pairs = zip(returns["BTC/USDT"], returns["ADA/USDT"], strict=True)
    correlation = mean(a * b for a, b in pairs) / (pstdev(returns["BTC/USDT"]) * pstdev(returns["ADA/USDT"]))
    assert 0.4 < correlation < 0.95


def test_what_a_fair_price_absorbs_moves_every_market_of_the_base() -> None:
    prices = fair_prices()
    before = {symbol: prices.price(symbol) for symbol in DEFAULT_INSTRUMENTS}
    prices.absorb("ETH/BTC", 0.01)
    moved = {symbol for symbol in DEFAULT_INSTRUMENTS if prices.price(symbol) != before[symbol]}
    assert moved == {"ETH/USDT", "ETH/BTC"}
    assert log(prices.price("ETH/USDT") / before["ETH/USDT"]) == pytest.approx(0.01)


def test_a_pair_of_steady_currencies_does_not_move() -> None:
    prices = fair_prices(Instruments([replace(BITCOIN, symbol="USDC/USDT")]))
    before = prices.price("USDC/USDT")
    prices.advance(MINUTE_S)
    prices.absorb("USDC/USDT", 0.01)
    assert prices.price("USDC/USDT") == before == 100


def test_a_fair_price_keeps_room_for_quotes_within_the_bounds_of_orders() -> None:
    narrow = replace(BITCOIN, price_min=45_600_00, price_max=45_750_00)
    prices = fair_prices(Instruments([narrow]))
    for distance in (0.1, -0.2):
        prices.absorb("BTC/USDT", distance)
        assert narrow.price_min < prices.price("BTC/USDT") < narrow.price_max


def test_poisson_numbers_have_the_mean_and_variance_asked_for() -> None:
    rng = random()
    counts = [poisson(rng, 2.0) for _ in range(5_000)]
    assert mean(counts) == pytest.approx(2.0, rel=0.05)
    assert pvariance(counts) == pytest.approx(2.0, rel=0.1)


def test_poisson_numbers_are_bounded() -> None:
    assert poisson(random(), 10_000.0) == ARRIVALS_MAX


def test_arrivals_have_the_mean_rate_asked_for_and_come_in_clusters() -> None:
    arrivals = Arrivals(random(), rate_per_s=3.0)
    seconds = [sum(arrivals.count(0.02, 1.0) for _ in range(50)) for _ in range(1_000)]
    assert mean(seconds) == pytest.approx(3.0, rel=0.15)
    assert pvariance(seconds) > 1.5 * mean(seconds)


def test_the_default_markets_start_at_the_ratio_of_their_currencies() -> None:
    values = start_values(DEFAULT_INSTRUMENTS, {})
    assert start_price(BITCOIN, values) == pytest.approx(45_678_90)
    assert start_price(DEFAULT_INSTRUMENTS["ETH/BTC"], values) == pytest.approx(VALUES["ETH"] / VALUES["BTC"] * 10**5)


def test_an_unknown_currency_starts_where_a_tick_is_a_hundredth_of_a_percent() -> None:
    values = start_values(Instruments([NEWCOIN]), {})
    assert start_price(NEWCOIN, values) == 10_000


def test_an_unknown_currency_starts_within_the_bounds_of_its_market() -> None:
    instrument = replace(NEWCOIN, price_max=500)
    assert start_price(instrument, start_values(Instruments([instrument]), {})) == 250


def test_a_configured_start_price_sets_the_value_of_the_base() -> None:
    values = start_values(DEFAULT_INSTRUMENTS, {"BTC/USDT": 100_000_00})
    assert start_price(BITCOIN, values) == 100_000_00
    assert start_price(DEFAULT_INSTRUMENTS["ETH/BTC"], values) == pytest.approx(VALUES["ETH"] / 100_000 * 10**5)


@pytest.mark.parametrize(
    ("instrument", "prices", "problem"),
    [
        (replace(BITCOIN, price_max=40_000_00), {}, "BTC/USDT: .* start at 45678.90, outside of its bounds"),
        (BITCOIN, {"ETH/USDT": 1}, "a start price for ETH/USDT, but no such instrument"),
    ],
)
def test_an_impossible_start_is_refused_with_a_sentence(
    instrument: Instrument, prices: dict[str, int], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Traders(Instruments([instrument]), 1, prices)


@pytest.mark.parametrize("instrument", DEFAULT_INSTRUMENTS.values(), ids=DEFAULT_INSTRUMENTS)
def test_quantities_are_on_lot_within_bounds_and_worth_enough(instrument: Instrument) -> None:
    values = start_values(DEFAULT_INSTRUMENTS, {})
    market = Market(instrument, 1.0, values[instrument.base], random())
    price = round(start_price(instrument, values))
    for value in (0.001, 100.0, 1e12):
        for quantity in (market.quantity(value, price) for _ in range(50)):
            assert quantity % instrument.lot_size == 0
            assert instrument.quantity_min <= quantity <= instrument.quantity_max
            assert instrument.notional(price, quantity) >= instrument.notional_min


def test_every_default_market_has_demo_balances_for_both_its_currencies() -> None:
    assert set(DEFAULT_INSTRUMENTS.currencies) <= set(DEFAULT_BALANCES)


ODD_INSTRUMENTS = [
    replace(NEWCOIN, notional_min=0),
    replace(NEWCOIN, tick_size=25, price_min=25, lot_size=3 * 10**6, quantity_min=9 * 10**6),
    replace(
        NEWCOIN, price_decimals=0, price_max=10**5, quantity_decimals=0, lot_size=1, quantity_min=1, quantity_max=10**4
    ),
    replace(
        NEWCOIN,
        price_decimals=12,
        price_max=10**12,
        tick_size=10**4,
        price_min=10**4,
        lot_size=10**8,
        quantity_max=10**18,
    ),
    replace(NEWCOIN, symbol="MEME/USDT", price_decimals=10, price_max=10**9, lot_size=10**10, quantity_max=10**18),
    replace(NEWCOIN, price_max=400),
    replace(NEWCOIN, symbol="EUR/USD"),
    replace(NEWCOIN, symbol="USDT/NEWCOIN"),
    replace(BITCOIN, price_min=45_000_00, price_max=46_000_00),
]


def outcomes_of(engine: Engine, seconds: int) -> list[Outcome]:
    """Let the traders of an engine's markets open them and trade; return what became of every command."""
    traders = Traders(engine.state.instruments, seed=1)
    outcomes: list[Outcome] = []
    for commands in traders.open(0, engine.state):
        outcomes += [engine.execute(command, 0)[1] for command in commands]
    for now_ms in range(20, seconds * 1000, 20):
        outcomes += [engine.execute(command, now_ms)[1] for command in traders.step(now_ms, engine.state)]
    return outcomes


@pytest.mark.parametrize("instrument", ODD_INSTRUMENTS, ids=range(len(ODD_INSTRUMENTS)))
def test_an_operators_own_market_lives_too(instrument: Instrument) -> None:
    engine = Engine(ExchangeState(Instruments([instrument])))
    outcomes = outcomes_of(engine, seconds=30)
    refused = Counter(outcome.order.reason for outcome in outcomes if isinstance(outcome, Refused))
    assert refused.total() < len(outcomes) / 50, refused
    assert engine.state.next_trade(instrument.symbol) > 5
    assert all(len(engine.state.levels(instrument.symbol, side)) > 10 for side in Side)


def test_a_low_limit_of_open_orders_makes_a_shallow_market() -> None:
    engine = Engine(ExchangeState(DEFAULT_INSTRUMENTS, open_orders_max=60))
    outcomes = outcomes_of(engine, seconds=5)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) < len(outcomes) / 100
    assert 60 < len(engine.state.levels("BTC/USDT", Side.BUY)) < 120


def test_prices_of_a_month_look_like_a_markets() -> None:
    prices = fair_prices()
    closes = []
    for _ in range(30):
        for _ in range(24 * 60):
            prices.advance(MINUTE_S)
        closes.append(prices.price("BTC/USDT"))
    returns = [log(after / before) for before, after in pairwise(closes)]
    assert 0.008 < sqrt(mean(move * move for move in returns)) < 0.04
    assert 0.75 < min(closes) / 45_678_90 < max(closes) / 45_678_90 < 1.33
