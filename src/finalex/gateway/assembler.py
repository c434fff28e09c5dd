"""Frames from a client become messages, by the rules of RFC 6455, and of RFC 7692 for compressed ones."""

from codecs import getincrementaldecoder
from collections.abc import Callable

import msgspec

from finalex.gateway.deflate import InflateError, inflate
from finalex.gateway.framing import CONTROL_PAYLOAD_MAX, Opcode
from finalex.protocol.errors import CloseCode

FRAGMENTS_MAX = 1024
"""The most frames that one message may come in, unless told otherwise."""

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


Received = str | bytes | Ping | Pong | PeerClose
"""A whole message, of text or binary, or a control frame."""


class BadFrameError(Exception):
    """A frame that ends the connection with `code`; `reason` is for the client."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class MessageAssembler:
    """Takes the frames of one connection in order, unmasked; keeps at most one unfinished message.

    A message may have `bytes_max` bytes over all its fragments, as it comes and when inflated, and come in
    `fragments_max` frames. Text that cannot be UTF-8 is refused with the frame in which that shows, not only when the
    message is whole (section 8.1); compressed text shows nothing before. `deflate` says whether messages may be
    compressed, `binary` whether they may be binary.
    """

    __slots__ = ("_binary", "_bytes", "_bytes_max", "_fragments", "_fragments_max", "_unfinished", "deflate")

    def __init__(
        self, bytes_max: int, *, deflate: bool = False, binary: bool = False, fragments_max: int = FRAGMENTS_MAX
    ) -> None:
        self._bytes_max = bytes_max
        self._fragments_max = fragments_max
        self._binary = binary
        self.deflate = deflate
        self._unfinished: _PlainText | _Gathered | None = None
        self._fragments = 0
        self._bytes = 0

    @property
    def unfinished(self) -> object | None:
        """The message that is on its way, as long as it is the same object; `None` between messages."""
        return self._unfinished

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
        if opcode in (Opcode.TEXT, Opcode.CONTINUATION, Opcode.BINARY):
            return self._data(opcode, payload, final=final, compressed=compressed)
        return _control(opcode, payload, final=final)

    def _data(self, opcode: int, payload: bytes, *, final: bool, compressed: bool) -> str | bytes | None:
        if opcode == Opcode.BINARY and not self._binary:
            raise BadFrameError(CloseCode.UNSUPPORTED_DATA, "binary frames are not supported: send text")
        if (opcode == Opcode.CONTINUATION) != (self._unfinished is not None):
            raise _broken("nothing to continue" if self._unfinished is None else "the message before is not finished")
        self._bytes += len(payload)
        if self._bytes > self._bytes_max:
            raise BadFrameError(CloseCode.MESSAGE_TOO_BIG, f"a message may have {self._bytes_max} bytes")
        try:
            if final and self._unfinished is None:
                self._bytes = 0
                data = inflate(payload, self._bytes_max) if compressed else payload
                return data if opcode == Opcode.BINARY else data.decode()
            return self._append(opcode, payload, final=final, compressed=compressed)
        except UnicodeDecodeError:
            raise BadFrameError(CloseCode.INVALID_TEXT, "the text is not UTF-8") from None
        except InflateError as error:
            raise BadFrameError(error.code, error.reason) from None

    def _append(self, opcode: int, payload: bytes, *, final: bool, compressed: bool) -> str | bytes | None:
        if self._unfinished is None:
            self._unfinished = self._begin(text=opcode == Opcode.TEXT, compressed=compressed)
        if self._fragments == self._fragments_max:
            raise BadFrameError(CloseCode.POLICY_VIOLATION, f"a message may come in {self._fragments_max} frames")
        self._fragments += 1
        message = self._unfinished.take(payload, final=final)
        if final:
            self._unfinished, self._fragments, self._bytes = None, 0, 0
        return message

    def _begin(self, *, text: bool, compressed: bool) -> "_PlainText | _Gathered":
        if not compressed:
            return _PlainText() if text else _Gathered(bytes)
        bytes_max = self._bytes_max
        return _Gathered(lambda data: inflate(data, bytes_max).decode() if text else inflate(data, bytes_max))


class _PlainText:
    """The fragments of a text message, each decoded as it comes."""

    __slots__ = ("_decoder", "_parts")

    def __init__(self) -> None:
        self._decoder = _new_decoder("strict")
        self._parts: list[str] = []

    def take(self, payload: bytes, *, final: bool) -> str | None:
        """Take a fragment; return the text with the last one."""
        self._parts.append(self._decoder.decode(payload, final))
        return "".join(self._parts) if final else None


class _Gathered:
    """The fragments of a message that is finished with the last one: so no state of zlib's is kept meanwhile."""

    __slots__ = ("_finish", "_pieces")

    def __init__(self, finish: Callable[[bytes], str | bytes]) -> None:
        self._finish = finish
        self._pieces: list[bytes] = []

    def take(self, payload: bytes, *, final: bool) -> str | bytes | None:
        """Take a fragment; return the message with the last one."""
        self._pieces.append(payload)
        return self._finish(b"".join(self._pieces)) if final else None


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
