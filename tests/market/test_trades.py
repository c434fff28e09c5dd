"""The tape keeps the last trades."""

from finalex.market.trades import Tape
from finalex.model.events import Traded
from finalex.model.orders import Side


def test_the_last_trades_come_oldest_first() -> None:
    tape = Tape(trades_max=3)
    for number in range(1, 6):
        tape.add(Traded(symbol="BTC/USDT", trade=number, price=1, quantity=1, side=Side.BUY, time_ms=number))
    assert [trade.trade for trade in tape.last(2)] == [4, 5]
    assert [trade.trade for trade in tape.last(9)] == [3, 4, 5]
    assert tape.last(0) == []
