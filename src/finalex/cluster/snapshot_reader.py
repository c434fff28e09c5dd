"""Reading the cluster's snapshots from threads that may wait, while the store belongs to an event loop."""

import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from finalex.bus.connection import BusError
from finalex.cluster.snapshot_store import SnapshotStore
from finalex.snapshots.encoding import decode_part, decode_snapshot
from finalex.snapshots.errors import SnapshotError
from finalex.snapshots.snapshot import Snapshot

PATIENCE_S = 10.0
"""How long an answer of NATS is waited for, again and again: it takes servers a few seconds to choose a leader."""

READ_S_MAX = 120.0
"""How long a whole snapshot may take to come."""

PAUSE_S = 0.2

T = TypeVar("T")


class SnapshotReader:
    """The snapshots in `store`, whose client belongs to `loop`; see `snapshots.port.StoredSnapshots`.

    It belongs to other threads than the loop's, one at a time. The content that was read last is kept: whoever looks
    into the past takes the same one again and again.
    """

    def __init__(self, store: SnapshotStore, loop: asyncio.AbstractEventLoop, bucket: str) -> None:
        self.path = bucket
        self._store = store
        self._loop = loop
        self._held: tuple[int, bytes] | None = None

    def sequences(self) -> list[int]:
        """See `StoredSnapshots.sequences`."""
        return self._wait(self._store.sequences)

    def read(self, sequence: int) -> Snapshot:
        """See `StoredSnapshots.read`."""
        return self._decode(sequence, decode_snapshot)

    def read_part(self, sequence: int, kind: type[T]) -> T:
        """See `StoredSnapshots.read_part`."""
        return self._decode(sequence, lambda content: decode_part(content, kind))

    def _decode(self, sequence: int, decode: Callable[[bytes], T]) -> T:
        held = self._held
        content = held[1] if held is not None and held[0] == sequence else self._wait(lambda: self._content(sequence))
        try:
            decoded = decode(content)
        except SnapshotError as error:
            raise type(error)(f"The snapshot at batch {sequence} in '{self.path}' cannot be used: {error}.") from error
        self._held = (sequence, content)
        return decoded

    async def _content(self, sequence: int) -> bytes:
        return await self._store.read_content(sequence)

    def _wait(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(_patiently(ask), self._loop).result(READ_S_MAX)
        except concurrent.futures.CancelledError:
            raise BusError(f"The snapshots in '{self.path}' cannot be read: the connection is closed.") from None
        except concurrent.futures.TimeoutError:
            raise BusError(f"The snapshots in '{self.path}' cannot be read: no answer in time.") from None


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await ask()
        except BusError:
            if time.monotonic() >= until_s:
                raise
        await asyncio.sleep(PAUSE_S)
