"""What gateways tell each other of who is connected to them.

Every gateway numbers its messages 1, 2, 3 … within its `epoch`, the wall-clock time at which it began. Who has missed
none knows all; who has missed one asks for everything. No order holds between messages of different gateways.
"""

from typing import Annotated

import msgspec

KEYS_PER_MESSAGE_MAX = 1000
"""What does not fit into one message goes in several: a key has at most some 80 bytes, and NATS takes 1 MiB."""

PIECES_MAX = 1000
NODES_ASKED_MAX = 1000

_ADDRESS, _ACCOUNT = "a", "u"

Key = Annotated[str, msgspec.Meta(min_length=2, max_length=80)]
"""An address as limits count it, or an account, as `address_key` and `account_key` write them."""

Node = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]

Held = tuple[Annotated[int, msgspec.Meta(ge=0, lt=2**31)], Time]
"""How many connections there are, and when the last of them came: milliseconds of the wall clock."""

Counts = Annotated[dict[Key, Held], msgspec.Meta(max_length=KEYS_PER_MESSAGE_MAX)]


def address_key(address: str) -> str:
    """Return the key of an address, which must be as limits count it."""
    return _ADDRESS + address


def account_key(user: str) -> str:
    """Return the key of an account."""
    return _ACCOUNT + user


def key_parts(key: str) -> tuple[str | None, str | None]:
    """Return the address or the account that `key` is of, and `None` for the other."""
    return (key[1:], None) if is_address(key) else (None, key[1:])


def is_address(key: str) -> bool:
    """Whether `key` is of an address."""
    return key.startswith(_ADDRESS)


class Changes(msgspec.Struct, frozen=True, array_like=True, tag="changes"):
    """What is different from before, 0 connections for a key that is no more; nothing at all just shows life."""

    node: Node
    epoch: Time
    number: Number
    counts: Counts


class Piece(msgspec.Struct, frozen=True, array_like=True, tag="piece"):
    """A part of all that a gateway has, from 0 to `parts` - 1; nothing else of it comes between the parts."""

    node: Node
    epoch: Time
    number: Number
    part: Annotated[int, msgspec.Meta(ge=0, lt=PIECES_MAX)]
    parts: Annotated[int, msgspec.Meta(ge=1, le=PIECES_MAX)]
    counts: Counts


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """Wants everything from `asked`, or from everybody if that is empty."""

    node: Node
    asked: Annotated[list[Node], msgspec.Meta(max_length=NODES_ASKED_MAX)]


class Gone(msgspec.Struct, frozen=True, array_like=True, tag="gone"):
    """The gateway ends, and has nobody any more."""

    node: Node
    epoch: Time


Message = Changes | Piece | Ask | Gone


class PresenceError(ValueError):
    """Bytes that are no message of ours."""


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return `message` as it travels."""
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Return what `encode` was given; raises `PresenceError`. More fields, of a later release, are passed over."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PresenceError(str(error)) from None
