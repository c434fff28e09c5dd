"""What a screen shows of one market, as it came last."""

from collections import deque
from dataclasses import dataclass, field

from finalex.client.feeds import State
from finalex.client.local_book import Level
from finalex.protocol.messages import KlineData, TickerData, TradeData
from finalex.terminal.observed import Health

TRADES_MAX = 200
CANDLES_MAX = 400
"""No screen is taller, or wider."""


@dataclass
class MarketView:
    """One market. `bids` and `asks` are best first, `trades` newest first, `candles` oldest first.

    `states` says of each channel how its subscription stands; `wait_ms` how long until the next try to connect.
    """

    symbol: str
    interval: str
    health: Health = field(default_factory=Health)
    ticker: TickerData | None = None
    bids: list[Level] = field(default_factory=list)
    asks: list[Level] = field(default_factory=list)
    withdrawn: bool = False
    trades: deque[TradeData] = field(default_factory=lambda: deque(maxlen=TRADES_MAX))
    candles: deque[KlineData] = field(default_factory=lambda: deque(maxlen=CANDLES_MAX))
    states: dict[str, State] = field(default_factory=dict)
    wait_ms: int = 0

    def take_trade(self, trade: TradeData) -> None:
        """Put a trade before the others."""
        self.trades.appendleft(trade)

    def take_candle(self, candle: KlineData) -> None:
        """Put a candle behind the others, or in the place of its earlier version."""
        if self.candles and self.candles[-1].open_time == candle.open_time:
            self.candles.pop()
        self.candles.append(candle)
