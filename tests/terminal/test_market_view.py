"""What a screen keeps of a market."""

from finalex.terminal.market_view import CANDLES_MAX, TRADES_MAX, MarketView
from terminal.market import SYMBOL, candle, trade


def test_a_later_version_of_a_candle_takes_its_place() -> None:
    view = MarketView(SYMBOL, "1m")
    for close, closed in (("2", False), ("3", False), ("4", True)):
        view.take_candle(candle(0, "1", "5", "1", close, closed=closed))
    view.take_candle(candle(1, "4", "4", "4", "4"))

    assert [each.close for each in view.candles] == ["4", "4"]


def test_the_newest_trade_is_first() -> None:
    view = MarketView(SYMBOL, "1m")
    view.take_trade(trade(1))
    view.take_trade(trade(2))

    assert [each.trade_id for each in view.trades] == ["2", "1"]


def test_what_no_screen_can_show_is_forgotten() -> None:
    view = MarketView(SYMBOL, "1m")
    for number in range(1000):
        view.take_trade(trade(number))
        view.take_candle(candle(number, "1", "1", "1", "1"))

    assert (len(view.trades), len(view.candles)) == (TRADES_MAX, CANDLES_MAX)
    assert view.trades[0].trade_id == "999"
