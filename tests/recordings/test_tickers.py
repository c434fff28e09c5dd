"""The rolling 24 hours over recorded trades equal what adding them all up again gives."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from finalex.channels.hub import Hub
from finalex.log.memory import MemoryLog
from finalex.model.events import Batch, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.messages import TickerData
from finalex.protocol.streams import Stream
from finalex.sources.feed import Feed
from finalex.sources.messages import Trade
from finalex.sources.recorded import ALLOWED_LATENESS_MS
from finalex.sources.tracks import play
from support.replays import FUTURES_ETH, recordings

SYMBOL = "ETH/USDT"
INSTRUMENT = DEFAULT_INSTRUMENTS[SYMBOL]
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ROUNDS = 5
"""The recording is played so often, with quiet hours in between, so that trades leave the 24 hours."""
QUIET_MS = 7 * HOUR_MS

CHECKED_EVERY = 400
"""While there is trading, so many tickers go by between two that are recomputed; in quiet hours all are."""


def batches() -> Iterator[Batch]:
    """Yield the log of the rounds; in the quiet hours the clock advances by the minute."""
    feed, log = Feed(INSTRUMENT, lambda _problem, _details: None), MemoryLog(batches_max=1)
    recorded, end_ms = recordings(FUTURES_ETH), 0
    for _ in range(ROUNDS):
        for cue in play(recorded, end_ms):
            if isinstance(cue.content, Trade):
                over_ms = cue.clock_ms - ALLOWED_LATENESS_MS
                yield log.append(feed.take(cue.content, cue, over_ms), over_ms)
            end_ms = cue.clock_ms
        for at_ms in range(end_ms, end_ms + QUIET_MS, MINUTE_MS):
            yield log.append((), at_ms)
        end_ms += QUIET_MS


def recompute(trades: list[Traded], now_ms: int) -> dict[str, Decimal]:
    """Return the 24 hours before the minute of `now_ms`, and since, from all trades so far."""
    from_ms = now_ms - now_ms % MINUTE_MS - DAY_MS
    window = [trade for trade in trades if trade.time_ms >= from_ms]
    prices = [Decimal(INSTRUMENT.price_text(trade.price)) for trade in window]
    quantities = [Decimal(INSTRUMENT.quantity_text(trade.quantity)) for trade in window]
    last = Decimal(INSTRUMENT.price_text(trades[-1].price))
    first = prices[0] if prices else last
    return {
        "price": last,
        "change_24h": last - first,
        "change_percent_24h": ((last - first) / first * 100).quantize(Decimal("0.01"), ROUND_HALF_UP),
        "volume_24h": sum(quantities, Decimal(0)),
        "quote_volume_24h": sum((p * q for p, q in zip(prices, quantities, strict=True)), Decimal(0)),
        "high_24h": max(prices, default=last),
        "low_24h": min(prices, default=last),
    }


def test_24_hour_values_equal_a_recomputation_from_all_trades() -> None:
    hub, stream = Hub(DEFAULT_INSTRUMENTS), Stream("ticker", SYMBOL)
    trades: list[Traded] = []
    published = checked = left = 0
    for batch in batches():
        trades += [event for event in batch.events if isinstance(event, Traded)]
        for publication in hub.apply(batch, {stream}):
            data = publication.data
            assert isinstance(data, TickerData)
            published += 1
            if batch.events and published % CHECKED_EVERY:
                continue
            expected = recompute(trades, batch.time_ms)
            assert {name: Decimal(getattr(data, name)) for name in expected} == expected
            checked += 1
            left += not batch.events
    assert len(trades) == ROUNDS * 13_655
    assert checked > 40
    assert left > 5, "tickers in quiet hours, when trades left the 24 hours"
