"""Ending a TCP connection so that the other side still gets what was sent to it."""

import asyncio

_SCRATCH = bytearray(1 << 16)
"""Where all lingering connections read to; nobody looks at it."""


class Linger(asyncio.BufferedProtocol):
    """Reads and forgets until the other side ends too, at most for `linger_s`.

    Closing a socket with unread bytes resets the connection, and a reset can destroy what the other side has not
    read yet: an error page, or a close frame (RFC 6455 section 7.1.1).
    """

    __slots__ = ("_before", "_timer")

    def __init__(self, transport: asyncio.Transport, linger_s: float) -> None:
        self._before = transport.get_protocol()
        self._timer = asyncio.get_running_loop().call_later(linger_s, transport.abort)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 (the interface's)
        """Return where to read to."""
        return _SCRATCH

    def buffer_updated(self, nbytes: int) -> None:
        """Forget what was read."""

    def eof_received(self) -> bool:
        """Let the transport close: the other side has ended."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever had the connection before."""
        self._timer.cancel()
        self._before.connection_lost(exc)


def hang_up(transport: asyncio.Transport, linger_s: float) -> None:
    """End `transport` after everything written to it; its protocol gets no more than `connection_lost`.

    What does not leave within `linger_s` is dropped.
    """
    transport.set_protocol(Linger(transport, linger_s))
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()
