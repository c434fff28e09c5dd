"""Compressed messages: the extension permessage-deflate (RFC 7692), each message by itself.

Nothing is kept from message to message, in neither direction (`no_context_takeover`). So a published message is
compressed once for all who take it compressed, and a connection costs no memory for it.
"""

import zlib
from collections.abc import Iterable

from finalex.gateway.extensions import Extension
from finalex.gateway.framing import Opcode, frame
from finalex.protocol.errors import CloseCode

NAME = "permessage-deflate"

WINDOW_BITS = 9
"""How far back what we compress refers, as a power of two.

All receivers get the same bytes, so this must be small enough for each of them: 9 suits every offer but 8, which zlib
cannot do. Our messages become no longer by it: what repeats in them is near.
"""

PLAIN_BYTES_MAX = 127
"""Shorter messages gain next to nothing and are never compressed."""

FINAL_BLOCKS_MAX = 64
"""The most blocks marked as final that one message may have; each begins a stream of its own."""

_MEMORY_LEVEL = 5
"""More makes every message dearer and none shorter."""

_FLUSHED = b"\x00\x00\xff\xff"
"""What every flush ends with; it is not sent (section 7.2.1)."""

_END = _FLUSHED + b"\x01\x00\x00\xff\xff"
"""What was not sent, and an empty final block: that it is found to be one shows that nothing was cut off."""

_COMPRESSED = 0x80 | 0x40
"""What the first byte of a whole compressed message has besides the opcode: final, RSV1."""

_BITS = tuple(str(bits) for bits in range(8, 16))

_ALLOWED: dict[str, tuple[str | None, ...]] = {
    "server_no_context_takeover": (None,),
    "client_no_context_takeover": (None,),
    "server_max_window_bits": _BITS[_BITS.index(str(WINDOW_BITS)) :],
    "client_max_window_bits": (None, *_BITS),
}
"""The parameters of an offer, each with the values that it may have for us (section 7.1)."""


class InflateError(Exception):
    """A message that ends the connection with `code`; `reason` is for the client."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def answer_offers(offers: Iterable[Extension]) -> str | None:
    """Return the answer to the first offer that can be accepted, or `None`.

    An offer with a parameter that is unknown, repeated, or has a value it may not have, is declined.
    """
    return next((_answer(offer) for offer in offers if offer.name == NAME and _is_acceptable(offer)), None)


def _is_acceptable(offer: Extension) -> bool:
    named = dict(offer.parameters)
    if len(named) < len(offer.parameters):
        return False
    return all(name in _ALLOWED and value in _ALLOWED[name] for name, value in named.items())


def _answer(offer: Extension) -> str:
    """`server_max_window_bits` is said to those alone who asked: some end the connection otherwise (Firefox did).

    `client_max_window_bits` is never: we read what any window gives.
    """
    answer = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
    bits = dict(offer.parameters).get("server_max_window_bits")
    return answer if bits is None else f"{answer}; server_max_window_bits={bits}"


def deflate_frame(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """Return `payload`, UTF-8 if it is text, as one whole message, compressed unless that would make it no shorter."""
    if len(payload) <= PLAIN_BYTES_MAX:
        return frame(opcode, payload)
    deflater = zlib.compressobj(wbits=-WINDOW_BITS, memLevel=_MEMORY_LEVEL)
    deflated = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    if len(deflated) - len(_FLUSHED) >= len(payload):
        return frame(opcode, payload)
    return bytes((_COMPRESSED | opcode,)) + frame(opcode, deflated[: -len(_FLUSHED)])[1:]


def inflate(payload: bytes, bytes_max: int) -> bytes:
    """Return what a compressed message holds; at most one byte more than `bytes_max` is ever produced.

    A final block may end it, or be followed by others (section 7.2.1); a sender that leaves out the empty block
    which has to follow is forgiven. Raises `InflateError`.
    """
    inflated = b""
    rest = payload + _END
    for _ in range(FINAL_BLOCKS_MAX):
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflated += inflater.decompress(rest, bytes_max + 1 - len(inflated))
        except zlib.error:
            raise _corrupt() from None
        if len(inflated) > bytes_max:
            raise InflateError(CloseCode.MESSAGE_TOO_BIG, f"a message may have {bytes_max} bytes")
        if not inflater.eof:
            raise _corrupt()
        rest = inflater.unused_data
        if rest in (b"", _END):
            return inflated
    raise InflateError(CloseCode.POLICY_VIOLATION, f"a message may have {FINAL_BLOCKS_MAX} final blocks")


def _corrupt() -> InflateError:
    return InflateError(CloseCode.INVALID_TEXT, "what is compressed is corrupt")
