"""A few shapes of SVG, in a picture that carries its own background and so is read on light and dark pages alike."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Number = float | int

_SHAPES = """
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px; }
  .title { font-size: 16px; font-weight: 600; }
  .small, .label { font-size: 10.5px; }
  .label { stroke-width: 3px; paint-order: stroke; }
  .strong { font-weight: 600; }
  .whisker { stroke-opacity: 0.7; }
  .hollow { stroke-width: 2; }
  .faint { fill-opacity: 0.45; } .middle { fill-opacity: 0.7; }
"""

_COLOURS = """
  text {{ fill: {ink}; }} .whisker {{ stroke: {ink}; }} .quiet {{ fill: {quiet}; }}
  .grid {{ stroke: {grid}; }} .paper {{ fill: {paper}; stroke: {edge}; }}
  .ours {{ fill: {ours}; }} .peer {{ fill: {peer}; }} .floor {{ fill: {floor}; }}
  .line-ours {{ stroke: {ours}; }} .line-peer {{ stroke: {peer}; }} .line-floor {{ stroke: {floor}; }}
  .hollow {{ fill: {paper}; }} .label {{ stroke: {paper}; }}
"""

_LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2937",
    "quiet": "#64748b",
    "grid": "#e2e8f0",
    "edge": "#cbd5e1",
    "ours": "#2563eb",
    "peer": "#94a3b8",
    "floor": "#475569",
}
_DARK = {
    "paper": "#0f172a",
    "ink": "#e2e8f0",
    "quiet": "#94a3b8",
    "grid": "#1e293b",
    "edge": "#334155",
    "ours": "#60a5fa",
    "peer": "#64748b",
    "floor": "#cbd5e1",
}
_STYLE = (
    _SHAPES + _COLOURS.format(**_LIGHT) + "@media (prefers-color-scheme: dark) {" + _COLOURS.format(**_DARK) + "}\n"
)
"""Plain colours, and once more for dark screens: not every program that shows SVG knows variables."""


def text(x: Number, y: Number, words: str, classes: str = "", anchor: Anchor = "start") -> str:
    """Return a line of text whose baseline is at `y`."""
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{_class(classes)}>{escape(words)}</text>'


def bar(x: Number, y: Number, width: Number, height: Number, classes: str) -> str:
    """Return a rectangle that is never too thin to be seen."""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 1))}" height="{_n(height)}" rx="1.5"{_class(classes)}/>'
    )


def line(start: tuple[Number, Number], end: tuple[Number, Number], classes: str, width: Number = 1) -> str:
    """Return a straight line."""
    (x1, y1), (x2, y2) = start, end
    points = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    return f'<line {points} stroke-width="{_n(width)}"{_class(classes)}/>'


def dot(x: Number, y: Number, radius: Number, classes: str) -> str:
    """Return a disc."""
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"{_class(classes)}/>'


def picture(width: Number, height: Number, title: str, subtitle: Sequence[str], shapes: Iterable[str]) -> str:
    """Return a whole file; `title` and the lines of `subtitle` stand at its top, `shapes` lie where they say."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{_n(width - 1)}" height="{_n(height - 1)}" rx="8" class="paper"/>',
        text(20, 30, title, "title"),
        *(text(20, 50 + 16 * row, words, "quiet") for row, words in enumerate(subtitle)),
        *shapes,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _class(classes: str) -> str:
    return f' class="{classes}"' if classes else ""


def _n(number: Number) -> str:
    """Return a length with at most one decimal: more only makes the file longer."""
    return f"{number:.1f}".removesuffix(".0")
