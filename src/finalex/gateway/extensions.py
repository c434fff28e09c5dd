"""The extensions that a client offers in its handshake (RFC 6455 section 9.1)."""

import re
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from finalex.gateway.http_messages import HttpError

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PARAMETER = rf"[ \t]*+;[ \t]*+({_WORD})(?:[ \t]*+=[ \t]*+({_WORD}|{_QUOTED}))?+"
_MEMBER = rf"[ \t]*+(?:({_WORD})((?:{_PARAMETER})*+)[ \t]*+)?+(?:,|\Z)"
"""A member of the list, which may be empty. Nothing here goes back: a header is read once, however it is made."""

_word = re.compile(_WORD)
_parameter = re.compile(_PARAMETER)
_member = re.compile(_MEMBER)
_escape = re.compile(r"\\(.)")


class Extension(msgspec.Struct, frozen=True):
    """One offer: a name, and its parameters in order, each a name and its value if it has one."""

    name: str
    parameters: tuple[tuple[str, str | None], ...] = ()


def parse_extensions(values: Iterable[str]) -> list[Extension]:
    """Return what the headers with these `values` offer, in order: best first.

    Raises `HttpError` for anything malformed, after which the connection must not come to be.
    """
    text = ",".join(values)
    extensions = []
    position = 0
    while position < len(text):
        member = _member.match(text, position)
        if member is None:
            raise _malformed()
        if member[1] is not None:
            parameters = tuple((found[1], _value(found[2])) for found in _parameter.finditer(member[2]))
            extensions.append(Extension(member[1], parameters))
        position = member.end()
    return extensions


def _value(written: str | None) -> str | None:
    if written is None or not written.startswith('"'):
        return written
    value = _escape.sub(r"\1", written[1:-1])
    if not _word.fullmatch(value):
        raise _malformed()
    return value


def _malformed() -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Extensions is malformed.")
