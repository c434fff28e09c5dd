"""A store without its thread: what the writer does, step by step, as tests want it."""

import os
from collections.abc import Sequence
from pathlib import Path

from finalex.log.disk import Disk
from finalex.log.records import Entry, encode_batch, pack
from finalex.log.schema import FILE_NAME, create_database
from finalex.log.store import Store
from finalex.model.events import AnyEvent, Batch


class OpenStore:
    """A store, new or as it was left, that is written to as the writer does; `batches` is what was written."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        if not self.path.exists():
            directory.mkdir(exist_ok=True)
            create_database(self.path, Disk(), 1)
        self.store = Store(self.path, Disk())
        self.batches: list[Batch] = []
        self._time_ms = self.store.time_ms

    def write(self, *groups: Sequence[AnyEvent], time_ms: int | None = None) -> None:
        """Write one record of batches of events, each 10 ms after the one before, or at `time_ms`."""
        entries, previous = [], self.store.last
        for number, events in enumerate(groups, previous + 1):
            at_ms = self._time_ms + 10 if time_ms is None else time_ms
            entries.append(Entry(number, at_ms, encode_batch(at_ms - self._time_ms, events)))
            self.batches.append(Batch(sequence=number, time_ms=at_ms, events=tuple(events)))
            self._time_ms = at_ms
        self.store.write(pack(entries, previous))

    def close(self) -> None:
        self.store.close(clean=True)


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file that nobody has open."""
    with open(path, "r+b") as file:
        (byte,) = os.pread(file.fileno(), 1, bit // 8)
        os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
