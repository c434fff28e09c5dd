"""The part of HTTP/1.1 that a server of GET requests needs (RFC 9110, RFC 9112): strict, and without keep-alive."""

import re
from http import HTTPStatus

import msgspec

HEAD_BYTES_MAX = 16_384
"""The longest request head, which is also the longest URL with its credentials."""

HEADERS_MAX = 100

HEAD_END = b"\r\n\r\n"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~\x80-\xff]*")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

_ALWAYS = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class HttpError(Exception):
    """A request that gets an error status; `text` is a sentence for the client."""

    def __init__(self, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers = headers

    def response(self) -> "Response":
        """Return the answer."""
        return Response(self.status, f"{self.text}\n".encode(), headers=self.headers)


class Response(msgspec.Struct, frozen=True):
    """An answer, after which the connection ends."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, *, with_body: bool = True) -> bytes:
        """Return the bytes; without the body it is the answer to a HEAD request."""
        own = (("Content-Type", self.content_type), ("Content-Length", str(len(self.body))))
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        always = dict(_ALWAYS) | dict(self.headers)
        lines += [f"{name}: {value}" for name, value in (*own, *always.items())]
        head = "\r\n".join(lines).encode("latin-1") + HEAD_END
        return head + self.body if with_body else head


class Request(msgspec.Struct, frozen=True):
    """The head of a request; header names are in lower case, `query` is without its question mark."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Return the values of all headers called `name` (lower case), in order."""
        return [value for header, value in self.headers if header == name]

    def members(self, name: str) -> list[str]:
        """Return the members of a header that is a comma-separated list, over all its lines."""
        split = (member.strip(" \t") for value in self.values(name) for member in value.split(","))
        return [member for member in split if member]

    @property
    def upgrading(self) -> bool:
        """Whether it asks to become a WebSocket connection."""
        return any(member.lower() == "websocket" for member in self.members("upgrade"))


def parse_request(head: bytes) -> Request:
    """Return the request with this head (without the empty line at its end); raises `HttpError`.

    HTTP/1.0 is accepted, since some health checks speak it. A body, a request without exactly one `Host` (except
    in HTTP/1.0), and anything that two parsers could read differently are refused.
    """
    if len(head) > HEAD_BYTES_MAX:
        raise _too_large(f"A request may have {HEAD_BYTES_MAX} bytes.")
    request_line, *lines = head.decode("latin-1").split("\r\n")
    method, path, query, version = _parse_request_line(request_line)
    if len(lines) > HEADERS_MAX:
        raise _too_large(f"A request may have {HEADERS_MAX} headers.")
    request = Request(method, path, query, tuple(_parse_header(line) for line in lines))
    hosts = request.values("host")
    if len(hosts) > 1 or (version == "HTTP/1.1" and hosts in ([], [""])):
        raise _bad("There must be exactly one Host header.")
    if request.values("transfer-encoding") or any(length.strip("0") for length in request.values("content-length")):
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A request must not have a body.")
    if request.upgrading and version != "HTTP/1.1":
        raise _bad("A WebSocket handshake needs HTTP/1.1.")
    return request


def _parse_request_line(line: str) -> tuple[str, str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise _bad("The request line is malformed.")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1.")
    path, _, query = target.partition("?")
    return method, path, query, version


def _parse_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise _bad("A header is malformed.")
    return name.lower(), value.strip(" \t")


def _too_large(text: str) -> HttpError:
    return HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)


def _bad(text: str) -> HttpError:
    return HttpError(HTTPStatus.BAD_REQUEST, text)
