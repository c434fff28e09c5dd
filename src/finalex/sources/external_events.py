"""The messages of an external engine: how its events are written, and the only code that reads them.

A message is an object with `version`, `time_ms` and `events`, as JSON or as msgpack of the same shape. An event is an
object whose `event` says what happened; the other fields are those of `finalex.model.events`, with decimal text for
prices, quantities and amounts. Everything in a message happened together, at its one time.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, TypeVar, Union

import msgspec
from msgspec import Meta

from finalex.model.decimals import AMOUNT_DECIMALS, parse_units
from finalex.model.events import (
    AnyEvent,
    BookReset,
    BookWithdrawn,
    Credited,
    Debited,
    Event,
    LevelsChanged,
    MarketStateChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    PaperFilled,
    PaperRested,
    Traded,
)
from finalex.model.instruments import Instrument, Instruments
from finalex.model.orders import Side

_T_co = TypeVar("_T_co", covariant=True)

VERSION = 1

MESSAGE_BYTES_MAX = 256 << 10
"""The longest message: what becomes of it in the log fits a message there, whatever the server's `max_payload` is."""

EVENTS_MAX = 2_000
"""So many events has a message at most."""

NUMBER_MAX = 2**62 - 1
"""The greatest number of an order or a trade: it is part of an order's id."""

TEXT_LENGTH_MAX = 64
"""So many characters has a user, an id or a reference at most."""

REASON_LENGTH_MAX = 200

JSON, MSGPACK = "application/json", "application/msgpack"

WIRE_NAMES: Mapping[type[Event], str] = {
    OrderAccepted: "order_accepted",
    OrderRejected: "order_rejected",
    OrderRested: "order_rested",
    OrderEnded: "order_ended",
    Traded: "traded",
    BookReset: "book_reset",
    LevelsChanged: "levels_changed",
    BookWithdrawn: "book_withdrawn",
    PaperRested: "order_waits",
    PaperFilled: "order_filled",
    Credited: "credited",
    Debited: "debited",
    MarketStateChanged: "market_state_changed",
}
"""What each event is called in a message. The last two of an order are ours of paper trading: they touch no book."""

_SET_HERE = {"time_ms", "ahead", "level"}
"""Fields that no message has: the time is the message's, the others mean nothing outside paper trading."""


class BadMessageError(ValueError):
    """A message cannot be taken; the text says to its producer what is wrong, and where."""


class FieldKind(NamedTuple):
    """How a field is written: its type in a message, what tables call that, and what reads it."""

    wire: Any
    shown: str
    read: Callable[[Any, Instrument], Any]


def _price(text: str, instrument: Instrument) -> int:
    return instrument.parse_price(text)


def _quantity(text: str, instrument: Instrument) -> int:
    return instrument.parse_quantity(text)


def _levels(levels: list[tuple[str, str]], instrument: Instrument) -> list[tuple[int, int]]:
    return [(_price(price, instrument), _quantity(quantity, instrument)) for price, quantity in levels]


def _changes(changes: list[tuple[Side, str, str]], instrument: Instrument) -> list[tuple[Side, int, int]]:
    return [(side, _price(price, instrument), _quantity(quantity, instrument)) for side, price, quantity in changes]


_AMOUNT = FieldKind(str, "decimal text, 8 decimals", lambda text, _: parse_units(text, AMOUNT_DECIMALS))
_PRICE = FieldKind(str, "decimal text, the market's price decimals", _price)
_QUANTITY = FieldKind(str, "decimal text, the market's quantity decimals", _quantity)
_NUMBER = FieldKind(Annotated[int, Meta(ge=0, le=NUMBER_MAX)], "integer", lambda number, _: number)
_LEVELS = FieldKind(list[tuple[str, str]], "array of [price, quantity]", _levels)
_CHANGES = FieldKind(list[tuple[Side, str, str]], "array of [side, price, quantity]", _changes)

KINDS: Mapping[str, FieldKind] = {
    "price": _PRICE,
    "quantity": _QUANTITY,
    **dict.fromkeys(("amount", "locked", "fee", "maker_fee", "taker_fee"), _AMOUNT),
    **dict.fromkeys(("order", "trade", "maker_order", "taker_order"), _NUMBER),
    **dict.fromkeys(("bids", "asks"), _LEVELS),
    "changes": _CHANGES,
}
"""The fields, of whatever event, that a message writes otherwise than the log."""


def wire_fields(event: type[Event]) -> list[msgspec.structs.FieldInfo]:
    """Return the fields of `event` that a message has, in order."""
    return [field for field in msgspec.structs.fields(event) if field.name not in _SET_HERE]


