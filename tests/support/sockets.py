"""Clients for gateway tests that can do what a well-behaved library will not: any bytes, any frame, any pace."""

import asyncio
import json
import socket
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

READ_TIMEOUT_S = 20
"""A test that waits longer for the server has failed."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The key and the answer to it that RFC 6455 uses as its example."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Answer(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Frame(NamedTuple):
    """A frame from the server."""

    opcode: int
    payload: bytes
    final: bool = True
    reserved: int = 0
    masked: bool = False

    @property
    def close_code(self) -> int:
        """The code in a close frame."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big")


class RefusedError(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


def client_frame(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Return a frame as a client sends it; `reserved` are its three bits as a number."""
    head = bytearray([(final << 7) | (reserved << 4) | opcode])
    mask_bit = masked << 7
    if len(payload) < 126:
        head.append(mask_bit | len(payload))
    elif len(payload) < 1 << 16:
        head += bytes([mask_bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return bytes(head) + payload
    mask = b"\x12\x34\x56\x78"
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return bytes(head) + mask + (int.from_bytes(payload) ^ int.from_bytes(keys)).to_bytes(len(payload))


def split_frame(data: bytes) -> tuple[Frame, bytes] | None:
    """Return the first whole frame in `data` and the rest, or `None` while there is none."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) < start + size:
        return None
    frame = Frame(
        data[0] & 0xF, data[start : start + size], bool(data[0] & 0x80), data[0] >> 4 & 0x7, bool(data[1] & 0x80)
    )
    return frame, data[start + size :]


def split_frames(data: bytes) -> list[Frame]:
    """Return the frames in `data`, which must be whole."""
    frames = []
    while data:
        found = split_frame(data)
        assert found is not None, "a torn frame"
        frames.append(found[0])
        data = found[1]
    return frames


def handshake(path: str = "/", *headers: str, host: str | None = "localhost", connection: str = "Upgrade") -> bytes:
    """Return a handshake request; `headers` are added as they are."""
    lines = [f"GET {path} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += ["Upgrade: websocket", f"Connection: {connection}", f"Sec-WebSocket-Key: {KEY}"]
    lines += ["Sec-WebSocket-Version: 13", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class RawSocket:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, *, source: str = "127.0.0.1", receive_bytes: int | None = None) -> Self:
        """Connect to a server on this machine from the address `source`, with a small receive buffer if wanted."""
        end = socket.socket()
        end.setblocking(False)
        if receive_bytes is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        end.bind((source, 0))
        try:
            await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
        except OSError:
            end.close()
            raise
        reader, writer = await asyncio.open_connection(sock=end, limit=receive_bytes or 1 << 16)
        return cls(reader, writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    async def read(self) -> bytes:
        """Return what has come, at least one byte; nothing at the end."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await self._reader.read(1 << 16)

    async def read_head(self) -> bytes:
        """Return everything up to an empty line, with it."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def read_to_end(self) -> bytes:
        """Return everything until the server ends the connection in order, which it must."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await self._reader.read()

    async def answer(self) -> Answer:
        """Return the response, which ends the connection."""
        head, _, body = (await self.read_to_end()).partition(b"\r\n\r\n")
        return _answer(head, body)

    def end(self) -> None:
        """Send nothing more."""
        self._writer.write_eof()

    async def close(self) -> None:
        """Close the connection, in whatever state it is."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """End the connection without notice."""
        self._writer.transport.abort()


def _answer(head: bytes, body: bytes) -> Answer:
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status_line.split(" ")[1]), headers, body)


async def ask(port: int, request: bytes | str, *, source: str = "127.0.0.1") -> Answer:
    """Send one request as it is and return the response."""
    async with await RawSocket.connect(port, source=source) as connection:
        connection.send(request if isinstance(request, bytes) else request.encode())
        return await connection.answer()


async def get(port: int, path: str, *, method: str = "GET", source: str = "127.0.0.1") -> Answer:
    """Ask for a page."""
    return await ask(port, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", source=source)


class RawWebSocket(RawSocket):
    """A WebSocket connection that sends what it is told and answers nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._rest = b""

    async def read_welcome(self) -> None:
        """Read the answer to the handshake; raises `RefusedError`."""
        head = await self.read_head()
        if not head.startswith(b"HTTP/1.1 101 "):
            raise RefusedError(_answer(head.removesuffix(b"\r\n\r\n"), await self.read_to_end()))
        assert f"Sec-WebSocket-Accept: {ACCEPT}".encode() in head

    def send_frame(
        self, opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True
    ) -> None:
        """Send a frame."""
        self.send(client_frame(opcode, payload, final=final, reserved=reserved, masked=masked))

    def send_text(self, text: str) -> None:
        """Send a whole text message."""
        self.send_frame(TEXT, text.encode())

    def request(self, method: str, id: object = "r", **params: Any) -> None:  # noqa: A002 (the protocol's word)
        """Send a request."""
        self.send_text(json.dumps({"id": id, "method": method, "params": params}))

    def send_close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self.send_frame(CLOSE, code.to_bytes(2, "big") + reason.encode())

    async def frame(self) -> Frame:
        """Return the next frame."""
        while True:
            found = split_frame(self._rest)
            if found is not None:
                self._rest = found[1]
                return found[0]
            data = await self.read()
            assert data, "the server ended the connection without a close frame"
            self._rest += data

    async def message(self) -> dict[str, Any]:
        """Return the next text message; control frames before it are left out."""
        frame = await self.frame()
        while frame.opcode in (PING, PONG):
            frame = await self.frame()
        assert frame.opcode == TEXT, frame
        message: dict[str, Any] = json.loads(frame.payload)
        return message

    async def close_code(self) -> int:
        """Return the code that the server closes with; whatever comes before is left out."""
        frame = await self.frame()
        while frame.opcode != CLOSE:
            frame = await self.frame()
        return frame.close_code

    async def ended(self) -> bool:
        """Wait for the end of the connection; whether nothing more came before it."""
        return not self._rest and not await self.read_to_end()


async def open_websocket(
    port: int,
    path: str = "/",
    *headers: str,
    first: bytes = b"",
    source: str = "127.0.0.1",
    receive_bytes: int | None = None,
    **lines: Any,
) -> RawWebSocket:
    """Shake hands and return the connection; `first` is sent in one piece with the request.

    Raises `RefusedError`.
    """
    connection = await RawWebSocket.connect(port, source=source, receive_bytes=receive_bytes)
    connection.send(handshake(path, *headers, **lines) + first)
    try:
        await connection.read_welcome()
    except BaseException:
        await connection.close()
        raise
    return connection
