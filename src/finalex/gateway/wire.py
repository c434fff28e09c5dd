"""The network's side of one connection: the transport that picows is given."""

import asyncio
from collections.abc import Callable
from typing import Any

from finalex.gateway.linger import hang_up


class Wire:
    """A transport that knows how to end.

    picows writes two things on its own: the answer to the handshake, and a close frame when its parser gives up.
    The second is not sent: `on_parser_failure`, once set, is called with its code when the frames before are dealt
    with, so that all closing takes one way.
    """

    __slots__ = ("_answered", "_ended", "_timer", "_transport", "on_parser_failure", "send", "waiting_bytes")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.on_parser_failure: Callable[[int], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answered = False
        self._ended = False
        self.send: Callable[[bytes], None] = transport.write
        self.waiting_bytes: Callable[[], int] = transport.get_write_buffer_size

    def warn_above(self, waiting_bytes: int) -> None:
        """Have the protocol paused when more than this waits, and resumed when a quarter of it does."""
        self._transport.set_write_buffer_limits(high=waiting_bytes, low=waiting_bytes // 4)

    def lead_through(self, between: Callable[[asyncio.Transport], asyncio.Transport]) -> None:
        """From now on everything goes through what `between` puts in front of the transport."""
        self._transport = transport = between(self._transport)
        self.send, self.waiting_bytes = transport.write, transport.get_write_buffer_size

    def expire(self, after_s: float) -> None:
        """Drop the connection, with all that waits to be sent, unless it ends within `after_s`."""
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(after_s, self._transport.abort)

    def hang_up(self, linger_s: float) -> None:
        """End the connection after everything sent; it is dropped after `linger_s`."""
        if self._ended:
            return
        self._ended = True
        self._stop_timer()
        hang_up(self._transport, linger_s)

    def lost(self) -> None:
        """The connection is gone."""
        self._ended = True
        self._stop_timer()
        self.on_parser_failure = None

    # --- what picows asks of a transport ----------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Say that something waits: with nothing waiting, picows would write past us, straight to the socket."""
        return 1

    def write(self, data: bytes | bytearray) -> None:
        """Send the answer to the handshake; take anything later as a close frame of the parser."""
        if not self._answered:
            self._answered = True
            self._transport.write(data)
            return
        code = int.from_bytes(data[2:4], "big")
        asyncio.get_running_loop().call_soon(self._parser_failed, code)

    def close(self) -> None:
        """Leave the ending to whoever was told of the parser's failure."""

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._transport.abort()

    def _parser_failed(self, code: int) -> None:
        if self.on_parser_failure is not None:
            self.on_parser_failure(code)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
