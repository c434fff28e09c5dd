"""Candles as characters."""

from decimal import Decimal

from finalex.terminal.candle_chart import draw_chart, volume_cell
from terminal.market import candle


def rows_of(*candles: tuple[str, str, str, str], rows: int = 4) -> list[str]:
    chart = draw_chart([candle(at, *prices) for at, prices in enumerate(candles)], rows, 0)
    return ["".join(column.cells[row] for column in chart.columns) for row in range(rows)]


def test_a_body_fills_from_open_to_close_and_a_wick_from_low_to_high() -> None:
    assert rows_of(("2", "8", "0", "6")) == ["│", "┃", "┃", "│"]


def test_half_a_row_is_seen() -> None:
    assert rows_of(("3", "8", "0", "5")) == ["│", "╽", "╿", "│"]
    assert rows_of(("0", "8", "0", "1"), ("8", "8", "8", "8")) == ["│╹", "│ ", "│ ", "╽ "]


def test_candles_stand_where_their_prices_are() -> None:
    assert rows_of(("0", "2", "0", "2"), ("6", "8", "6", "8")) == [" ┃", "  ", "  ", "┃ "]


def test_one_price_alone_is_in_the_middle() -> None:
    chart = draw_chart([candle(0, "5", "5", "5", "5")], 4, 0)

    assert (chart.high, chart.low, chart.last_row) == (Decimal(6), Decimal(4), 2)


def test_the_rows_are_labelled_with_the_prices_in_their_middle() -> None:
    chart = draw_chart([candle(0, "0", "8", "0", "8")], 4, 0)

    assert [chart.price_at(row, 4) for row in range(4)] == [Decimal(7), Decimal(5), Decimal(3), Decimal(1)]


def test_the_largest_volume_fills_its_rows() -> None:
    candles = [candle(0, "1", "2", "1", "2", "4.0"), candle(1, "2", "2", "1", "1", "1.0")]
    first, second = draw_chart(candles, 4, 2).columns

    assert [volume_cell(first.volume_eighths, row) for row in range(2)] == ["█", "█"]
    assert [volume_cell(second.volume_eighths, row) for row in range(2)] == ["▄", " "]
    assert (first.rose, second.rose) == (True, False)


def test_a_market_without_volume_has_no_bars() -> None:
    assert draw_chart([candle(0, "1", "2", "1", "2", "0.0")], 4, 2).columns[0].volume_eighths == 0
