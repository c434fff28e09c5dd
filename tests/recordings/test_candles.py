"""Candles built from recorded trades are those that the exchange itself published."""

import csv
from decimal import Decimal
from typing import Any

import pytest

from finalex.channels.hub import Hub
from finalex.model.events import Batch, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.protocol.messages import KlineData
from finalex.protocol.streams import Stream
from finalex.sources.recorded import RecordedMarkets
from support.recordings import recording
from support.replays import FUTURES_BTC, FUTURES_ETH, replay

MINUTE_MS = 60_000
KLINES = {
    "BTC/USDT": "klines/BTCUSDT-usdm-1m-2024-07-18T2357_2024-07-19T0005.excerpt.csv",
    "ETH/USDT": "klines/ETHUSDT-usdm-1m-2024-07-18T2357_2024-07-19T0005.excerpt.csv",
}
COMPLETE_MINUTES = 7
"""The recordings begin and end within a minute; between are so many whole ones."""


class Recorder:
    """Keeps the closed candles that a hub publishes and the trades that it got."""

    def __init__(self) -> None:
        self.hub = Hub(DEFAULT_INSTRUMENTS)
        self.streams = {Stream("kline", symbol, interval="1m") for symbol in KLINES}
        self.closed: dict[tuple[str, int], KlineData] = {}
        self.trades: list[Traded] = []

    def follow(self, _reel: RecordedMarkets, batch: Batch) -> None:
        self.trades += [event for event in batch.events if isinstance(event, Traded)]
        for publication in self.hub.apply(batch, self.streams):
            data = publication.data
            assert isinstance(data, KlineData)
            if data.is_closed:
                assert (data.symbol, data.open_time) not in self.closed, "a candle is closed once"
                self.closed[data.symbol, data.open_time] = data


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    recorder = Recorder()
    source = replay(FUTURES_BTC + FUTURES_ETH, recorder.follow)
    assert source.problems.total() == 0
    return recorder


def exchange_candles(symbol: str) -> list[dict[str, str]]:
    """Return the exchange's own candles of the whole minutes."""
    with recording(KLINES[symbol]).open() as file:
        return list(csv.DictReader(file))[1 : 1 + COMPLETE_MINUTES]


@pytest.mark.parametrize("symbol", KLINES)
def test_every_whole_minute_equals_the_exchanges_candle_in_every_common_field(symbol: str, recorder: Recorder) -> None:
    theirs = exchange_candles(symbol)
    assert len(theirs) == COMPLETE_MINUTES
    for candle in theirs:
        ours = recorder.closed[symbol, int(candle["open_time"])]
        assert ours.close_time == int(candle["close_time"])
        for field in ("open", "high", "low", "close", "volume"):
            assert Decimal(getattr(ours, field)) == Decimal(candle[field]), (candle["open_time"], field)


@pytest.mark.parametrize("symbol", KLINES)
def test_the_trades_of_every_whole_minute_are_the_exchanges(symbol: str, recorder: Recorder) -> None:
    instrument = DEFAULT_INSTRUMENTS[symbol]

    def total(trades: list[Traded]) -> tuple[Decimal, Decimal]:
        volume = sum((Decimal(instrument.quantity_text(t.quantity)) for t in trades), Decimal(0))
        value = (
            Decimal(instrument.price_text(t.price)) * Decimal(instrument.quantity_text(t.quantity)) for t in trades
        )
        return volume, sum(value, Decimal(0))

    for candle in exchange_candles(symbol):
        open_ms = int(candle["open_time"])
        trades = [t for t in recorder.trades if t.symbol == symbol and 0 <= t.time_ms - open_ms < MINUTE_MS]
        bought = [trade for trade in trades if trade.side is Side.BUY]
        assert len(trades) == int(candle["count"])
        assert total(trades) == (Decimal(candle["volume"]), Decimal(candle["quote_volume"]))
        assert total(bought) == (Decimal(candle["taker_buy_volume"]), Decimal(candle["taker_buy_quote_volume"]))


@pytest.mark.parametrize("symbol", KLINES)
def test_minutes_that_the_recording_cuts_are_not_closed_at_its_end(symbol: str, recorder: Recorder) -> None:
    whole = {int(candle["open_time"]) for candle in exchange_candles(symbol)}
    first_ms = min(whole) - MINUTE_MS
    assert {open_ms for of, open_ms in recorder.closed if of == symbol} == whole | {first_ms}


def test_no_trade_came_too_late_for_its_candle(recorder: Recorder) -> None:
    assert recorder.hub.counters() == dict.fromkeys(recorder.hub.counters(), 0)


@pytest.mark.parametrize(("symbol", "count"), [("BTC/USDT", 10_701), ("ETH/USDT", 13_655)])
def test_trade_numbers_grow_by_exactly_one_and_times_never_go_back(symbol: str, count: int, recorder: Recorder) -> None:
    trades: list[Any] = [trade for trade in recorder.trades if trade.symbol == symbol]
    assert [trade.trade for trade in trades] == list(range(1, count + 1))
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)
