"""Lines into a pipe or a file, each at once."""

import asyncio
import os
import stat
from typing import BinaryIO


class Pipe:
    """Writes lines to `stream`, which need not be read fast: writing waits.

    `broken` is set when nobody reads any more, also while there is nothing to write.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.broken = asyncio.Event()
        self._stream = stream
        self._watched: int | None = None

    def write(self, line: bytes) -> None:
        """Write a line; raises `BrokenPipeError` if nobody reads."""
        self._stream.write(line + b"\n")
        self._stream.flush()

    def __enter__(self) -> "Pipe":
        try:
            descriptor = self._stream.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                asyncio.get_running_loop().add_reader(descriptor, self._note_break)
                self._watched = descriptor
        except OSError:  # it has no descriptor
            pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)

    def _note_break(self) -> None:
        """The end of a pipe that is written to becomes readable only by its break."""
        self.broken.set()
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None
