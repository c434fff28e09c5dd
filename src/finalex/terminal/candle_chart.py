"""Candles drawn with characters; each cell holds two half-steps of the price."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from finalex.protocol.messages import KlineData

_NONE, _WICK, _BODY = range(3)

_CELLS = {
    (_NONE, _NONE): " ",
    (_WICK, _WICK): "│",
    (_BODY, _BODY): "┃",
    (_NONE, _WICK): "╷",
    (_WICK, _NONE): "╵",
    (_NONE, _BODY): "╻",
    (_BODY, _NONE): "╹",
    (_WICK, _BODY): "╽",
    (_BODY, _WICK): "╿",
}

BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Column:
    """One candle: its cells from the top, the height of its volume in eighths of a row, and whether it rose."""

    cells: str
    volume_eighths: int
    rose: bool


@dataclass(frozen=True)
class Chart:
    """Candles oldest first, in rows from `high` down to `low`; `last_row` is the row of the last close."""

    columns: list[Column]
    high: Decimal
    low: Decimal
    last_row: int

    def price_at(self, row: int, rows: int) -> Decimal:
        """Return the price at the middle of a row."""
        return self.high - (self.high - self.low) * (2 * row + 1) / (2 * rows)


def draw_chart(candles: Sequence[KlineData], rows: int, volume_rows: int) -> Chart:
    """Return the chart of at least one candle, with `rows` for prices and `volume_rows` below them."""
    high = max(Decimal(candle.high) for candle in candles)
    low = min(Decimal(candle.low) for candle in candles)
    if high == low:
        high, low = high + 1, low - 1
    volume_max = max(Decimal(candle.volume) for candle in candles) or Decimal(1)

    def steps_between(upper: str, lower: str) -> range:
        """Return the half-steps from a price down to another, counted from the top, one at least."""
        begin, end = ((high - Decimal(price)) / (high - low) * 2 * rows for price in (upper, lower))
        first = min(int(begin), 2 * rows - 1)
        return range(first, max(first + 1, ceil(end)))

    columns = []
    for candle in candles:
        steps = [_NONE] * (2 * rows)
        for at in steps_between(candle.high, candle.low):
            steps[at] = _WICK
        for at in steps_between(*sorted((candle.open, candle.close), key=Decimal, reverse=True)):
            steps[at] = _BODY
        cells = "".join(_CELLS[steps[at], steps[at + 1]] for at in range(0, 2 * rows, 2))
        eighths = int(Decimal(candle.volume) / volume_max * 8 * volume_rows)
        columns.append(Column(cells, eighths, Decimal(candle.close) >= Decimal(candle.open)))
    return Chart(columns, high, low, steps_between(candles[-1].close, candles[-1].close)[0] // 2)


def volume_cell(eighths: int, row_from_bottom: int) -> str:
    """Return a cell of a volume bar."""
    return BARS[max(0, min(8, eighths - 8 * row_from_bottom))]
