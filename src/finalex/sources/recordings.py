"""Recordings: files of raw messages, one `<local receive time, ns> <JSON>` a line, plain or gzip."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from finalex.model.instruments import Instruments
from finalex.sources.formats import FORMATS, Format
from finalex.sources.messages import Contents, Message, Other, market_of, market_time_ms

LINE_BYTES_MAX = 1 << 20
"""A longer line is not read; a depth snapshot of 5,000 levels a side takes a third of it."""

FIRST_LINES_MAX = 1000
"""A file tells within so many lines what it is about."""

LINES_A_NOTE = 1000
"""After so many lines it is told how far the reading is."""

Note = Callable[[Path, int], None]
"""Hears of a file, and how many bytes of it have been read."""


def leave_unnoted(_path: Path, _size_bytes: int) -> None:
    """Note nothing."""


_REST = Other("the rest of a line that is too long")
_GZIP_MAGIC = b"\x1f\x8b"
_UNREADABLE = (OSError, EOFError, zlib.error)


class RecordingError(ValueError):
    """A recording that cannot be played; the sentence names the file."""


class Recording(msgspec.Struct, frozen=True):
    """A file that was looked into.

    `markets` is what is played of it: the symbol of each by what the recorded exchange calls it; `others` is what
    else is in it. The times are the two clocks at the first message with a time.
    """

    path: Path
    format: Format
    markets: dict[str, str]
    others: frozenset[str]
    start_ms: int
    receive_ns: int

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that it is played as."""
        return tuple(self.markets.values())

    def symbol_of(self, market: str) -> str | None:
        """Return the symbol of what the recorded exchange calls `market`, empty for the only one; else `None`."""
        return self.symbols[0] if self.format.one_market and not market else self.markets.get(market)


class Fault(msgspec.Struct, frozen=True):
    """What could not be read; `book` tells whether an update of a book may be lost with it."""

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

    Without a symbol a file is played as the instruments whose symbols, or bases and quotes (BTCUSDT is BTC/USDT),
    its messages name. With one, its only market is played as that, or of several the one that is called so.
    Raises `RecordingError` for what is no file, no recording, or of no instrument.
    """
    names = [name.strip() for name in argument.split(",")]
    if not all(names):
        raise RecordingError("a recording's name is empty: expected replay:FILE[,FILE…]")
    return [_open_recording(name, instruments) for name in names]


def read_lines(path: Path, form: Format, note: Note = leave_unnoted) -> Iterator[Line]:
    """Read the lines of a file one by one; what cannot be read comes as a `Fault`, nothing is raised.

    `note` hears now and then how many bytes of the file have been read, compressed ones if they are.
    A line that is too long is a fault at its beginning; what follows of it comes piece by piece as `Other`.
    """
    number, receive_ns = 0, 0
    try:
        for number, text in _texts(path, note):
            content: Message | Fault = _REST
            if text:
                receive_ns, content = _read(text, receive_ns, form)
            yield Line(number, receive_ns, content)
    except _UNREADABLE as error:
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
    form = _detect(path)
    found, start_ms, receive_ns = _look_into(path, form)
    markets = _map_markets(path, found, symbol, instruments)
    return Recording(path, form, markets, frozenset(found) - frozenset(markets), start_ms, receive_ns)


def _map_markets(path: Path, found: list[str], symbol: str | None, instruments: Instruments) -> dict[str, str]:
    if symbol is not None:
        if len(found) > 1 and symbol not in found:
            raise RecordingError(f"{path}: '{symbol}' is none of its markets: {', '.join(found)}")
        return {symbol if len(found) > 1 else found[0]: symbol}
    names = {i.base + i.quote: i.symbol for i in instruments.values()} | {symbol: symbol for symbol in instruments}
    for market in found:
        if market not in names:
            hint = f"name one: {path}=SYMBOL"
            raise RecordingError(f"{path}: its market {market} is no instrument of this server; {hint}")
    return {market: names[market] for market in found}


def _detect(path: Path) -> Format:
    """Return the format of a file; the first one if no line tells."""
    with suppress(*_UNREADABLE):
        for _, text in islice(_texts(path), FIRST_LINES_MAX):
            for form in FORMATS:
                with suppress(ValueError):
                    form.decode(text.partition(b" ")[2])
                    return form
    return FORMATS[0]


def _look_into(path: Path, form: Format) -> tuple[list[str], int, int]:
    """Return what the markets of a file are called, and the two clocks at its beginning."""
    fault = None
    markets: list[str] = []
    start: tuple[int, int] | None = None
    whole = False
    for number, receive_ns, content in islice(read_lines(path, form), FIRST_LINES_MAX):
        if isinstance(content, Fault):
            fault = fault or f"line {number}: {content.reason}"
        elif isinstance(content, Contents):
            markets += [symbol for symbol in content.symbols if symbol not in markets]
            whole = True
        else:
            time_ms, market = market_time_ms(content), market_of(content)
            start = start or ((time_ms, receive_ns) if time_ms else None)
            markets += [market] if market and market not in markets else []
        if start and markets and (whole or form.one_market):
            break
    if start is None or not markets:
        reason = fault or f"the first {FIRST_LINES_MAX} lines name none"
        raise RecordingError(f"{path}: not a recording of a market ({reason})")
    return markets, *start


def _texts(path: Path, note: Note = leave_unnoted) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines of a file as `_split` does; raises `_UNREADABLE`."""
    with path.open("rb") as file:
        for number, text in _split(_plain(file)):
            yield number, text
            if not number % LINES_A_NOTE:
                note(path, file.tell())
        note(path, file.tell())


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


def _read(text: bytes, before_ns: int, form: Format) -> tuple[int, Message | Fault]:
    try:
        return _parse(text, form)
    except ValueError as error:
        return before_ns, Fault(str(error)[:200], book=not form.no_book.match(text.partition(b" ")[2]))


def _parse(text: bytes, form: Format) -> tuple[int, Message]:
    if len(text) > LINE_BYTES_MAX:
        raise ValueError(f"longer than {LINE_BYTES_MAX} bytes")
    head, _, body = text.partition(b" ")
    if not (head.isdigit() and len(head) <= 19):
        raise ValueError("no receive time")
    message = form.decode(body)
    if form.clock_skew_ms_max is not None:
        time_ms = market_time_ms(message)
        if time_ms is not None and abs(time_ms - int(head) // 1_000_000) > form.clock_skew_ms_max:
            raise ValueError(f"time {time_ms} is far from the receive time")
    return int(head), message
