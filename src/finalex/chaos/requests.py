"""The request `chaos`, with which a client asks for a fault by itself."""

import msgspec

from finalex.chaos.faults import ON_REQUEST, Fault

METHOD = "chaos"
CALM = "calm"
"""Asked for like a fault: nothing more happens to this connection unless it asks."""

ASKABLE = (*(fault.value for fault in ON_REQUEST), CALM)


class Asked(msgspec.Struct, frozen=True):
    """A request for a fault; `fault` is `None` if what was asked for does not exist."""

    id: str | int | float
    fault: Fault | None
    calm: bool = False


class _Params(msgspec.Struct, frozen=True):
    fault: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    method: str
    id: str | int | float = METHOD
    params: _Params = _Params()


class FaultData(msgspec.Struct, frozen=True):
    """The `data` of the reply."""

    fault: str


_decode = msgspec.json.Decoder(_Envelope).decode


def parse_asked(text: str) -> Asked | None:
    """Return what a message asks for, or `None` if it is no request for a fault."""
    if f'"{METHOD}"' not in text:
        return None
    try:
        envelope = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if envelope.method != METHOD:
        return None
    name = envelope.params.fault
    return Asked(envelope.id, Fault(name) if name in ASKABLE and name != CALM else None, name == CALM)
