"""One connection to a server, as a client has it."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from finalex.gateway.assembler import BadFrameError, MessageAssembler, PeerClose
from finalex.recorder.address import Address
from finalex.redaction import redact_text

MESSAGE_BYTES_MAX = (1 << 20) - 64
"""A larger message could not be played back; a book of 1000 levels a side takes a tenth of it."""

CONNECT_TIMEOUT_S = 10.0
IDLE_S = 30.0
"""After such a silence the server is asked whether it is still there."""

PONG_TIMEOUT_S = 10.0
CLOSE_GRACE_S = 2.0
"""How long the server has to answer a close frame."""

_logger = logging.getLogger("finalex.recorder.connection")
_logger.setLevel(logging.CRITICAL)  # what it has to say is said here, and never with the address

Take = Callable[["Connection", bytes], None]
"""Called with the text of every message, and the connection that it came over."""


class ConnectError(OSError):
    """The server cannot be reached; the text says why, as a sentence without its end."""


class Connection(WSListener):
    """A connection that gives every message to `take`, which must not raise.

    `close_code` is the server's, `None` if it ended the connection without one. `reason` says how it ended.
    """

    def __init__(self, take: Take) -> None:
        self.close_code: int | None = None
        self.reason = "the connection was lost"
        self._take = take
        self._assembler = MessageAssembler(MESSAGE_BYTES_MAX)
        self._transport: WSTransport
        self._ended = asyncio.Event()

    # --- what picows calls ------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember the transport."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        reserved = bool(frame.rsv1 or frame.rsv2 or frame.rsv3)
        payload = frame.get_payload_as_bytes()
        try:
            received = self._assembler.accept(frame.msg_type.value, payload, final=bool(frame.fin), reserved=reserved)
        except BadFrameError as error:
            self.reason = f"the server broke the protocol: {error.reason}"
            transport.send_close(WSCloseCode.PROTOCOL_ERROR)
            transport.disconnect()
            return
        if isinstance(received, str):
            self._take(self, received.encode())
        elif isinstance(received, PeerClose):
            self._take_close(received)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 (the interface's)
        """Note the end."""
        self._ended.set()

    # --- what the recorder calls ------------------------------------------------------------------------

    def send(self, text: bytes) -> None:
        """Send a request; after the end it goes nowhere."""
        if not self._ended.is_set():
            self._transport.send(WSMsgType.TEXT, text)

    async def wait(self, seconds: float) -> bool:
        """Wait for the end of the connection, at most so long; whether it has ended."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End the connection in order, or after `CLOSE_GRACE_S` without the server; again does nothing."""
        if not self._ended.is_set():
            self._transport.send_close(WSCloseCode.OK)
            if not await self.wait(CLOSE_GRACE_S):
                self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.disconnect(False)

    def _take_close(self, close: PeerClose) -> None:
        self.close_code = close.code
        self.reason = f"the server closed the connection ({close.code or 'without a code'})"
        self._transport.send_close(WSCloseCode.OK)  # ignored if it was ours that is answered here
        self._transport.disconnect()


async def open_connection(address: Address, take: Take) -> Connection:
    """Connect; raises `ConnectError`. The first messages may come before this returns."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await ws_connect(
                lambda: Connection(take),
                address.url,
                websocket_handshake_timeout=CONNECT_TIMEOUT_S,
                logger_name=_logger,
                enable_auto_ping=True,
                auto_ping_idle_timeout=IDLE_S,
                auto_ping_reply_timeout=PONG_TIMEOUT_S,
                auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
                max_frame_size=MESSAGE_BYTES_MAX,
                max_redirects=0,
            )
    except (WSError, OSError, TimeoutError) as error:
        raise ConnectError(f"Cannot connect to {address.shown}: {_explain(error)}") from None
    return cast("Connection", connection)


def _explain(error: Exception) -> str:
    match error:
        case WSInvalidStatusError(response=response) if response is not None:
            return f"the server answers with HTTP {response.status.value}"
        case TimeoutError():
            return f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {error.verify_message}"
        case socket.gaierror():
            return f"its name is not known ({error.strerror})"
        case OSError() if error.errno:
            return os.strerror(error.errno).lower()
        case _:
            return redact_text(" ".join(str(error).split()) or type(error).__name__)
