"""What somebody at a terminal sees of a recording: a line that shows how it goes, and sentences above it."""

from typing import TextIO

from finalex.bars import bar_text
from finalex.recorder.intake import Counts

_ERASE = "\r\x1b[K"
_UNITS = ("kB", "MB", "GB", "TB")


class Progress:
    """Writes to `stream`; the line that is written over itself appears on a terminal alone.

    It begins with a bar if the recording takes `seconds`, and not until somebody stops it.
    """

    def __init__(self, stream: TextIO, seconds: float | None = None) -> None:
        self._stream = stream
        self._seconds = seconds
        self._gone_s = 0.0
        self._terminal = stream.isatty()
        self._shown = False
        self._bytes = 0

    def show(self, counts: Counts, size_bytes: int, elapsed_s: float) -> None:
        """Show how far the recording is, `elapsed_s` after the last time."""
        if not self._terminal:
            return
        rate = (counts.bytes - self._bytes) / elapsed_s if elapsed_s > 0 else 0
        self._bytes = counts.bytes
        self._gone_s += elapsed_s
        bar = "" if self._seconds is None else f"{bar_text(self._gone_s / self._seconds)}  "
        text = f"{summary(counts)}, {size_text(int(rate))}/s, {size_text(size_bytes)} in the file"
        self._write(f"{_ERASE}{bar}{text}")
        self._shown = True

    def say(self, sentence: str) -> None:
        """Write a sentence on a line of its own."""
        shown = "".join(character if character.isprintable() else "?" for character in sentence)
        self._write(f"{_ERASE if self._shown else ''}finalex: {shown}\n")
        self._shown = False

    def end(self) -> None:
        """Leave the last line as it is, and go on below it."""
        if self._shown:
            self._write("\n")
        self._shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def summary(counts: Counts) -> str:
    """Return what was recorded, in words."""
    parts = [_number(counts.messages, "message"), size_text(counts.bytes)]
    parts += [_number(counts.gaps, "gap")] if counts.gaps else []
    parts += [_number(counts.disconnects, "disconnection")] if counts.disconnects else []
    return ", ".join(parts)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(size_bytes: int) -> str:
    """Return a number of bytes as people read it, in powers of 1000."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    power = min(len(_UNITS), (len(str(size_bytes)) - 1) // 3)
    return f"{size_bytes / 1000**power:.1f} {_UNITS[power - 1]}"
