"""The forms in which the reference tells of messages, parameters, channels, requests and limits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from finalex.protocol.errors import ErrorCode
from finalex.protocol.messages import Message

Schema = dict[str, Any]
"""A JSON Schema, or a part of one."""


class Field(NamedTuple):
    """What a field means, and what its JSON Schema says beyond its type."""

    meaning: str
    schema: Mapping[str, object] = {}


class ServerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One type of message from the server; the examples are the real structs, so that they cannot have other fields."""

    kind: str
    """Its `type`."""
    title: str
    summary: str
    examples: tuple[Message, ...]

    @property
    def channel(self) -> str | None:
        """The channel that it is a message of, if it is one of a channel."""
        channel = self.examples[0].channel
        return channel if isinstance(channel, str) else None

    @property
    def data_types(self) -> tuple[type[msgspec.Struct], ...]:
        """Every struct that its `data` can be."""
        return tuple(dict.fromkeys(type(example.data) for example in self.examples))


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a subscription, with the code of the error that a wrong value gets."""

    name: str
    meaning: str
    schema: Schema
    error: ErrorCode
    example: str | int | bool
    required: bool = False


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: what it takes, what it sends at once, and what then."""

    name: str
    title: str
    summary: str
    private: bool = False
    parameters: tuple[Parameter, ...] = ()
    at_once: str
    then: str
    notes: tuple[str, ...] = ()
    messages: tuple[str, ...]
    """The types of its messages."""

    @property
    def example(self) -> dict[str, str | int | bool]:
        """The parameters of a request to subscribe, as the specification has them."""
        shown = (each for each in self.parameters if each.name in ("symbol", "depth", "interval") and not self.private)
        return {"channel": self.name} | {each.name: each.example for each in shown}


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is no subscription: its parameters and every reply it can get."""

    name: str
    title: str
    summary: str
    scope: str = ""
    """The scope that the credentials must have; empty if none are needed."""
    params: type[msgspec.Struct] | None = None
    example: Mapping[str, object]
    reply: str
    errors: tuple[ErrorCode, ...] = ()
    notes: tuple[str, ...] = ()


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit or interval with its value on this server; `setting` is empty for what cannot be set."""

    name: str
    meaning: str
    value: int
    unit: str
    setting: bool
