"""The trades of one symbol, numbered anew."""

from collections import deque

from finalex.model.events import AnyEvent, Traded
from finalex.model.instruments import Instrument
from finalex.model.orders import Side
from finalex.sources.messages import Trade
from finalex.sources.reports import Problem, Report

MARKET = "MARKET"
"""The kind of a trade in the order book; the others (for instance `INSURANCE_FUND`) are no market trades."""

RECENT_IDS_MAX = 1000
"""A trade with id and time of one of so many last ones is a repetition."""


class TradeSync:
    """Turns recorded trades into events with numbers that grow by exactly 1 and times that never go back.

    The exchange's own ids, which also count what is no market trade, are only watched for missing trades.
    """

    def __init__(self, instrument: Instrument, report: Report) -> None:
        self.number = 0
        self._instrument = instrument
        self._report = report
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT_IDS_MAX)
        self._time_ms = 0

    def restart(self) -> None:
        """Expect another recording, whose ids have nothing to do with the earlier ones."""
        self._recent.clear()

    def take_trade(self, trade: Trade, time_ms: int, over_ms: int) -> list[AnyEvent]:
        """Return the event of `trade`, if it is a new market trade; its time is raised to `over_ms` at least."""
        if not self._is_new(trade) or trade.kind != MARKET:
            return []
        try:
            price, quantity = self._instrument.parse_price(trade.price), self._instrument.parse_quantity(trade.quantity)
            if not (price and quantity):
                raise ValueError("price and quantity must not be zero")  # noqa: TRY301 (one way out for bad numbers)
        except ValueError as error:
            self._report(Problem.INVALID, f"trade {trade.id}: {error}")
            return []
        return [self._traded(price, quantity, Side.SELL if trade.buyer_is_maker else Side.BUY, time_ms, over_ms)]

    def _is_new(self, trade: Trade) -> bool:
        last_id = self._recent[-1][0] if self._recent else trade.id - 1
        key = (trade.id, trade.traded_ms)
        if trade.id <= last_id and key in self._recent:
            self._report(Problem.REPEATED, f"trade {trade.id} was there already")
            return False
        if trade.id != last_id + 1:
            self._report(Problem.GAP, f"trade {trade.id} after trade {last_id}")
        self._recent.append(key)
        return True

    def _traded(self, price: int, quantity: int, side: Side, time_ms: int, over_ms: int) -> Traded:
        earliest_ms = max(self._time_ms, over_ms)
        if time_ms < earliest_ms:
            self._report(Problem.LATE, f"trade at {time_ms} raised to {earliest_ms}")
        self._time_ms = max(time_ms, earliest_ms)
        self.number += 1
        symbol = self._instrument.symbol
        return Traded(
            symbol=symbol, trade=self.number, price=price, quantity=quantity, side=side, time_ms=self._time_ms
        )
