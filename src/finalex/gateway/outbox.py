"""What leaves a connection, how much of it may wait, and how it ends."""

import asyncio

from finalex.gateway.framing import frame_close
from finalex.gateway.switchboard import Switchboard
from finalex.gateway.wire import Wire
from finalex.protocol.errors import CloseCode

REPLIES_BYTES_FACTOR = 8
"""Replies (long histories, say) may wait on top of the queue, up to this many times its `queue_bytes_max`."""


class Outbox:
    """Sends frames as long as the connection is open; the fan-out's member for this connection.

    Nothing waits for the client: what the network does not take is queued. Once that is more than
    `queue_bytes_max`, and the replies since the queue was last empty, the connection is closed with 4000.
    """

    __slots__ = ("_drained", "_replies_bytes", "_switchboard", "_wire", "open")

    def __init__(self, wire: Wire, switchboard: Switchboard) -> None:
        self._wire = wire
        self._switchboard = switchboard
        self._replies_bytes = 0
        self._drained: asyncio.Event | None = None
        self.open = True

    def write(self, frames: bytes) -> None:
        """Send whole frames of publications."""
        if not self.open:
            return
        self._wire.send(frames)
        self._switchboard.metrics.bytes_sent += len(frames)
        waiting = self._wire.waiting_bytes()
        if waiting > self._switchboard.settings.queue_bytes_max and waiting > self._bytes_max():
            self._close_slow()

    def reply(self, frames: bytes) -> None:
        """Send whole frames for this connection alone."""
        if not self._wire.waiting_bytes():
            self._replies_bytes = 0
        self._replies_bytes += len(frames)
        self.write(frames)

    def filled(self) -> None:
        """Much waits: more than the network takes at once."""
        self._drained = self._drained or asyncio.Event()

    def drained(self) -> None:
        """Almost nothing waits any more."""
        self._replies_bytes = 0
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    async def room(self) -> None:
        """Wait until almost all that was sent has left; a client that takes nothing is ended by the pings it misses."""
        if self._drained is not None:
            await self._drained.wait()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after everything queued; the client then has a while to answer."""
        self._close(code, reason, self._switchboard.settings.close_timeout_ms)

    def hang_up(self) -> None:
        """End the connection: the closing handshake is done, or there is nobody to do it with."""
        self._wire.hang_up(self._switchboard.settings.linger_ms / 1000)

    def drop(self) -> None:
        """End at once, with all that waits."""
        self._wire.abort()

    def lost(self) -> bool:
        """The connection is gone; return whether that came without a close frame."""
        abrupt, self.open = self.open, False
        self._switchboard.fanout.remove(self)
        self._wire.lost()
        return abrupt

    def _bytes_max(self) -> int:
        queue_bytes_max = self._switchboard.settings.queue_bytes_max
        return queue_bytes_max + min(self._replies_bytes, REPLIES_BYTES_FACTOR * queue_bytes_max)

    def _close_slow(self) -> None:
        reason = "messages pile up: read faster, or subscribe to less"
        self._close(CloseCode.SLOW_CONSUMER, reason, self._switchboard.settings.slow_close_timeout_ms)

    def _close(self, code: int, reason: str, timeout_ms: int) -> None:
        if not self.open:
            return
        self.open = False
        self._switchboard.fanout.remove(self)
        self._switchboard.metrics.closes[str(int(code))] += 1
        self._wire.send(frame_close(code, reason))
        self._wire.expire(timeout_ms / 1000)
