"""How the panels share a screen of a given size."""

from rich.console import RenderableType
from rich.layout import Layout

from finalex.terminal import panels
from finalex.terminal.market_view import MarketView
from finalex.terminal.panels import Part

WIDE = 110
"""From so many columns on, book, candles and trades stand side by side."""

NARROW = 60
"""Below so many columns there is the book alone."""

LOW = 12
"""Below so many rows there is the header alone."""


def screen(view: MarketView, width: int, height: int) -> RenderableType:
    """Return the market as it fits into so many columns and rows."""
    top = panels.header(view, width)
    top.no_wrap, top.overflow = True, "ellipsis"
    if height < LOW:
        return top
    whole = Layout()
    whole.split_column(Layout(top, size=2), Layout(name="body"), Layout(panels.footer(view), size=1))
    book = Layout(Part(view, "order book", "orderbook", panels.book))
    chart = Layout(Part(view, f"candles {view.interval}", "kline", panels.candles))
    trades = Layout(Part(view, "trades", "trades", panels.tape))
    body = whole["body"]
    if width >= WIDE:
        book.size, trades.size = 40, 38
        body.split_row(book, chart, trades)
    elif width >= NARROW:
        right = Layout()
        right.split_column(chart, trades)
        chart.ratio, trades.ratio = 3, 2
        book.size = 38
        body.split_row(book, right)
    else:
        body.split_row(book)
    return whole
