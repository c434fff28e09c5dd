"""The library's way to a server, which here can always be left.

By itself it waits for ever for the end of a connection whose TLS failed, and for as long as the system tries to deliver
what a server that hangs does not take.
"""

import asyncio
import ssl
from urllib.parse import ParseResult

from nats.aio.transport import TcpTransport

CLOSE_TIMEOUT_S = 1.0
"""How long what was written may take to leave once the connection is closed."""


class LeavableTransport(TcpTransport):
    """A TCP connection to a server, with or without TLS."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        """Begin TLS; if that fails the connection is gone."""
        try:
            await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        except BaseException:
            self._abort()
            raise

    async def wait_closed(self) -> None:
        """Wait until a connection that was closed is gone, and not for longer than `CLOSE_TIMEOUT_S`."""
        if self._io_writer is None:
            return
        closing = asyncio.ensure_future(self._io_writer.wait_closed())
        done, _ = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
        if done:
            closing.exception()  # it has gone either way
        else:
            closing.cancel()
            self._abort()

    def _abort(self) -> None:
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()
        self._io_reader = self._io_writer = None
