"""The trades of one market of an exchange, in order and numbered anew."""

from collections.abc import Sequence

from finalex.model.events import Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import Side
from finalex.sources.upstream.mirror import CLOCK_SKEW_MS_MAX
from finalex.sources.upstream.port import MarketTrade
from finalex.sources.upstream.problems import Problem, Report

RECENT_IDS_MAX = 5_000
"""A trade with the id of one of so many last ones is a repetition: exchanges begin a stream with up to 1,000."""


class Tape:
    """Turns what an exchange streams into trades with numbers that grow by exactly 1 and times that never go back.

    What is older than `begun_ms` is left out: it is the past that exchanges begin a stream with, and the candles
    of those minutes would be incomplete. So is everything that is not later than what came before it. `number` is that
    of the last trade before.
    """

    def __init__(self, instrument: Instrument, begun_ms: int, report: Report, number: int = 0) -> None:
        self.number = number
        self._instrument = instrument
        self._report = report
        self._recent: dict[str, None] = {}
        self._begun_ms = begun_ms
        self._upstream_ms = 0
        self._time_ms = 0
        self._price = 0

    def take(self, trades: Sequence[MarketTrade], now_ms: int, over_ms: int) -> list[Traded]:
        """Return the new ones of `trades`, oldest first, with times raised to `over_ms` at least; nothing is raised."""
        timed = [(now_ms if trade.time_ms is None else trade.time_ms, trade) for trade in trades]
        timed.sort(key=lambda pair: pair[0])
        taken = [self._take(trade, time_ms, now_ms, over_ms) for time_ms, trade in timed]
        return [trade for trade in taken if trade is not None]

    def _take(self, trade: MarketTrade, time_ms: int, now_ms: int, over_ms: int) -> Traded | None:
        problem = self._judge(trade, time_ms, now_ms)
        if problem is not None:
            self._report(problem, f"trade {trade.id or 'without an id'} of {time_ms}, at {now_ms}")
            return None
        self._remember(trade.id, time_ms)
        try:
            price = self._instrument.parse_price(trade.price)
            quantity = self._instrument.parse_quantity(trade.quantity)
            if not (price and quantity):
                raise ValueError("price and quantity must not be zero")  # noqa: TRY301 (one way out for bad numbers)
        except ValueError as error:
            self._report(Problem.INVALID, f"trade {trade.id}, {trade.quantity} at {trade.price}: {error}"[:200])
            return None
        if time_ms < over_ms:
            self._report(Problem.LATE, f"trade {trade.id} of {time_ms} raised to {over_ms}")
        return self._traded(price, quantity, trade.side, max(time_ms, over_ms))

    def _judge(self, trade: MarketTrade, time_ms: int, now_ms: int) -> Problem | None:
        """Return why a trade is left out, if it is."""
        if trade.id and trade.id in self._recent:
            return Problem.REPEATED
        if time_ms < self._begun_ms:
            return Problem.OLD
        if time_ms > now_ms + CLOCK_SKEW_MS_MAX:
            return Problem.AHEAD
        return Problem.DISORDERED if time_ms < self._upstream_ms else None

    def _remember(self, trade_id: str, time_ms: int) -> None:
        self._upstream_ms = time_ms
        if trade_id:
            self._recent[trade_id] = None
            if len(self._recent) > RECENT_IDS_MAX:
                del self._recent[next(iter(self._recent))]

    def _traded(self, price: int, quantity: int, side: Side | None, time_ms: int) -> Traded:
        """Return the next trade; where the exchange does not say who took, a price that falls was sold at."""
        if side is None:
            side = Side.SELL if price < self._price else Side.BUY
        self._price = price
        self._time_ms = max(self._time_ms, time_ms)
        self.number += 1
        symbol = self._instrument.symbol
        return Traded(
            symbol=symbol, trade=self.number, price=price, quantity=quantity, side=side, time_ms=self._time_ms
        )
