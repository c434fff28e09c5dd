"""What was traded before a simulated market goes live, so that a day's values are there from the first second."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from finalex.model.events import Traded
from finalex.model.orders import Side
from finalex.sources.simulation.arrivals import poisson
from finalex.sources.simulation.market import Market
from finalex.sources.simulation.prices import FairPrices

STEP_MS = 10_000
"""Prices move in steps of this length."""

BATCH_MS = 60_000
"""The trades of each such stretch make one batch."""

TRADES_PER_STEP = 0.6
"""The mean number of trades of a market in one step, when it is ordinarily busy."""

VALUE_FACTOR = 14.0
"""How many times a live order's median a past trade's is, in a market of activity 1: it stands for many."""

VALUE_EXPONENT = 1.5
"""How that grows with a market's activity, so that the volume of a past hour is about that of a live one."""


class _Past(NamedTuple):
    """A trade before it has its number; sorts by time."""

    time_ms: int
    market: int
    price: int
    quantity: int
    side: Side


def past_trades(
    markets: Sequence[Market], prices: FairPrices, now_ms: int, hours: int
) -> Iterator[tuple[int, list[Traded]]]:
    """Iterate a batch's log time and trades, from `hours` before the minute of `now_ms` on, none later than that.

    Trades are sorted by time over all markets, none before its batch's log time, numbered from 1 in each market,
    and have no orders. `prices` moves along.
    """
    numbers = dict.fromkeys((market.symbol for market in markets), 0)
    start_ms = (now_ms // BATCH_MS - hours * 60) * BATCH_MS
    for batch_ms in range(start_ms, now_ms, BATCH_MS):
        past: list[_Past] = []
        for step_ms in range(batch_ms, min(batch_ms + BATCH_MS, now_ms - STEP_MS + 1), STEP_MS):
            prices.advance(STEP_MS / 1000)
            for index, market in enumerate(markets):
                past += _trades(index, market, prices, step_ms)
        trades = []
        for trade in sorted(past):
            symbol = markets[trade.market].symbol
            numbers[symbol] += 1
            trades.append(_traded(symbol, numbers[symbol], trade))
        yield batch_ms, trades


def _trades(index: int, market: Market, prices: FairPrices, step_ms: int) -> Iterator[_Past]:
    rng: Random = market.rng
    fair = prices.price(market.symbol)
    value = VALUE_FACTOR * market.activity**VALUE_EXPONENT * market.order_value
    for _ in range(poisson(rng, TRADES_PER_STEP * prices.activity(market.symbol))):
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        price = market.above(fair) if side is Side.BUY else market.below(fair)
        quantity = market.quantity(value, price)
        yield _Past(step_ms + int(rng.random() * STEP_MS), index, price, quantity, side)


def _traded(symbol: str, number: int, past: _Past) -> Traded:
    return Traded(
        symbol=symbol,
        trade=number,
        price=past.price,
        quantity=past.quantity,
        side=past.side,
        time_ms=past.time_ms,
    )
