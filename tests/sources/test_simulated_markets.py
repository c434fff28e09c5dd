"""The simulated markets, watched for some minutes: lively, deep, never crossed, sane."""

from collections import Counter
from collections.abc import Iterable
from statistics import mean, median, pvariance

import msgspec
import pytest

from finalex.exchange.state import OPEN_ORDERS_MAX
from finalex.model.events import AnyEvent, Credited, OrderAccepted, OrderEnded, OrderRejected, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import EndReason, Side
from finalex.sources.simulation.accounts import PREFIX
from support.simulations import START_MS, Simulation


class Look(msgspec.Struct):
    """What a market looked like at one moment; spread in ticks."""

    spread: int
    levels: tuple[int, int]
    middle: float


class Watched(Simulation):
    """A simulation whose markets are looked at every simulated second."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds
        self.looks: dict[str, list[Look]] = {symbol: [] for symbol in DEFAULT_INSTRUMENTS}
        self.open_orders_max = 0
        self.run(0)
        self.opening = len(self.batches)
        for _ in range(seconds):
            self.run(1)
            for symbol in DEFAULT_INSTRUMENTS:
                self.looks[symbol].append(self._look(symbol))
            counts = [self.state.open_orders_count(user) for user in self.state.users]
            self.open_orders_max = max(self.open_orders_max, *counts)

    def live_events(self, symbol: str | None = None) -> list[AnyEvent]:
        events = (event for batch in self.batches[self.opening :] for event in batch.events)
        return [event for event in events if symbol is None or getattr(event, "symbol", None) == symbol]

    def _look(self, symbol: str) -> Look:
        bid, ask = self.best(Side.BUY, symbol), self.best(Side.SELL, symbol)
        levels = (len(self.state.levels(symbol, Side.BUY)), len(self.state.levels(symbol, Side.SELL)))
        return Look((ask - bid) // DEFAULT_INSTRUMENTS[symbol].tick_size, levels, self.middle(symbol))


@pytest.fixture(scope="module")
def watched() -> Watched:
    return Watched(seconds=150)


def order_events(events: Iterable[AnyEvent]) -> int:
    """Count orders accepted, orders canceled and trades."""
    counted = (
        isinstance(event, OrderAccepted | Traded)
        or (isinstance(event, OrderEnded) and event.reason is EndReason.CANCELED)
        for event in events
    )
    return sum(counted)


def test_several_hundred_order_events_happen_each_second(watched: Watched) -> None:
    assert 300 < order_events(watched.live_events()) / watched.seconds < 800


def test_bitcoin_is_the_busiest_market_and_none_is_asleep(watched: Watched) -> None:
    rates = {symbol: order_events(watched.live_events(symbol)) / watched.seconds for symbol in DEFAULT_INSTRUMENTS}
    assert max(rates, key=lambda symbol: rates[symbol]) == "BTC/USDT"
    assert min(rates.values()) > 15


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_every_market_trades_and_cancels_and_moves(watched: Watched, symbol: str) -> None:
    kinds = Counter(type(event) for event in watched.live_events(symbol))
    assert kinds[Traded] > watched.seconds / 5
    assert kinds[OrderEnded] > watched.seconds * 5
    assert len({look.middle for look in watched.looks[symbol]}) > 5


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_spreads_are_a_few_ticks_and_never_crossed(watched: Watched, symbol: str) -> None:
    spreads = [look.spread for look in watched.looks[symbol]]
    assert min(spreads) >= 1
    assert median(spreads) <= 5


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_books_are_deep_on_both_sides(watched: Watched, symbol: str) -> None:
    sides = [min(look.levels) for look in watched.looks[symbol]]
    assert mean(sides) >= (200 if symbol == "BTC/USDT" else 100)
    assert min(sides) >= (150 if symbol == "BTC/USDT" else 75)


@pytest.mark.parametrize("symbol", DEFAULT_INSTRUMENTS)
def test_prices_stay_near_where_they_were_within_minutes(watched: Watched, symbol: str) -> None:
    middles = [look.middle for look in watched.looks[symbol]]
    assert max(middles) / min(middles) < 1.02


@pytest.mark.parametrize(("cross", "base"), [("ETH/BTC", "ETH/USDT"), ("SOL/BTC", "SOL/USDT")])
def test_cross_pairs_agree_with_the_prices_they_are_made_of(watched: Watched, cross: str, base: str) -> None:
    looks = zip(watched.looks[cross], watched.looks[base], watched.looks["BTC/USDT"], strict=True)
    deviations = [abs(own.middle / (over.middle / under.middle) - 1) for own, over, under in looks]
    assert mean(deviations) < 0.001
    assert max(deviations) < 0.005


def test_takers_come_in_clusters(watched: Watched) -> None:
    takers = Counter(
        event.time_ms // 1000
        for event in watched.live_events("BTC/USDT")
        if isinstance(event, OrderAccepted) and event.user.startswith(f"{PREFIX}taker")
    )
    seconds = range(START_MS // 1000 + 1, START_MS // 1000 + watched.seconds)
    counts = [takers[second] for second in seconds]
    assert pvariance(counts) / mean(counts) > 1.5


def test_sizes_have_a_heavy_tail(watched: Watched) -> None:
    trades = [event.quantity for event in watched.live_events("BTC/USDT") if isinstance(event, Traded)]
    assert max(trades) > 20 * median(trades)
    assert mean(trades) > 1.5 * median(trades)


def test_simulated_orders_are_hardly_ever_refused(watched: Watched) -> None:
    kinds = Counter(type(event) for event in watched.live_events())
    assert kinds[OrderRejected] < kinds[OrderAccepted] / 100


def test_simulated_accounts_keep_far_below_the_limit_of_open_orders(watched: Watched) -> None:
    assert watched.open_orders_max < OPEN_ORDERS_MAX * 2 / 3


def test_all_traders_are_accounts_with_a_reserved_name(watched: Watched) -> None:
    orders = [event for event in watched.events if isinstance(event, OrderAccepted)]
    credited = {event.user for event in watched.events if isinstance(event, Credited)}
    assert {order.user for order in orders} <= credited
    assert all(user.startswith(PREFIX) for user in credited)
