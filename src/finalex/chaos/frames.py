"""Our own frames as they leave: where one ends, and what a message is."""

from collections.abc import Iterator

import msgspec

from finalex.gateway.deflate import inflate

_COMPRESSED = 0x40
_OPCODE = 0x0F
_LENGTH_16 = 126
_LENGTH_64 = 127

MESSAGE_BYTES_MAX = 1 << 26
"""No message of ours is longer."""


class MessageHead(msgspec.Struct, frozen=True):
    """What a message is; `symbol` is empty where it has none."""

    type: str
    symbol: str = ""


class _Named(msgspec.Struct, frozen=True):
    symbol: str = ""


class _Message(msgspec.Struct, frozen=True):
    type: str
    data: _Named


_decode = msgspec.json.Decoder(_Message).decode


def split_frames(data: bytes) -> Iterator[bytes]:
    """Yield the frames (unmasked, whole) that `data` consists of."""
    start = 0
    while start < len(data):
        end = start + _header_bytes(data[start + 1]) + _payload_bytes(data, start)
        yield data[start:end]
        start = end


def opcode_of(frame: bytes) -> int:
    """Return what a frame is."""
    return frame[0] & _OPCODE


def read_head(frame: bytes) -> MessageHead:
    """Return what message a text frame holds."""
    payload = frame[_header_bytes(frame[1]) :]
    message = _decode(inflate(payload, MESSAGE_BYTES_MAX) if frame[0] & _COMPRESSED else payload)
    return MessageHead(message.type, message.data.symbol)


def _header_bytes(length: int) -> int:
    return 4 if length == _LENGTH_16 else 10 if length == _LENGTH_64 else 2


def _payload_bytes(data: bytes, start: int) -> int:
    length = data[start + 1]
    if length < _LENGTH_16:
        return length
    return int.from_bytes(data[start + 2 : start + _header_bytes(length)], "big")
