"""Reading the log from a thread that may wait, while the stream belongs to an event loop in another."""

import asyncio
import concurrent.futures
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from finalex.log.jetstream.answers import StreamAwayError
from finalex.log.jetstream.envelope import Stored, damaged
from finalex.log.jetstream.stream import LogStream
from finalex.log.port import LogError
from finalex.model.events import Batch

PATIENCE_S = 10.0
"""How long reading waits for servers that do not answer: it takes them a few seconds to choose a leader."""

PAUSE_S = 0.1

_Result = TypeVar("_Result")


class LoopReader:
    """Reads what `stream` holds, whose client belongs to `loop`; for every thread but that loop's."""

    def __init__(self, stream: LogStream, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop

    @property
    def sequence(self) -> int:
        """The last batch stored now; raises `LogError`."""
        return self._wait(_patiently(self._stream.end)).sequence

    def read(self, after: int) -> Iterator[Batch]:
        """Iterate the stored batches above `after`, oldest first, up to what is the last when it gets there.

        Raises `LogTrimmedError` if some are no longer kept, `LogDamagedError` at the first that is not as it was
        written, `LogError` if they cannot be read.
        """

        async def place() -> int:
            return await self._stream.place(after)

        return self._batches(self._wait(_patiently(place)), after)

    def _batches(self, place: int, after: int) -> Iterator[Batch]:
        previous: int | None = None
        while piece := self._piece(place):
            for stored in piece:
                if stored.previous != previous and (previous is not None or stored.previous > after):
                    raise damaged(stored.stream_sequence, f"batch {stored.previous} should come before it")
                previous, place = stored.sequence, stored.stream_sequence
                yield from (batch for batch in stored.batches if batch.sequence > after)

    def _piece(self, place: int) -> list[Stored]:
        """Return what follows the message `place`; nothing only if the stream's leader, too, has nothing there."""

        async def piece() -> list[Stored]:
            found = await self._stream.read(place)
            if found:
                return found
            last = await self._stream.get(place + 1)
            return [] if last is None else [last]

        return self._wait(_patiently(piece))

    def _wait(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise LogError("The log on JetStream cannot be read: it is closed.") from None
        try:
            return future.result(2 * PATIENCE_S)
        except concurrent.futures.CancelledError:
            raise LogError("The log on JetStream cannot be read: it has been closed.") from None
        except concurrent.futures.TimeoutError as error:
            if isinstance(error, LogError):
                raise
            future.cancel()
            raise StreamAwayError("JetStream does not answer: no answer in time.") from None


async def _patiently(attempt: Callable[[], Awaitable[_Result]]) -> _Result:
    """Return what `attempt` does; one that JetStream does not answer is repeated for a while."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await attempt()
        except StreamAwayError:
            if time.monotonic() >= until_s:
                raise
        await asyncio.sleep(PAUSE_S)
