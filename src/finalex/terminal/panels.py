"""The panels of the screen: each draws one part of a market in the space that it is given."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from rich.box import ROUNDED
from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.text import Text

from finalex.client.feeds import State
from finalex.protocol.messages import TickerData
from finalex.terminal.candle_chart import draw_chart, volume_cell
from finalex.terminal.ladder import ASK, BID, QUIET, ladder
from finalex.terminal.market_view import MarketView

Draw = Callable[[MarketView, int, int], Text]
"""Draws something in so many columns and rows."""


class Part:
    """A panel with a frame; `channel` is where its contents come from, and its frame says whether they are live."""

    def __init__(self, view: MarketView, title: str, channel: str, draw: Draw) -> None:
        self._view = view
        self._title = title
        self._state = view.states.get(channel, State.RESUMING)
        self._draw = draw

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or options.max_height
        live = self._state is State.LIVE
        title = Text(self._title, style="bold" if live else "bold yellow")
        if not live:
            title.append(f" · {self._state}", style="yellow")
        inside = self._draw(self._view, max(1, width - 4), max(1, height - 2))
        inside.no_wrap, inside.overflow = True, "crop"
        yield Panel(inside, title=title, box=ROUNDED, border_style=QUIET if live else "yellow", height=height)


def header(view: MarketView, width: int) -> Text:
    """Return two lines: the price with its change, how the connection does, and the last 24 hours."""
    left, right = Text(view.symbol, style="bold"), _connection(view)
    if view.ticker is not None:
        left.append("  ").append_text(_price(view.ticker))
    gap = max(2, width - left.cell_len - right.cell_len)
    first = left.append(" " * gap).append_text(right)
    return first.append("\n").append_text(_day(view.ticker) if view.ticker else Text("no ticker yet", style=QUIET))


def tape(view: MarketView, width: int, height: int) -> Text:
    """Return the last trades, the newest above."""
    if not view.trades:
        return Text("no trades yet", style=QUIET)
    shown = list(view.trades)[:height]
    price_width = max(len(trade.price) for trade in shown)
    room = width - 10 - price_width
    lines = []
    for trade in shown:
        time = datetime.fromtimestamp(trade.timestamp // 1000, UTC).strftime("%H:%M:%S")
        line = Text(f"{time}  ", style=QUIET)
        line.append(f"{trade.price:>{price_width}}", style=BID if trade.side == "buy" else ASK)
        lines.append(line.append(f"  {trade.quantity:>{max(0, room - 2)}}"))
    return Text("\n").join(lines)


def candles(view: MarketView, width: int, height: int) -> Text:
    """Return the candles that fit, their prices at the right, volumes and times below."""
    if not view.candles or height < 4:
        return Text("no candles yet" if height >= 4 else "", style=QUIET)
    label_width = len(view.candles[-1].close) + 1
    shown = list(view.candles)[-max(1, width - label_width) :]
    volume_rows = height // 6
    rows = height - 1 - volume_rows
    chart = draw_chart(shown, rows, volume_rows)
    decimals = Decimal(shown[-1].close)
    lines = []
    for row in range(rows):
        line = Text()
        for column in chart.columns:
            line.append(column.cells[row], style=BID if column.rose else ASK)
        labelled = row % 4 == 0 or row == chart.last_row
        price = shown[-1].close if row == chart.last_row else str(chart.price_at(row, rows).quantize(decimals))
        style = "bold reverse" if row == chart.last_row else QUIET
        line.append(" " * (width - label_width - len(shown)) + " ").append(price if labelled else "", style=style)
        lines.append(line)
    for row in reversed(range(volume_rows)):
        line = Text()
        for column in chart.columns:
            line.append(volume_cell(column.volume_eighths, row), style=f"dim {BID if column.rose else ASK}")
        lines.append(line)
    return Text("\n").join([*lines, _times(view, [candle.open_time for candle in shown])])


def book(view: MarketView, width: int, height: int) -> Text:
    """See `ladder`."""
    return ladder(view, width, height)


def footer(view: MarketView) -> Text:
    """Return the last line: what one can do, and what has come."""
    losses = view.health.losses
    said = f" · {losses} reconnection{'' if losses == 1 else 's'}" if losses else ""
    return Text(" q leaves", style=QUIET).append(f" · {view.health.messages:,} messages{said}")


def _price(ticker: TickerData) -> Text:
    down = ticker.change_24h.startswith("-")
    sign = "" if down else "+"
    text = Text(ticker.price, style=f"bold {ASK if down else BID}")
    change = f" {'▼' if down else '▲'} {sign}{ticker.change_24h} ({sign}{ticker.change_percent_24h} %)"
    return text.append(change, style=f"not bold {ASK if down else BID}")


def _day(ticker: TickerData) -> Text:
    base = ticker.symbol.partition("/")[0]
    named = (
        *(("high", ticker.high_24h), ("low", ticker.low_24h), ("volume", f"{ticker.volume_24h} {base}")),
        *(("bid", ticker.bid), ("ask", ticker.ask)),
    )
    text = Text("24 h", style=QUIET)
    for name, value in named:
        text.append(f"  {name} ", style=QUIET).append(value, style="default")
    return text


def _connection(view: MarketView) -> Text:
    health = view.health
    if not health.serving:
        if not health.losses and not health.failures:
            return Text("○ connecting", style="yellow")
        return Text(f"○ connection lost, again in {max(0, view.wait_ms) / 1000:.0f} s", style="bold red")
    measured = "" if health.latency_ms is None else f" {max(1, health.latency_ms)} ms"
    below = "<" if health.latency_ms == 0 else ""
    behind = any(state is not State.LIVE for state in view.states.values())
    if behind:
        return Text("◐ catching up", style="yellow")
    return Text("● live", style=BID).append(f" {below}{measured.strip()}" if measured else "", style=QUIET)


def _times(view: MarketView, opened_ms: list[int]) -> Text:
    """Return a line with the time below every candle that begins a group."""
    form = "%H:%M" if view.interval[-1] in "mh" else "%d %b"
    line = ""
    for at, open_ms in enumerate(opened_ms):
        if at % 12 == 0 and len(line) <= at and at + 6 <= max(len(opened_ms), 6):
            line = line.ljust(at) + datetime.fromtimestamp(open_ms // 1000, UTC).strftime(form)
    return Text(line, style=QUIET)
