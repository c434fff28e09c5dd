"""Packing: what waits to be stored, and how much of it goes into one message."""

import threading
import zlib
from collections import deque
from typing import NamedTuple

from finalex.log.jetstream.limits import MESSAGE_BYTES_MAX, RECORD_BATCHES_MAX, RECORD_BYTES_MAX
from finalex.log.records import COMPRESSION_LEVEL, Entry

ENVELOPE_BYTES_MAX = 512
"""More than an envelope and the frame of a record need."""


class Waiting(NamedTuple):
    """A batch that waits to be stored, how far external input was consumed with it, whether it is the writer's last."""

    entry: Entry
    position: int
    leaving: bool = False


def check_size(encoded: bytes) -> None:
    """Raise `ValueError` for an encoded batch that no message can hold."""
    if len(encoded) <= RECORD_BYTES_MAX:
        return
    size = len(zlib.compress(encoded, COMPRESSION_LEVEL)) + ENVELOPE_BYTES_MAX
    if size > MESSAGE_BYTES_MAX:
        raise ValueError(f"one batch would need a message of {size} bytes, {MESSAGE_BYTES_MAX} is the most")


class Queue:
    """Batches between the thread that appends them and the one that stores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._asleep = False

    def put(self, waiting: Waiting) -> bool:
        """Add a batch at the end; return whether the storing thread sleeps, and must be woken."""
        with self._lock:
            self._waiting.append(waiting)
            asleep, self._asleep = self._asleep, False
            return asleep

    def replace(self, old: Entry, new: Waiting) -> bool:
        """Put `new` in the place of `old`, the last, and return `True`, unless that is taken already."""
        with self._lock:
            if not self._waiting or self._waiting[-1].entry is not old:
                return False
            self._waiting[-1] = new
            return True

    def take(self) -> list[Waiting]:
        """Return the batches of the next message; with none the storing thread is about to sleep."""
        group: list[Waiting] = []
        size = 0
        with self._lock:
            while self._waiting and len(group) < RECORD_BATCHES_MAX:
                size += len(self._waiting[0].entry.encoded)
                if group and size > RECORD_BYTES_MAX:
                    break
                group.append(self._waiting.popleft())
            self._asleep = not group
        return group
