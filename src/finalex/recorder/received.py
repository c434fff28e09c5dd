"""What the recorder itself reads of a message; everything else is only written down."""

from collections.abc import Mapping

import msgspec


class ReceivedData(msgspec.Struct, frozen=True, gc=False):
    """The fields of `data` that tell whether something is missing, wrong, or about to happen."""

    symbol: str = ""
    sequence: int = -1
    trade_id: str = ""
    status: str = ""
    code: str = ""
    message: str = ""
    details: str = ""
    reconnect_after_ms: int = 0


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message of the server."""

    type: str
    id: str | int | float | None = None
    channel: str = ""
    data: ReceivedData = ReceivedData()

    @property
    def error(self) -> str:
        """What an `error` says: a sentence without its end."""
        text = (self.data.details or self.data.message).rstrip(".?! ")
        return f"{self.data.code}: {text}" if text else self.data.code


_decoder = msgspec.json.Decoder(Received)
_encode = msgspec.json.Encoder().encode


def decode_received(text: bytes) -> Received:
    """Return what is read of a message; raises `ValueError` if it is none."""
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_request(request_id: str, method: str, params: Mapping[str, str | int]) -> bytes:
    """Return the text of a request, in the spec's own form with one item."""
    return _encode({"id": request_id, "method": method, "params": params})


def encode_mark(status: str, now_ms: int, **data: object) -> bytes:
    """Return what the recorder writes down of itself: a message of the type `recording`."""
    return _encode({"type": "recording", "data": {"status": status, **data}, "timestamp": now_ms})