def wire_type(event: type[Event]) -> type[msgspec.Struct]:
    """Return the shape of `event` in a message."""
    fields: list[Any] = []
    for field in wire_fields(event):
        kind = KINDS.get(field.name)
        shape = field.type if kind is None else kind.wire
        if field.required:
            fields.append((field.name, shape))
        else:
            fields.append((field.name, shape, "0" if kind is _AMOUNT else field.default))
    return msgspec.defstruct(
        event.__name__,
        fields,
        tag_field="event",
        tag=WIRE_NAMES[event],
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


WIRE_TYPES: Mapping[type[Event], type[msgspec.Struct]] = {event: wire_type(event) for event in WIRE_NAMES}
_EVENTS = {shape: event for event, shape in WIRE_TYPES.items()}

if TYPE_CHECKING:
    AnyWireEvent = msgspec.Struct
else:
    AnyWireEvent = Union[tuple(WIRE_TYPES.values())]  # noqa: UP007 (made of what the table has)


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened at `time_ms`, milliseconds since 1970 (UTC), in order."""

    version: Literal[1]
    time_ms: Annotated[int, Meta(ge=1, lt=2**48)]
    events: Annotated[list[AnyWireEvent], Meta(min_length=1, max_length=EVENTS_MAX)]


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Decoder(Protocol[_T_co]):
    def decode(self, buf: bytes, /) -> _T_co: ...


_decoders: Mapping[str, tuple[_Decoder[_Version], _Decoder[Message]]] = {
    JSON: (msgspec.json.Decoder(_Version), msgspec.json.Decoder(Message)),
    MSGPACK: (msgspec.msgpack.Decoder(_Version), msgspec.msgpack.Decoder(Message)),
}


class Happened(NamedTuple):
    """What a message tells, in the units of the log; whether it can be is for others to say."""

    time_ms: int
    events: list[AnyEvent]


def read_message(data: bytes, content_type: str, instruments: Instruments, *, not_before_ms: int = 0) -> Happened:
    """Return what a message tells; an empty content type means JSON. Raises `BadMessageError`.

    A time before `not_before_ms`, which is over already, is raised to it.
    """
    decoders = _decoders.get(content_type.partition(";")[0].strip().lower() or JSON)
    if decoders is None:
        raise BadMessageError(f"Content-Type {content_type[:80]!r} is neither {JSON} nor {MSGPACK}")
    if len(data) > MESSAGE_BYTES_MAX:
        raise BadMessageError(f"the message has {len(data)} bytes, more than {MESSAGE_BYTES_MAX}")
    try:
        version = decoders[0].decode(data).version
        if version != VERSION:
            raise BadMessageError(f"version {version} is not known here; this release reads version {VERSION}")
        message = decoders[1].decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessageError(_readable(error)) from None
    time_ms = max(message.time_ms, not_before_ms)
    return Happened(time_ms, [_read_event(n, event, time_ms, instruments) for n, event in enumerate(message.events)])


def described(number: int, event: AnyEvent, problem: object) -> str:
    """Return a sentence about the event at index `number` of a message."""
    return f"events[{number}] ({WIRE_NAMES[type(event)]}): {problem}"


_NO_INSTRUMENT: Any = None  # no field of an event without a symbol asks for one


def _read_event(number: int, wire: msgspec.Struct, time_ms: int, instruments: Instruments) -> AnyEvent:
    event = _EVENTS[type(wire)]
    given = msgspec.structs.asdict(wire)
    symbol = given.get("symbol")
    if symbol is not None and symbol not in instruments:
        nearest = instruments.nearest(symbol)
        known = f"; did you mean {nearest}?" if nearest else ""
        raise BadMessageError(
            f"events[{number}] ({WIRE_NAMES[event]}): symbol {symbol[:32]!r} is not traded here{known}"
        )
    instrument = _NO_INSTRUMENT if symbol is None else instruments[symbol]
    for name, value in given.items():
        kind = KINDS.get(name)
        if kind is None:
            continue
        try:
            given[name] = kind.read(value, instrument)
        except ValueError as error:
            raise BadMessageError(f"events[{number}] ({WIRE_NAMES[event]}): {name} {error}") from None
    if event in (PaperRested, PaperFilled):
        given |= {"ahead": 0} if event is PaperRested else {"level": 0}
    made: AnyEvent = event(**given, time_ms=time_ms)  # type: ignore[assignment]
    return made


def _readable(error: Exception) -> str:
    """Return the library's sentence with the place it names as `read_message` names places."""
    text = re.sub(r" - at `\$\.?(.*)`$", r" (at \1)", str(error)).replace("[...]", "[…]")
    return text[:300]
