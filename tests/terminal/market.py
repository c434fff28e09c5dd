"""A market to look at."""

from decimal import Decimal

from finalex.client import State
from finalex.protocol.messages import KlineData, TickerData, TradeData
from finalex.terminal.market_view import MarketView

SYMBOL = "BTC/USDT"
NOON_MS = 1_767_268_800_000
"""2026-01-01, 12:00 UTC."""


def ticker(price: str = "45678.90", change: str = "1234.56", percent: str = "2.78") -> TickerData:
    return TickerData(
        symbol=SYMBOL,
        price=price,
        change_24h=change,
        change_percent_24h=percent,
        volume_24h="1234.50000000",
        quote_volume_24h="0",
        high_24h="46000.00",
        low_24h="44500.00",
        bid="45678.50",
        ask="45679.00",
        timestamp=NOON_MS,
    )


def trade(number: int, side: str = "buy") -> TradeData:
    price = f"456{number:02}.00"
    return TradeData(
        symbol=SYMBOL,
        trade_id=str(number),
        price=price,
        quantity="0.50000000",
        side=side,
        timestamp=NOON_MS + 1000 * number,
    )


def candle(
    minute: int, open_: str, high: str, low: str, close: str, volume: str = "1.0", *, closed: bool = True
) -> KlineData:
    open_ms = NOON_MS + 60_000 * minute
    return KlineData(
        symbol=SYMBOL,
        interval="1m",
        open_time=open_ms,
        close_time=open_ms + 59_999,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        is_closed=closed,
    )


def market_view(levels: int = 20) -> MarketView:
    """Return a market that is live, with a full screen of everything."""
    view = MarketView(SYMBOL, "1m", ticker=ticker())
    view.health.serving, view.health.latency_ms = True, 7
    view.bids = [(str(Decimal("45678.50") - n), "1.25000000") for n in range(levels)]
    view.asks = [(str(Decimal("45679.00") + n), "0.75000000") for n in range(levels)]
    for number in range(60):
        view.take_trade(trade(number, "buy" if number % 3 else "sell"))
        base = 45_600 + number
        view.take_candle(candle(number, f"{base}.00", f"{base + 9}.00", f"{base - 5}.00", f"{base + 3}.00"))
    view.states = dict.fromkeys(("ticker", "orderbook", "trades", "kline"), State.LIVE)
    return view
