"""Frames from a client become messages, by the rules of RFC 6455, and of RFC 7692 for compressed ones."""

from codecs import IncrementalDecoder, getincrementaldecoder

import msgspec

from finalex.gateway.deflate import InflateError, inflate
from finalex.gateway.framing import CONTROL_PAYLOAD_MAX, Opcode
from finalex.protocol.errors import CloseCode

FRAGMENTS_MAX = 1024
"""The most frames that one message may come in."""

_new_decoder = getincrementaldecoder("utf-8")

_PEER_CODES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
"""The registered close codes that may stand in a frame (section 7.4.1 and the IANA registry)."""

_APPLICATION_CODES = range(3000, 5000)


class Ping(msgspec.Struct, frozen=True):
    """A ping, to be answered with the same payload."""

    payload: bytes


class Pong(msgspec.Struct, frozen=True):
    """A pong."""


class PeerClose(msgspec.Struct, frozen=True):
    """The client closes; `code` is `None` if it gave none."""

    code: int | None


Received = str | Ping | Pong | PeerClose
"""A whole text message, or a control frame."""


class BadFrameError(Exception):
    """A frame that ends the connection with `code`; `reason` is for the client."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MessageAssembler:
    """Takes the frames of one connection in order, unmasked; keeps at most one unfinished message.

    A message may have `bytes_max` bytes over all its fragments, as it comes and when inflated. Text that cannot be
    UTF-8 is refused with the frame in which that shows, not only when the message is whole (section 8.1); compressed
    text shows nothing before. `deflate` says whether messages may be compressed.
    """

    __slots__ = ("_bytes", "_bytes_max", "_decoder", "_parts", "deflate")

    def __init__(self, bytes_max: int, *, deflate: bool = False) -> None:
        self._bytes_max = bytes_max
        self.deflate = deflate
        self._decoder: IncrementalDecoder | _Inflater | None = None
        self._parts: list[str] = []
        self._bytes = 0

    def accept(
        self, opcode: int, payload: bytes, *, final: bool, reserved: bool, compressed: bool = False
    ) -> Received | None:
        """Take one frame; return what it completes, or `None`. Raises `BadFrameError`.

        `compressed` is the first reserved bit, `reserved` whether another is set.
        """
        if reserved or (compressed and not self.deflate):
            raise _broken("a reserved bit is set")
        if compressed and opcode not in (Opcode.TEXT, Opcode.BINARY):
            raise _broken("the first frame of a message alone says that it is compressed")
        if opcode in (Opcode.TEXT, Opcode.CONTINUATION):
            return self._text(opcode, payload, final=final, compressed=compressed)
        if opcode == Opcode.BINARY:
            raise BadFrameError(CloseCode.UNSUPPORTED_DATA, "binary frames are not supported: send text")
        return _control(opcode, payload, final=final)

    def _text(self, opcode: int, payload: bytes, *, final: bool, compressed: bool) -> str | None:
        if (opcode == Opcode.CONTINUATION) != (self._decoder is not None):
            raise _broken("nothing to continue" if self._decoder is None else "the message before is not finished")
        self._bytes += len(payload)
        if self._bytes > self._bytes_max:
            raise BadFrameError(CloseCode.MESSAGE_TOO_BIG, f"a message may have {self._bytes_max} bytes")
        try:
            if final and self._decoder is None:
                self._bytes = 0
                return (inflate(payload, self._bytes_max) if compressed else payload).decode()
            return self._append(payload, final=final, compressed=compressed)
        except UnicodeDecodeError:
            raise BadFrameError(CloseCode.INVALID_TEXT, "the text is not UTF-8") from None
        except InflateError as error:
            raise BadFrameError(error.code, error.reason) from None

    def _append(self, payload: bytes, *, final: bool, compressed: bool) -> str | None:
        if self._decoder is None:
            self._decoder = _Inflater(self._bytes_max) if compressed else _new_decoder("strict")
        if len(self._parts) == FRAGMENTS_MAX:
            raise BadFrameError(CloseCode.POLICY_VIOLATION, f"a message may come in {FRAGMENTS_MAX} frames")
        self._parts.append(self._decoder.decode(payload, final))
        if not final:
            return None
        text = "".join(self._parts)
        self._decoder, self._parts, self._bytes = None, [], 0
        return text


class _Inflater:
    """Decodes the fragments of a compressed message: all of them with the last, so that no state of zlib's is kept."""

    __slots__ = ("_bytes_max", "_pieces")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._pieces: list[bytes] = []

    def decode(self, payload: bytes, final: bool) -> str:
        """Take a fragment; return the text with the last one, and nothing before."""
        self._pieces.append(payload)
        return inflate(b"".join(self._pieces), self._bytes_max).decode() if final else ""


def _control(opcode: int, payload: bytes, *, final: bool) -> Received:
    if not final or len(payload) > CONTROL_PAYLOAD_MAX:
        raise _broken(f"a control frame is whole and has at most {CONTROL_PAYLOAD_MAX} bytes")
    match opcode:
        case Opcode.PING:
            return Ping(payload)
        case Opcode.PONG:
            return Pong()
        case Opcode.CLOSE:
            return _peer_close(payload)
        case _:
            raise _broken("unknown opcode")


def _peer_close(payload: bytes) -> PeerClose:
    if not payload:
        return PeerClose(None)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or (code not in _PEER_CODES and code not in _APPLICATION_CODES):
        raise _broken("not a close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise BadFrameError(CloseCode.INVALID_TEXT, "the close reason is not UTF-8") from None
    return PeerClose(code)


def _broken(reason: str) -> BadFrameError:
    return BadFrameError(CloseCode.PROTOCOL_ERROR, reason)
