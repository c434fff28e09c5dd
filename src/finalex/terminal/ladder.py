"""The order book as a ladder: asks above, bids below, and how much waits at each price."""

from collections.abc import Sequence
from decimal import Decimal

from rich.text import Text

from finalex.client.local_book import Level
from finalex.terminal.market_view import MarketView

ASK, BID, QUIET = "red", "green", "bright_black"

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def ladder(view: MarketView, width: int, height: int) -> Text:
    """Return `height` lines with the best levels that fit, the spread between the sides."""
    if not view.bids and not view.asks:
        said = "the market has lost its source" if view.withdrawn else "no orders yet"
        return Text(said, style=QUIET)
    count = max(1, (height - 1) // 2)
    asks, bids = view.asks[:count], view.bids[:count]
    columns = [max((len(level[at]) for level in (*asks, *bids)), default=0) for at in (0, 1)]
    largest = max(Decimal(level[1]) for level in (*asks, *bids))
    bar_width = max(0, width - sum(columns) - 4)
    lines = [Text()] * (count - len(asks))
    lines += [_line(level, columns, largest, bar_width, ASK) for level in reversed(asks)]
    lines += [_spread(asks, bids)]
    lines += [_line(level, columns, largest, bar_width, BID) for level in bids]
    return Text("\n").join(lines[:height])


def bar(part: Decimal, whole: Decimal, width: int) -> str:
    """Return a bar of at most `width` cells, in steps of an eighth of one."""
    eighths = min(8 * width, int(8 * width * part / whole)) if whole else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _line(level: Level, columns: Sequence[int], largest: Decimal, bar_width: int, style: str) -> Text:
    price, quantity = level
    line = Text(f"{price:>{columns[0]}}", style=style)
    line.append(f"  {quantity:>{columns[1]}}  ", style="default")
    return line.append(bar(Decimal(quantity), largest, bar_width), style=f"dim {style}")


def _spread(asks: Sequence[Level], bids: Sequence[Level]) -> Text:
    if not asks or not bids:
        return Text("no " + ("asks" if bids else "bids"), style=QUIET)
    difference = Decimal(asks[0][0]) - Decimal(bids[0][0])
    percent = difference * 100 / Decimal(asks[0][0])
    return Text(f"spread {difference} ({percent:.3f} %)", style=QUIET)
