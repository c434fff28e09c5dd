"""The opening handshake: whether a request may become a WebSocket connection (RFC 6455 section 4.2)."""

import binascii
from base64 import b64decode
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec

from finalex.gateway.deflate import answer_offers
from finalex.gateway.extensions import parse_extensions
from finalex.gateway.http_messages import HttpError, Request
from finalex.session.auth import Credentials

PATHS = ("/", "/ws")
VERSION = "13"
PARAMETERS_MAX = 100

_KEY_BYTES = 16


class Handshake(msgspec.Struct, frozen=True):
    """A request that may become a connection; `extensions` is the answer to those offered, if any is accepted."""

    key: str
    credentials: Credentials
    extensions: str | None = None

    @property
    def deflate(self) -> bool:
        """Whether messages may be compressed, in both directions."""
        return self.extensions is not None


def check_handshake(request: Request, origins: Collection[str], *, compression: bool = False) -> Handshake:
    """Return what an upgrade request presents; raises `HttpError`.

    `origins` empty allows any origin; a request without one does not come from a web page and is allowed. Without
    `compression` it does not matter what extensions are offered.
    """
    if request.path not in PATHS:
        raise HttpError(HTTPStatus.NOT_FOUND, f"WebSocket connections are accepted at {' and '.join(PATHS)}.")
    if request.method != "GET":
        raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "A WebSocket handshake is a GET.", ("Allow", "GET"))
    if request.values("sec-websocket-version") != [VERSION]:
        text = f"Sec-WebSocket-Version must be {VERSION}."
        raise HttpError(HTTPStatus.UPGRADE_REQUIRED, text, ("Sec-WebSocket-Version", VERSION), ("Upgrade", "websocket"))
    if not any(member.lower() == "upgrade" for member in request.members("connection")):
        raise HttpError(HTTPStatus.BAD_REQUEST, "The Connection header must name Upgrade.")
    _check_origin(request.values("origin"), origins)
    extensions = answer_offers(parse_extensions(request.values("sec-websocket-extensions"))) if compression else None
    return Handshake(_key(request), _credentials(request), extensions)


def _check_origin(sent: list[str], allowed: Collection[str]) -> None:
    if allowed and any(origin.lower() not in allowed for origin in sent):
        raise HttpError(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect.")


def _key(request: Request) -> str:
    keys = request.values("sec-websocket-key")
    try:
        if len(keys) == 1 and len(b64decode(keys[0].encode("ascii"), validate=True)) == _KEY_BYTES:
            return keys[0]
    except (UnicodeEncodeError, binascii.Error):
        pass
    raise HttpError(HTTPStatus.BAD_REQUEST, "There must be one Sec-WebSocket-Key: 16 bytes in base64.")


def _credentials(request: Request) -> Credentials:
    try:
        parameters = parse_qsl(request.query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"A URL may have {PARAMETERS_MAX} parameters.") from None
    tokens = [value for name, value in parameters if name == "token"] + _bearer_tokens(request)
    keys = [value for name, value in parameters if name == "api_key"] + request.values("x-api-key")
    return Credentials(
        token=tokens[0] if tokens else None,
        api_key=keys[0] if keys else None,
        repeated=len(tokens) + len(keys) > 1,
    )


def _bearer_tokens(request: Request) -> list[str]:
    parts = (value.partition(" ") for value in request.values("authorization"))
    return [token.strip() for scheme, _, token in parts if scheme.lower() == "bearer"]
