"""Frames from the server: an unmasked header and a payload (RFC 6455 section 5.2)."""

from enum import IntEnum

CONTROL_PAYLOAD_MAX = 125
CLOSE_REASON_MAX = CONTROL_PAYLOAD_MAX - 2

_FINAL = 0x80
_LENGTH_16 = 126
_LENGTH_64 = 127


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """Return `payload` as one whole frame."""
    size = len(payload)
    if size < _LENGTH_16:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL | opcode, _LENGTH_16)) + size.to_bytes(2, "big") + payload
    return bytes((_FINAL | opcode, _LENGTH_64)) + size.to_bytes(8, "big") + payload


def frame_text(payload: bytes) -> bytes:
    """Return UTF-8 text as one whole message."""
    return frame(Opcode.TEXT, payload)


def frame_pong(payload: bytes) -> bytes:
    """Return the answer to a ping with this payload."""
    return frame(Opcode.PONG, payload)


def frame_close(code: int, reason: str) -> bytes:
    """Return a close frame; `reason` is cut to what fits, between characters."""
    text = reason.encode()[:CLOSE_REASON_MAX].decode(errors="ignore").encode()
    return frame(Opcode.CLOSE, code.to_bytes(2, "big") + text)


PING = frame(Opcode.PING, b"")
