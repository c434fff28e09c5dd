"""What clients of the crowd send, and how they read: just enough WebSocket for a server that is trusted."""

import json
from collections.abc import Iterator
from typing import Any

from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.secret import Secret
from finalex.credentials.tokens import sign_token

SECRET = Secret("of the benchmark alone, and no secret")
TOKEN_MS = 86_400_000
TEXT = 1


def handshake(user: str) -> bytes:
    """Return a handshake that logs `user` in."""
    grant = Grant(user=user, scopes=frozenset({"read", "trade"}), ttl_ms=TOKEN_MS)
    return (
        f"GET /?token={sign_token(SECRET, grant, now_ms())} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def request(method: str, **params: Any) -> bytes:
    """Return a request as one frame; the mask is zero."""
    payload = json.dumps({"id": 1, "method": method, "params": params}).encode()
    if len(payload) < 126:
        return b"\x81" + bytes([0x80 | len(payload)]) + bytes(4) + payload
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


class Reader:
    """Finds the text messages in what comes after the handshake's answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._answered = False

    def read(self, data: bytes) -> Iterator[bytes]:
        """Yield the payload of each whole text frame."""
        rest = self._rest + data
        if not self._answered:
            head, end, after = rest.partition(b"\r\n\r\n")
            self._answered = bool(end)
            rest = after if end else head
        while self._answered and len(rest) >= 2:
            start, size = payload_of(rest)
            if len(rest) < start + size:
                break
            if rest[0] & 0xF == TEXT:
                yield rest[start : start + size]
            rest = rest[start + size :]
        self._rest = rest


def payload_of(frame: bytes) -> tuple[int, int]:
    """Return where the payload of the frame starts and how long it is; both too large while that is not known."""
    size = frame[1] & 0x7F
    if size == 126:
        return 4, int.from_bytes(frame[2:4], "big") if len(frame) >= 4 else 1 << 16
    if size == 127:
        return 10, int.from_bytes(frame[2:10], "big") if len(frame) >= 10 else 1 << 63
    return 2, size
