"""Recordings: files of raw Binance messages, one `<local receive time, ns> <JSON>` a line, plain or gzip."""

import gzip
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from finalex.model.instruments import Instruments
from finalex.sources.binance import Message, Other, Snapshot, decode, market_time_ms

LINE_BYTES_MAX = 1 << 20
"""A longer line is not read; a depth snapshot of 5,000 levels a side takes a third of it."""

FIRST_LINES_MAX = 1000
"""A file tells within so many lines which symbol it is about."""

CLOCK_SKEW_MS_MAX = 60_000
"""A message whose time is further from its receive time is not believed (measured: 1.2 to 1.6 s)."""

_REST = Other("the rest of a line that is too long")
_GZIP_MAGIC = b"\x1f\x8b"
_NO_DEPTH = re.compile(rb'\d+ \{"stream":"[^"@]*@(?:trade|bookTicker)["@]')


class RecordingError(ValueError):
    """A recording that cannot be played; the sentence names the file."""


class Recording(msgspec.Struct, frozen=True):
    """A file that was looked into.

    `market` is what the exchange calls its symbol; the times are the two clocks at the first timed message.
    """

    path: Path
    symbol: str
    market: str
    start_ms: int
    receive_ns: int


class Fault(msgspec.Struct, frozen=True):
    """What could not be read; `book` tells whether an update of the book may be lost with it."""

    reason: str
    book: bool


class Line(NamedTuple):
    """A line of a file: its number from 1, when the recorder received it, and what it says.

    A fault has the receive time of the line before.
    """

    number: int
    receive_ns: int
    content: Message | Fault


def open_recordings(argument: str, instruments: Instruments) -> list[Recording]:
    """Return the recordings that `FILE[,FILE…]` names, in that order; a file may be `FILE=SYMBOL`.

    Without a symbol it is the instrument whose base and quote the file's first message names (BTCUSDT is
    BTC/USDT). Raises `RecordingError` for what is no file, no recording, or of no instrument.
    """
    names = [name.strip() for name in argument.split(",")]
    if not all(names):
        raise RecordingError("a recording's name is empty: expected replay:FILE[,FILE…]")
    return [_open_recording(name, instruments) for name in names]


def read_lines(path: Path) -> Iterator[Line]:
    """Read the lines of a file one by one; what cannot be read comes as a `Fault`, nothing is raised.

    A line that is too long is a fault at its beginning; what follows of it comes piece by piece as `Other`.
    """
    number, receive_ns = 0, 0
    try:
        with path.open("rb") as file:
            for number, text in _split(_plain(file)):
                content: Message | Fault = _REST
                if text:
                    receive_ns, content = _read(text, receive_ns)
                yield Line(number, receive_ns, content)
    except (OSError, EOFError, zlib.error) as error:
        yield Line(number + 1, receive_ns, Fault(f"the file ends early: {error}"[:200], book=True))


def _open_recording(name: str, instruments: Instruments) -> Recording:
    path, symbol = Path(name).expanduser(), None
    if "=" in name and not path.exists():
        name, _, symbol = name.rpartition("=")
        path = Path(name).expanduser()
        if symbol not in instruments:
            raise RecordingError(f"{path}: '{symbol}' is no instrument of this server")
    if not path.is_file():
        raise RecordingError(f"{path}: no such file")
    market, start_ms, receive_ns = _look_into(path)
    symbol = symbol or {i.base + i.quote: i.symbol for i in instruments.values()}.get(market)
    if symbol is None:
        raise RecordingError(f"{path}: its market {market} is no instrument of this server; name one: {path}=SYMBOL")
    return Recording(path, symbol, market, start_ms, receive_ns)


def _look_into(path: Path) -> tuple[str, int, int]:
    fault = None
    for number, receive_ns, content in islice(read_lines(path), FIRST_LINES_MAX):
        if isinstance(content, Fault):
            fault = fault or f"line {number}: {content.reason}"
        elif not isinstance(content, Snapshot | Other) and (time_ms := market_time_ms(content)):
            return content.symbol, time_ms, receive_ns
    reason = fault or f"the first {FIRST_LINES_MAX} lines name none"
    raise RecordingError(f"{path}: not a recording of a Binance market ({reason})")


def _plain(file: BinaryIO) -> BinaryIO:
    magic = file.read(len(_GZIP_MAGIC))
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if magic == _GZIP_MAGIC else file  # type: ignore[return-value]


def _split(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield lines with their numbers: of one that is too long the beginning, then nothing for each further piece."""
    number, whole = 0, True
    while text := file.readline(LINE_BYTES_MAX + 1):
        number += whole
        yield number, text if whole else b""
        whole = text.endswith(b"\n") or len(text) <= LINE_BYTES_MAX


def _read(text: bytes, before_ns: int) -> tuple[int, Message | Fault]:
    try:
        return _parse(text)
    except ValueError as error:
        return before_ns, Fault(str(error)[:200], book=not _NO_DEPTH.match(text))


def _parse(text: bytes) -> tuple[int, Message]:
    if len(text) > LINE_BYTES_MAX:
        raise ValueError(f"longer than {LINE_BYTES_MAX} bytes")
    head, _, body = text.partition(b" ")
    if not (head.isdigit() and len(head) <= 19):
        raise ValueError("no receive time")
    message = decode(body)
    time_ms = market_time_ms(message)
    if time_ms is not None and abs(time_ms - int(head) // 1_000_000) > CLOCK_SKEW_MS_MAX:
        raise ValueError(f"time {time_ms} is far from the receive time")
    return int(head), message
