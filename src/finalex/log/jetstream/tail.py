"""The tail: everything that is stored after a place, as it is stored, to one follower."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from nats.aio.msg import Msg

from finalex.log.jetstream.answers import StreamAwayError
from finalex.log.jetstream.direct import Message
from finalex.log.jetstream.envelope import Stored, damaged, decode
from finalex.log.jetstream.stream import LogStream

LIVE_MESSAGES_MAX = 4096
LIVE_BYTES_MAX = 32 << 20
"""So much that was told and not given yet is held; what more is told is read again later."""

SILENCE_S = 0.5
"""After so long without news the tail asks whether there are any."""

HOLE_PAUSE_S = 0.05
"""The pause between two attempts to read what is known to be missing."""


class LogTail:
    """Gives `follower` every stored message after the message `after`, in order, each once.

    The first may hold batches up to `sequence`, the last that the follower has: those are left out. The follower
    should not raise: what it raises ends `run`. `last` is the last message it was given, whole.
    """

    def __init__(self, stream: LogStream, after: int, sequence: int, follower: Callable[[Stored], None]) -> None:
        self.last: Stored | None = None
        self._stream = stream
        self._after = after
        self._sequence = sequence
        self._follower = follower
        self._live: deque[Message] = deque()
        self._live_bytes = 0
        self._told = asyncio.Event()
        self._heard_s = monotonic()

    @property
    def stream_sequence(self) -> int:
        """The message up to which everything was given."""
        return self._after

    @property
    def silent_ms(self) -> float:
        """How long ago the last message came, or the tail was made; by a clock that only goes on."""
        return (monotonic() - self._heard_s) * 1000

    async def run(self) -> None:
        """Give until cancelled; while there is no connection, or no server that answers, there is nothing to give.

        Raises `LogDamagedError`, `LogTrimmedError` if the tail was too slow or away for too long, and `LogError` if a
        newer release writes the log.
        """
        subscription = await self._stream.client.subscribe(self._stream.names.live, cb=self._hear)
        try:
            await self._read_missing()
            while True:
                if await self._is_told():
                    await self._give_live()
                else:
                    await self._read_missing()
        finally:
            if not self._stream.client.is_closed:
                await subscription.unsubscribe()

    async def _hear(self, message: Msg) -> None:
        """Hold what the server tells; what does not fit leaves a hole that is found later."""
        if len(self._live) < LIVE_MESSAGES_MAX and self._live_bytes < LIVE_BYTES_MAX:
            headers = message.headers or {}
            self._live.append(Message(int(headers.get("Nats-Sequence", 0)), message.data))
            self._live_bytes += len(message.data)
        self._told.set()

    async def _is_told(self) -> bool:
        """Wait for news; `False` if there were none for too long."""
        if self._live:
            return True
        self._told.clear()
        try:
            async with asyncio.timeout(SILENCE_S):
                await self._told.wait()
        except TimeoutError:
            return False
        return True

    async def _give_live(self) -> None:
        while self._live:
            message = self._live.popleft()
            self._live_bytes -= len(message.data)
            while message.sequence > self._after + 1:
                if not await self._read_missing():
                    await asyncio.sleep(HOLE_PAUSE_S)
            if message.sequence == self._after + 1:
                await self._give([decode(message.data, message.sequence)])

    async def _read_missing(self) -> bool:
        """Give everything that can be read; return whether there was anything."""
        found = False
        try:
            while pieces := await self._stream.read(self._after):
                await self._give(pieces)
                found = True
        except StreamAwayError:
            pass
        return found

    async def _give(self, messages: Sequence[Stored]) -> None:
        for stored in messages:
            self._check(stored)
            new = [batch for batch in stored.batches if batch.sequence > self._sequence]
            self._after, self.last = stored.stream_sequence, stored
            self._sequence = max(self._sequence, stored.sequence)
            self._heard_s = monotonic()
            if new:
                self._follower(stored._replace(batches=new))
            await asyncio.sleep(0)  # others have their turn

    def _check(self, stored: Stored) -> None:
        """Raise `LogDamagedError` if batches are missing before `stored`."""
        before = stored.previous
        fits = before <= self._sequence if self.last is None else before == self.last.sequence
        if not fits:
            had = self._sequence if self.last is None else self.last.sequence
            raise damaged(stored.stream_sequence, f"it follows on batch {before} instead of batch {had}")
