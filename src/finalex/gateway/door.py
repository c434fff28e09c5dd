"""The way in: a TCP connection until it is answered as HTTP, or has become a WebSocket connection."""

import asyncio
import logging
from functools import partial
from typing import cast

from picows import WSTransport, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from finalex.gateway.http_messages import HEAD_BYTES_MAX, HEAD_END
from finalex.gateway.linger import hang_up
from finalex.gateway.proxy_protocol import ProxyProtocolError, read_header
from finalex.gateway.reception import Reception, Welcome
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.wire import Wire

READ_BUFFER_BYTES = 2048
"""What picows reads into at first: the least it takes, since most clients send little."""

_SILENT = logging.LoggerAdapter(logging.Logger("picows", level=logging.CRITICAL + 1), {})
"""picows would log an error for every client that breaks the protocol, and an open log level whole requests."""

_PARSED_ALREADY = (
    b"GET / HTTP/1.1\r\nHost: finalex\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
)
"""What picows gets for a request that was accepted: nothing for it to refuse, and no credential for it to keep."""


class Door(asyncio.Protocol):
    """Reads the head of one request within `handshake_timeout_ms` and has the reception answer it.

    With `proxy_protocol` a trusted proxy has to say first whose connection it is; of anybody else that is no request.
    """

    __slots__ = ("_asked", "_head", "_introduced", "_reception", "_settings", "_timer", "_transport", "peer")

    def __init__(self, reception: Reception, settings: GatewaySettings) -> None:
        self._reception = reception
        self._settings = settings
        self._head = bytearray()
        self._introduced = True
        self._asked = False
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        timeout_s = self._settings.handshake_timeout_ms / 1000
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self.abort)
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        self._introduced = not (self._settings.proxy_protocol and self._reception.trusts(self.peer))
        if not self._reception.enter(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of the head."""
        start = max(0, len(self._head) - len(HEAD_END))
        self._head += data
        if self._asked:  # a transport may have some more when it is told to pause
            return
        if not self._introduced:
            if not self._introduce():
                return
            start = 0
        end = self._head.find(HEAD_END, start)
        if end < 0 and len(self._head) <= HEAD_BYTES_MAX and self._head[:1].isalpha():
            return
        self._asked = True
        self._timer.cancel()
        self._transport.pause_reading()
        self._reception.turnstile.enter(partial(self._answer, end))

    def _introduce(self) -> bool:
        """Read whose connection it is, if that has come; whether something of a request has come after it.

        From then on it counts against the limits of that address.
        """
        try:
            header = read_header(bytes(self._head))
        except ProxyProtocolError:
            self._reception.refuse("proxy_protocol")
            self.abort()
            return False
        if header is None:
            return False
        self._introduced = True
        del self._head[: header.size]
        if header.address is not None:
            self._reception.leave(self)
            self.peer = header.address
            if not self._reception.enter(self):
                self.abort()
                return False
        return bool(self._head)

    def _answer(self, end: int) -> None:
        """Answer the request, whose head ends at `end` (-1: nowhere, it is no request)."""
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        answer = self._reception.answer(bytes(self._head[: end if end >= 0 else None]), self.peer)
        if isinstance(answer, Welcome):
            self._reception.leave(self)
            self._hand_over(answer, bytes(self._head[end + len(HEAD_END) :]))
        else:
            self._transport.write(answer)
            hang_up(self._transport, self._settings.handshake_timeout_ms / 1000)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (the interface's)
        """Stop waiting."""
        self._timer.cancel()
        self._reception.leave(self)

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _hand_over(self, welcome: Welcome, rest: bytes) -> None:
        """Make it a WebSocket connection; `rest` are the bytes after the head."""
        protocol = new_picows_protocol(welcome, self._settings.message_bytes_max)
        try:
            protocol.connection_made(Wire(self._transport))
        except OSError:  # the socket's options cannot be set: the client has gone
            welcome.connection.abandon()
            self._transport.abort()
            return
        self._transport.set_protocol(protocol)
        view = memoryview(_PARSED_ALREADY % welcome.key.encode() + rest)
        while view:
            buffer = protocol.get_buffer(-1)
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            protocol.buffer_updated(size)
            view = view[size:]
        _forget_handshake(protocol.transport)


def _forget_handshake(transport: WSTransport) -> None:
    """Let go of headers that picows keeps as long as the connection, and nobody reads again."""
    transport.request.headers.clear()
    transport.response.headers.clear()


def new_picows_protocol(welcome: Welcome, frame_bytes_max: int) -> WSProtocol:
    """Return the protocol that answers the handshake and parses frames for the connection.

    Made here and not by `ws_create_server`, whose listener factory is not told who connects and cannot refuse in
    its own words.
    """

    headers = [] if welcome.extensions is None else [("Sec-WebSocket-Extensions", welcome.extensions)]

    def connect(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), welcome.connection)

    return WSProtocol(
        None,  # host and port, of a client
        None,  # path, of a client
        False,  # is no client
        connect,
        _SILENT,
        True,  # disconnects on an exception
        None,  # handshake time-out: there is no handshake to wait for
        False,  # pings by itself
        1,
        1,
        1,  # how it would ping
        False,  # answers pings by itself
        frame_bytes_max,
        None,  # headers, of a client
        READ_BUFFER_BYTES,
    )
