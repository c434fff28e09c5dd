"""What leaves a connection, how much of it may wait, and how it ends."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from finalex.gateway.framing import frame_close
from finalex.gateway.switchboard import Switchboard
from finalex.gateway.wire import Wire
from finalex.protocol.errors import CloseCode

REPLIES_BYTES_FACTOR = 8
"""Replies (long histories, say) may wait on top of the queue, up to this many times its `queue_bytes_max`."""


class Client(Protocol):
    """The connection of an outbox."""

    def fall_behind(self) -> None:
        """More waits than the first mark: from now on send less."""
        ...

    def catch_up(self) -> None:
        """Almost nothing waits any more: send what was held back."""
        ...

    def resume(self) -> None:
        """The same, of a client that was never behind."""
        ...

    def describe(self) -> dict[str, object]:
        """Return who it is, for the log; no secret."""
        ...


class _Gone:
    """Nobody: the connection of an outbox whose connection is gone."""

    def fall_behind(self) -> None:
        """Do nothing."""

    def catch_up(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def describe(self) -> dict[str, object]:
        """Return that it is nobody."""
        return {"connection": None}


_GONE = _Gone()


class Outbox:
    """Sends frames as long as the connection is open; the fan-out's member for this connection.

    Nothing waits for the client: what the network does not take is queued. As long as that is little, `send` is the
    network's own and nobody looks; once the network says that much waits, every frame is looked after. Past
    `lagging_bytes` the client lags, and past `queue_bytes_max` the connection is closed with 4000; both on top of the
    replies since the queue was last empty.
    """

    __slots__ = (
        "_client",
        "_falling",
        "_replies_bytes",
        "_room",
        "_switchboard",
        "_watched",
        "_wire",
        "deflates",
        "lagging",
        "open",
        "send",
    )

    def __init__(self, wire: Wire, switchboard: Switchboard, client: Client, *, deflates: bool = False) -> None:
        self._wire = wire
        self._switchboard = switchboard
        self._client = client
        self._replies_bytes = 0
        self._room: asyncio.Event | None = None
        self._watched = False
        self._falling = False
        self.deflates = deflates
        self.lagging = False
        self.open = True
        self.send: Callable[[bytes], None] = wire.send

    def reply(self, frames: bytes) -> None:
        """Send whole frames for this connection alone."""
        if not self.open:
            return
        if not self._wire.waiting_bytes():
            self._replies_bytes = 0
        self._replies_bytes += len(frames)
        self._switchboard.metrics.bytes_sent += len(frames)
        self.send(frames)

    # --- how much waits ---------------------------------------------------------------------------------

    def waiting_bytes(self) -> int:
        """Return how much the network has not taken yet."""
        return self._wire.waiting_bytes()

    @property
    def has_room(self) -> bool:
        """Whether only little waits."""
        return not self._watched

    async def room(self) -> None:
        """Wait until almost all that was sent has left; a client that takes nothing is ended by the pings it misses."""
        if self._watched:
            self._room = self._room or asyncio.Event()
            await self._room.wait()

    def filled(self) -> None:
        """Much waits: more than the network takes at once."""
        if self._watched or not self.open:
            return
        self._watched = True
        self._send_by(self._send_watched)
        self._switchboard.backlog.enter(self)
        self._check()

    def drained(self) -> None:
        """Almost nothing waits any more."""
        self._replies_bytes = 0
        if not self._watched:
            return
        self._unwatch()
        if not self.open:
            return
        self._send_by(self._wire.send)
        lagged, self.lagging = self.lagging, False
        if lagged:
            self._say("client_caught_up")
            self._client.catch_up()
        else:
            self._client.resume()

    def describe(self) -> dict[str, object]:
        """See `Client.describe`."""
        return self._client.describe()

    def _send_watched(self, frames: bytes) -> None:
        if self.open:
            self._wire.send(frames)
            self._switchboard.backlog.note(len(frames))
            self._check()

    def _check(self) -> None:
        settings, waiting = self._switchboard.settings, self._wire.waiting_bytes()
        replies = min(self._replies_bytes, REPLIES_BYTES_FACTOR * settings.queue_bytes_max)
        if waiting > settings.queue_bytes_max + replies:
            self.close_slow("messages pile up: read faster, or subscribe to less")
        elif waiting > settings.lagging_bytes + replies and not (self.lagging or self._falling):
            self._falling = True
            asyncio.get_running_loop().call_soon(self._fall_behind)  # a write is no time to change what is written

    def _fall_behind(self) -> None:
        self._falling = False
        if self._watched and self.open and not self.lagging:
            self.lagging = True
            self._say("client_lags")
            self._client.fall_behind()

    def _send_by(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self._switchboard.fanout.exchange(self)

    def _unwatch(self) -> None:
        self._watched = False
        self._switchboard.backlog.leave(self)
        if self._room is not None:
            self._room.set()
            self._room = None

    def _say(self, event: str) -> None:
        self._switchboard.backlog.say(event, self, asyncio.get_running_loop().time())

    # --- the end ----------------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after everything queued; the client then has a while to read that and answer."""
        settings = self._switchboard.settings
        timeout_ms = settings.slow_close_timeout_ms if self._watched else 0
        self._close(code, reason, max(settings.close_timeout_ms, timeout_ms))

    def close_slow(self, reason: str) -> None:
        """Close it with 4000: too much waits."""
        if self.open:
            self._say("client_too_slow")
        self._close(CloseCode.SLOW_CONSUMER, reason, self._switchboard.settings.slow_close_timeout_ms)

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
        self._unwatch()
        self._wire.lost()
        self._client, self.send = _GONE, self._wire.send  # circles of references would outlive the connection
        return abrupt

    def _close(self, code: int, reason: str, timeout_ms: int) -> None:
        if not self.open:
            return
        self.open = False
        self._switchboard.fanout.remove(self)
        self._switchboard.metrics.closes[str(int(code))] += 1
        self._wire.send(frame_close(code, reason))
        self._wire.expire(timeout_ms / 1000)
