"""What a reference for people consists of; Markdown and HTML are made from the same blocks.

In texts `code` is between backquotes and a link is `[text](address)`; nothing else has a meaning.
"""

import json
from typing import Final, NamedTuple

import msgspec


class Heading(NamedTuple):
    """A heading of level 1 to 4; `anchor` names it in links."""

    level: int
    text: str
    anchor: str


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Table(NamedTuple):
    """A table under the names of its columns."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Code(NamedTuple):
    """Something to read or to copy as it is."""

    language: str
    text: str


class Trial(NamedTuple):
    """A request that can be tried on the page: it subscribes to `channel`."""

    channel: str
    request: str
    private: bool


Block = Heading | Text | Table | Code | Trial

_LINE_LENGTH_MAX: Final = 88


def json_code(value: object) -> Code:
    """Return a message as it would be sent, but indented for reading: what is short stays on one line."""
    return Code("json", _indented(msgspec.to_builtins(value), 0))


def one_line(value: object) -> str:
    """Return a message on one line."""
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def _indented(value: object, level: int) -> str:
    inner, outer = "  " * (level + 1), "  " * level
    if level and len(one_line(value)) <= _LINE_LENGTH_MAX:
        return one_line(value)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key)}: {_indented(item, level + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    if isinstance(value, list):
        lines = [inner + _indented(item, level + 1) for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{outer}]"
    return one_line(value)
