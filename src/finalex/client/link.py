"""One connection over picows: texts in, texts out, and how it ended."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from picows import WSCloseCode, WSError, WSFrame, WSInvalidStatusError, WSListener, WSMsgType, WSTransport, ws_connect

from finalex.client.errors import ConnectionFailedError

CONNECT_TIMEOUT_S = 10.0
MESSAGE_BYTES_MAX = 16 << 20

_FINAL_STATUSES = {400, 401, 403, 404, 405, 426}
"""What an HTTP server answers with that it will answer again."""

_TEXT = WSMsgType.TEXT  # looked at for every message, and looking up a member takes long

_silent = logging.getLogger("finalex.client.picows")
_silent.setLevel(logging.CRITICAL)  # what it has to say is said by the client


class Receiver(Protocol):
    """Whoever has a connection."""

    def opened(self, link: "Link") -> None:
        """Take the connection, before anything comes over it."""

    def received(self, text: bytes) -> None:
        """Take a text message."""

    def ended(self, code: int | None) -> None:
        """Hear that the connection has ended, once; `code` is the close code that the server gave, if it did."""


class Link(Protocol):
    """A connection that is open; after its end, what is sent goes nowhere."""

    def send(self, text: bytes) -> None:
        """Send a text message."""

    def close(self) -> None:
        """Begin to end the connection; `Receiver.ended` follows."""

    def abort(self) -> None:
        """End the connection at once; `Receiver.ended` follows."""

    def pause(self) -> None:
        """Read nothing more until `resume`; a little that was read already may still come."""

    def resume(self) -> None:
        """Read on."""


Opener = Callable[[str, Mapping[str, str], Receiver], Awaitable[None]]
"""Connects to a URL with headers, and hands the receiver the connection; raises `ConnectionFailedError`."""


class PicowsLink(WSListener):
    """A connection over picows."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: WSTransport
        self._code: int | None = None
        self._parts: list[bytes] = []
        self._over = False

    # --- what picows calls ------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Hand over the connection."""
        self._transport = transport
        self._receiver.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame; pings were answered already."""
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:
            self._receiver.received(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._take_part(frame.get_payload_as_bytes(), final=bool(frame.fin))
        elif kind is WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self._code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else None
            transport.send_close(WSCloseCode.OK)  # ignored if it was ours that is answered here
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 (the interface's)
        """Tell the end."""
        if not self._over:
            self._over = True
            self._receiver.ended(self._code)

    # --- what the client calls --------------------------------------------------------------------------

    def send(self, text: bytes) -> None:
        """See `Link.send`."""
        if not self._over:
            self._transport.send(WSMsgType.TEXT, text)

    def close(self) -> None:
        """See `Link.close`."""
        if not self._over:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def abort(self) -> None:
        """See `Link.abort`."""
        if not self._over:
            self._transport.disconnect(False)

    def pause(self) -> None:
        """See `Link.pause`."""
        if not self._over:
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """See `Link.resume`."""
        if not self._over:
            self._transport.underlying_transport.resume_reading()

    def _take_part(self, payload: bytes, *, final: bool) -> None:
        self._parts.append(payload)
        if sum(map(len, self._parts)) > MESSAGE_BYTES_MAX:
            self._parts = []
            self._transport.disconnect(False)
        elif final:
            text, self._parts = b"".join(self._parts), []
            self._receiver.received(text)


def picows_opener(ssl_context: ssl.SSLContext | None = None) -> Opener:
    """Return an opener of real connections; `ssl_context` is for `wss` addresses, the system's by default."""

    async def open_link(url: str, headers: Mapping[str, str], receiver: Receiver) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await ws_connect(
                    lambda: PicowsLink(receiver),
                    url,
                    ssl_context=ssl_context,
                    websocket_handshake_timeout=CONNECT_TIMEOUT_S,
                    logger_name=_silent,
                    max_frame_size=MESSAGE_BYTES_MAX,
                    extra_headers=headers,
                    max_redirects=0,
                )
        except (WSError, OSError, TimeoutError) as error:
            shown = url.partition("?")[0]
            raise ConnectionFailedError(
                f"cannot connect to {shown}: {_explain(error)}", final=_is_final(error)
            ) from None

    return open_link


def _is_final(error: Exception) -> bool:
    status = error.response.status if isinstance(error, WSInvalidStatusError) and error.response else None
    return status is not None and int(status) in _FINAL_STATUSES


def _explain(error: Exception) -> str:
    match error:
        case WSInvalidStatusError(response=response) if response is not None:
            return f"the server answers with HTTP {int(response.status)}"
        case TimeoutError():
            return f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid: {error.verify_message}"
        case socket.gaierror():
            return f"its name is not known ({error.strerror})"
        case OSError() if error.errno:
            return os.strerror(error.errno).lower()
        case _:
            return type(error).__name__
