"""Made-up lines of a recording, in the form in which Binance's messages were recorded."""

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

START_MS = 1_700_000_040_000
"""A whole minute, from which the tests count."""

RECORDER_LAG_MS = 1_300
"""How far the recorder's clock is behind the exchange's."""

Levels = Sequence[tuple[str, str]]


def line(body: dict[str, Any], at_ms: int) -> bytes:
    """Return one line that was recorded when the exchange's clock showed `at_ms` after the start."""
    return f"{(START_MS + at_ms - RECORDER_LAG_MS) * 1_000_000} {json.dumps(body, separators=(',', ':'))}\n".encode()


def frame(stream: str, data: dict[str, Any], at_ms: int) -> bytes:
    """Return the line of a stream's message."""
    return line({"stream": f"{data['s'].lower()}@{stream}", "data": data}, at_ms)


def update(
    first: int, last: int, previous: int | None = None, *, bids: Levels = (), asks: Levels = (), at_ms: int = 0
) -> bytes:
    """Return the line of a depth update: of USD-M futures with `previous`, else of spot."""
    data = {"e": "depthUpdate", "E": START_MS + at_ms, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    futures = {} if previous is None else {"pu": previous, "T": START_MS + at_ms}
    return frame("depth@100ms", data | futures, at_ms)


def snapshot(last: int, *, bids: Levels = (), asks: Levels = (), at_ms: int = 0) -> bytes:
    """Return the line of a depth snapshot of spot, which has no times."""
    return line({"lastUpdateId": last, "bids": bids, "asks": asks}, at_ms)


def trade(
    number: int,
    price: str = "100",
    quantity: str = "1",
    *,
    at_ms: int = 0,
    late_ms: int = 0,
    symbol: str = "BTCUSDT",
    sold: bool = False,
    kind: str | None = None,
) -> bytes:
    """Return the line of a trade that happened `late_ms` before `at_ms`."""
    data = {"e": "trade", "E": START_MS + at_ms, "s": symbol, "t": number, "p": price, "q": quantity, "m": sold}
    return frame("trade", data | {"T": START_MS + at_ms - late_ms} | ({"X": kind} if kind else {}), at_ms)


def write(path: Path, lines: Iterable[bytes]) -> Path:
    """Write a recording, gzipped if its name ends so, and return its path."""
    text = b"".join(lines)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path
