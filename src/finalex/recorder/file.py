"""The file that a recording is written to: whole lines, and a file that is sound whatever happens."""

import gzip
import os
from pathlib import Path

BLOCK_BYTES_MAX = 1 << 18
"""So much text is gathered at most before it is written."""

GZIP_SUFFIX = ".gz"
COMPRESSION_LEVEL = 6


class RecordingFile:
    """A new file of lines `<local receive time, ns> <JSON>`: gzip if its name ends so, else plain text.

    Lines are gathered and written in blocks; each block of a gzip file can be unpacked by itself (RFC 1952 section
    2.2). So the file is whole after every `flush`, and if a block cannot be written, for instance because the disk is
    full, it is cut back to the last one that could. All methods raise `OSError`, the constructor also if there is a
    file of this name already: recordings are never overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._compressed = path.suffix == GZIP_SUFFIX
        self._lines: list[bytes] = []
        self._gathered_bytes = 0
        self._receive_ns = 0
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, receive_ns: int, text: bytes) -> None:
        """Add a line. A time before the last one's is raised to it; line breaks in `text` become blanks."""
        self._receive_ns = max(self._receive_ns, receive_ns)
        if b"\n" in text or b"\r" in text:
            text = text.replace(b"\n", b" ").replace(b"\r", b" ")
        line = b"%d %b\n" % (self._receive_ns, text)
        self._lines.append(line)
        self._gathered_bytes += len(line)
        if self._gathered_bytes >= BLOCK_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; if that fails, it is lost, and the file is as it was."""
        if not self._lines:
            return
        text = b"".join(self._lines)
        self._lines, self._gathered_bytes = [], 0
        self._write_block(gzip.compress(text, COMPRESSION_LEVEL) if self._compressed else text)

    def close(self) -> None:
        """Write what was gathered, make it durable and let go of the file; again does nothing."""
        if self._descriptor is None:
            return
        try:
            self.flush()
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def discard(self) -> None:
        """Delete the file: there is nothing in it that anybody wants."""
        self._lines = []
        self.close()
        self.path.unlink(missing_ok=True)

    def _write_block(self, block: bytes) -> None:
        if self._descriptor is None:
            raise ValueError("the file is closed")
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
            raise
        self.size_bytes += len(block)
