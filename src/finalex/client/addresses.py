"""Where a message belongs that cannot be read as a whole."""

import msgspec

Route = tuple[str, str, str]
"""Channel, symbol and interval of a message."""


class _Names(msgspec.Struct, frozen=True, gc=False):
    symbol: str = ""
    interval: str = ""


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    id: str | int | float = ""
    channel: str = ""
    data: _Names = _Names()


class Address(msgspec.Struct, frozen=True, gc=False):
    """The request that a message answers, and the stream that it is of, where it says so."""

    id: str
    route: Route


_decode = msgspec.json.Decoder(_Envelope).decode


def find_address(text: bytes) -> Address | None:
    """Return where a message belongs, `None` where even that cannot be read."""
    try:
        message = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return Address(str(message.id), (message.channel, message.data.symbol, message.data.interval))
