"""The plots of the fan-out benchmark: what a delivered message costs, and how long it takes.

`plots` returns them as text of SVG files by name. Ours and the floor stand out by colour; a whisker is the least
and the most of the runs, and the end of a bar their median.
"""

import math
from collections.abc import Iterator, Sequence

from bench.fanout import svg
from bench.fanout.summary import Comparison, Spread, Summary

WIDTH = 860
LEFT = 190
RIGHT = 130
"""What is left free beside the bars: for the names of the servers, and for the last figure."""

BAR_HEIGHT = 13
ROW_GAP = 12
SHADES = ("faint", "middle", "")
"""From few clients to many."""

LATENCY_ROW_HEIGHT = 34


def plots(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Return the plots by the names of their files; later ones of a name replace earlier ones."""
    return dict(_plot(comparison) for comparison in comparisons if _has_figures(comparison))


def _has_figures(comparison: Comparison) -> bool:
    if comparison.mode == "fixed":
        return any(summary.latency_us for summary in _at_main(comparison))
    return any(comparison.cost_us(summary).high > 0 for summary in comparison.summaries)


def _plot(comparison: Comparison) -> tuple[str, str]:
    match comparison.mode:
        case "fixed":
            return "benchmarks-fanout-latency.svg", latency_plot(comparison)
        case "user_space":
            return "benchmarks-fanout-user-space.svg", cost_plot(comparison, "User space alone")
        case "saturated":
            return f"benchmarks-fanout-{comparison.workload}.svg", cost_plot(comparison, "CPU per delivered message")


# --- cost -----------------------------------------------------------------------------------------------


def cost_plot(comparison: Comparison, title: str) -> str:
    """Return bars of the CPU for each message: a row for each server, a bar for each number of clients."""
    bars = [(target, list(_measured(comparison, target))) for target in comparison.targets]
    most = max(comparison.cost_us(summary).high for _, found in bars for summary in found)
    step = _nice_step(most)
    scale = (WIDTH - LEFT - RIGHT) / most
    top, shapes = 100.0, list[str]()
    for target, found in bars:
        shapes += _cost_row(comparison, target, found, top, scale)
        top += BAR_HEIGHT * len(found) + ROW_GAP
    ticks = [step * turn for turn in range(int(most / step) + 1)]
    axis = _axis([(LEFT + tick * scale, f"{tick:g}") for tick in ticks], 92, top - ROW_GAP / 2)
    subtitle = [
        f"workload “{comparison.workload}”, µs a message ({_what(comparison)})",
        _shade_legend(comparison),
    ]
    return svg.picture(WIDTH, top + 26, title, subtitle, [*axis, *shapes])


def _what(comparison: Comparison) -> str:
    if comparison.mode == "user_space":
        return "user CPU, the writes made no-ops"
    return f"user and system CPU, saturated; × {comparison.floor}"


def _shade_legend(comparison: Comparison) -> str:
    counts = [f"{count:,}" for count in comparison.clients]
    if len(counts) == 1:
        return f"{counts[0]} clients; median of the runs, the whisker is their least and most"
    return f"from light to dark {', '.join(counts)} clients; median of the runs, the whisker is their least and most"


def _measured(comparison: Comparison, target: str) -> Iterator[Summary]:
    for clients in comparison.clients:
        found = comparison.find(target, clients)
        if found is not None:
            yield found


def _cost_row(comparison: Comparison, target: str, found: Sequence[Summary], top: float, scale: float) -> list[str]:
    middle = top + BAR_HEIGHT * len(found) / 2
    shapes = [svg.text(LEFT - 12, middle + 4, target, _emphasis(comparison, target), "end")]
    for turn, summary in enumerate(found):
        y, cost = top + turn * BAR_HEIGHT, comparison.cost_us(summary)
        classes = f"{_kind(comparison, target)} {_shade(comparison, summary.clients)}".strip()
        shapes.append(svg.bar(LEFT, y + 1, cost.median * scale, BAR_HEIGHT - 2, classes))
        shapes += _whisker(cost, y + BAR_HEIGHT / 2, scale)
        label = f"{_figure(cost.median)}{_times(comparison, summary)}"
        shapes.append(svg.text(LEFT + cost.high * scale + 8, y + BAR_HEIGHT - 3, label, "label"))
    return shapes


def _whisker(cost: Spread, y: float, scale: float) -> list[str]:
    low, high = LEFT + cost.low * scale, LEFT + cost.high * scale
    if high - low < 1:
        return []
    return [svg.line((low, y), (high, y), "whisker")] + [
        svg.line((x, y - 3), (x, y + 3), "whisker") for x in (low, high)
    ]


def _times(comparison: Comparison, summary: Summary) -> str:
    multiple = comparison.multiple(summary)
    return "" if multiple is None or summary.target == comparison.floor else f" · {multiple:.2f}×"


def _shade(comparison: Comparison, clients: int) -> str:
    """Return the darkest shade for most clients."""
    return SHADES[max(0, len(SHADES) - len(comparison.clients) + comparison.clients.index(clients))]


# --- latency --------------------------------------------------------------------------------------------


def latency_plot(comparison: Comparison) -> str:
    """Return the percentiles of each server on one logarithmic axis, at the main number of clients."""
    summaries = [summary for summary in _at_main(comparison) if summary.latency_us]
    medians = [spread.median for summary in summaries for spread in summary.latency_us.values()]
    low, high = (math.log10(medians_edge) for medians_edge in _decades(medians))
    scale = (WIDTH - LEFT - 40) / (high - low)
    top, shapes = 100.0, list[str]()
    for summary in summaries:
        shapes += _latency_row(comparison, summary, top + LATENCY_ROW_HEIGHT / 2, low, scale)
        top += LATENCY_ROW_HEIGHT
    ticks = [10**exponent for exponent in range(round(low), round(high) + 1)]
    axis = _axis([(LEFT + (math.log10(tick) - low) * scale, _duration(tick)) for tick in ticks], 92, top)
    rate = max(summary.messages_per_s.median for summary in summaries)
    subtitle = [
        f"{comparison.main_clients:,} clients, {rate:,.0f} messages a second; logarithmic; medians of the runs",
        "from left to right: p50 (full), p99 (ring), p99.9 and the longest (small)",
    ]
    return svg.picture(WIDTH, top + 26, "Latency at a fixed rate, trigger to client", subtitle, [*axis, *shapes])


def _at_main(comparison: Comparison) -> list[Summary]:
    """Return what the servers did with the main number of clients, the best first."""
    found = [comparison.find(target, comparison.main_clients) for target in comparison.targets]
    return [summary for summary in found if summary is not None]


def _latency_row(comparison: Comparison, summary: Summary, y: float, low: float, scale: float) -> list[str]:
    kind = _kind(comparison, summary.target)
    places = {name: LEFT + (math.log10(value.median) - low) * scale for name, value in summary.latency_us.items()}
    shapes = [svg.text(LEFT - 12, y + 4, summary.target, _emphasis(comparison, summary.target), "end")]
    shapes.append(svg.line((min(places.values()), y), (max(places.values()), y), f"line-{kind}", 2))
    for name, x in places.items():
        match name:
            case "p50":
                shapes.append(svg.dot(x, y, 5, kind))
            case "p99":
                shapes.append(svg.dot(x, y, 5, f"hollow line-{kind}"))
                shapes.append(svg.text(x, y - 8, _duration(summary.latency_us[name].median), "label", "middle"))
            case _:
                shapes.append(svg.dot(x, y, 3, kind))
    return shapes


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten around `values`."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


# --- both -----------------------------------------------------------------------------------------------


def _axis(ticks: Sequence[tuple[float, str]], top: float, bottom: float) -> list[str]:
    lines = [svg.line((x, top), (x, bottom), "grid") for x, _ in ticks]
    return lines + [svg.text(x, bottom + 16, label, "quiet small", "middle") for x, label in ticks]


def _kind(comparison: Comparison, target: str) -> str:
    return {comparison.ours: "ours", comparison.floor: "floor"}.get(target, "peer")


def _emphasis(comparison: Comparison, target: str) -> str:
    return "strong" if target in (comparison.ours, comparison.floor) else ""


def _nice_step(most: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that four to ten of it are `most`."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= most / 4)


def _figure(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _duration(us: float) -> str:
    """Return a duration in the unit that fits."""
    return f"{us:.0f} µs" if us < 1000 else f"{us / 1000:.3g} ms" if us < 1_000_000 else f"{us / 1_000_000:.3g} s"
