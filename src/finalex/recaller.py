"""The recaller: reads the log again for clients who missed more than memory holds, a little at a time.

The event loop is never held up: batches are read in a thread, and between slices of `SLICE_S` others have their turn.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Protocol

from finalex.channels.past import Past, is_within
from finalex.channels.rerun import Rerun
from finalex.channels.resumable import Want
from finalex.log.port import LogTrimmedError
from finalex.model.events import Batch
from finalex.model.instruments import Instruments
from finalex.protocol.messages import Publication

AT_ONCE_MAX = 2
"""How many recalls read at once; the others wait."""

WAITING_MAX = 100
"""How many may wait; one more finds nothing."""

MESSAGES_MAX = 100_000
"""A stream that has published more than this since is not told again."""

BATCHES_READ = 1000
"""So many batches are read in one go, in a thread."""

PIECE_MESSAGES = 200
"""A piece ends with the batch that reaches this."""

SLICE_S = 0.002
"""After this long others have their turn."""


class Archive(Protocol):
    """Where it is known what was so in the past."""

    async def past(self, user: str) -> Past | None:
        """Return the oldest past after which the log tells everything, or `None` if there is none.

        What is known of an account is that of `user`.
        """
        ...


class StoredLog(Protocol):
    """What is needed of a log; see `Log`."""

    def read(self, after: int) -> Iterator[Batch]:
        """See `Log.read`; called in another thread."""
        ...


class LogRecaller:
    """Reads `log` again, from where `archive` says; see `gateway.switchboard.Recaller`."""

    def __init__(
        self,
        log: StoredLog,
        archive: Archive,
        instruments: Instruments,
        *,
        at_once_max: int = AT_ONCE_MAX,
        waiting_max: int = WAITING_MAX,
        messages_max: int = MESSAGES_MAX,
    ) -> None:
        self._log = log
        self._archive = archive
        self._instruments = instruments
        self._slots = asyncio.Semaphore(at_once_max)
        self._waiting_max = waiting_max
        self._messages_max = messages_max
        self.waiting = 0

    @asynccontextmanager
    async def recall(self, wants: Sequence[Want]) -> AsyncIterator["LogRecollection"]:
        """See `Recaller.recall`."""
        if self.waiting >= self._waiting_max:
            yield LogRecollection([False] * len(wants))
            return
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        try:
            yield await self._recollect(wants)
        finally:
            self._slots.release()

    async def _recollect(self, wants: Sequence[Want]) -> "LogRecollection":
        user = next((want.stream.user for want in wants if want.stream.private), "")
        past = await self._archive.past(user)
        found = [past is not None and is_within(want, past, self._messages_max) for want in wants]
        if past is None or not any(found):
            return LogRecollection(found)
        reader = _Reader(self._log, past.sequence)
        try:
            await reader.begin()
        except LogTrimmedError:
            return LogRecollection([False] * len(wants))
        told = [want for want, is_found in zip(wants, found, strict=True) if is_found]
        return LogRecollection(found, reader, Rerun(self._instruments, past, told))


class _Reader:
    """Reads a log in a thread, chunk by chunk, each with a read of its own: no reader holds up the writer for long."""

    def __init__(self, log: StoredLog, after: int) -> None:
        self._log = log
        self._after = after
        self._first: list[Batch] = []

    async def begin(self) -> None:
        """Read the first chunk; raises `LogTrimmedError` if it is no longer kept."""
        self._first = await self._next()

    async def chunks(self) -> AsyncIterator[list[Batch]]:
        """Iterate all batches, up to what is the last when it gets there; raises what reading raises."""
        batches = self._first
        while batches:
            yield batches
            batches = await self._next()

    async def _next(self) -> list[Batch]:
        batches = await asyncio.to_thread(self._read, self._after)
        if batches:
            self._after = batches[-1].sequence
        return batches

    def _read(self, after: int) -> list[Batch]:
        return list(islice(self._log.read(after), BATCHES_READ))


class LogRecollection:
    """What the log tells; see `gateway.switchboard.Recollection`."""

    def __init__(self, found: Sequence[bool], reader: _Reader | None = None, rerun: Rerun | None = None) -> None:
        self.found = found
        self._reader = reader
        self._rerun = rerun

    async def pieces(self) -> AsyncIterator[Sequence[Publication]]:
        """See `Recollection.pieces`; raises `HoleError` if something must be missing, and what reading raises."""
        if self._reader is None or self._rerun is None:
            return
        rerun = self._rerun
        async for batches in self._reader.chunks():
            for piece in _pieces(rerun, batches):
                if piece:
                    yield piece
                await asyncio.sleep(0)
            if rerun.done:
                break
        rest = rerun.finish()
        if rest:
            yield rest


def _pieces(rerun: Rerun, batches: Sequence[Batch]) -> Iterator[list[Publication]]:
    """Yield what `batches` publish again, perhaps nothing, after about `SLICE_S` each."""
    piece: list[Publication] = []
    until_s = time.monotonic() + SLICE_S
    for batch in batches:
        piece += rerun.apply(batch)
        if rerun.done:
            break
        if len(piece) >= PIECE_MESSAGES or time.monotonic() >= until_s:
            yield piece
            piece, until_s = [], time.monotonic() + SLICE_S
    yield piece
