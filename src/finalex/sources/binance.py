"""The messages of Binance's combined market streams, and how they are recorded.

Sources: Binance's documentation of its market streams, and of "how to manage a local order book correctly", for spot
and for USD-M futures. Unused fields are ignored.
"""

import re

import msgspec
from msgspec import field

from finalex.sources.messages import BookTicker, DepthUpdate, Message, Other, Snapshot, Trade

NO_BOOK = re.compile(rb'\{"stream":"[^"@]*@(?:trade|bookTicker)["@]')
"""How a message begins that is no update of a book, also when the rest of it is torn."""

CLOCK_SKEW_MS_MAX = 60_000
"""A message whose time is further from its receive time is not believed (measured: 1.2 to 1.6 s)."""


class _Frame(msgspec.Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()
    stream: str = ""
    last_update_id: int | None = field(name="lastUpdateId", default=None)


_frame = msgspec.json.Decoder(_Frame)
_snapshot = msgspec.json.Decoder(Snapshot)
_streams: dict[str, msgspec.json.Decoder[DepthUpdate] | msgspec.json.Decoder[Trade] | msgspec.json.Decoder[BookTicker]]
_streams = {
    "depth": msgspec.json.Decoder(DepthUpdate),
    "trade": msgspec.json.Decoder(Trade),
    "bookTicker": msgspec.json.Decoder(BookTicker),
}


def decode(text: bytes) -> Message:
    """Return the message that one frame (`{"stream", "data"}`) or depth snapshot holds.

    Raises `ValueError` for anything else: no JSON, a missing field, a wrong type, a number out of range.
    """
    try:
        frame = _frame.decode(text)
        if frame.last_update_id is not None:
            return _snapshot.decode(text)
        if not frame.stream:
            raise ValueError("neither a stream's message nor a depth snapshot")
        _, _, stream = frame.stream.partition("@")
        decoder = _streams.get(stream.partition("@")[0])
        return decoder.decode(frame.data) if decoder else Other(frame.stream)
    except RecursionError:
        raise ValueError("nested too deeply") from None
