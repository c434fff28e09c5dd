"""What the core wants done; the shell does it in order."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text message over the connection."""

    text: bytes


class Deliver(msgspec.Struct, frozen=True, gc=False):  # made for nearly every message, and cheaper so
    """Hand `item` to the subscription `key`: the data of a message, or a `Gap`."""

    key: int
    item: object


@dataclass(frozen=True, slots=True)
class End:
    """The subscription `key` is over: with `error`."""

    key: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Answer:
    """The request `number` was carried out; `data` is that of the reply."""

    number: int
    data: object


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request `number` ended with `error`."""

    number: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Ready:
    """The server has greeted: the connection serves."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """The credentials end soon: get new ones and give them to `Core.authenticate`."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection, which does no good any more; its loss is to be told as any other."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Connect again after so long."""

    after_ms: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Never connect again; everybody who waits has been told `error`."""

    error: Exception


Effect = Send | Deliver | End | Answer | Refuse | Ready | Refresh | Close | Reconnect | Stop
