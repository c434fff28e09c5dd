"""What is answered to HTTP requests that are no handshake."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec

from finalex import __version__
from finalex.gateway.http_messages import HttpError, Request, Response
from finalex.gateway.landing import CONTENT_SECURITY_POLICY, landing_page
from finalex.metrics import CONTENT_TYPE, Metrics

METHODS = ("GET", "HEAD")

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_NOTHING_ALLOWED = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

_encode = msgspec.json.Encoder().encode


class Pages:
    """The pages of one server; `is_ready` tells whether it should get connections.

    `documents` are those that never change, by path; one at `/` takes the place of the landing page.
    """

    def __init__(self, is_ready: Callable[[], bool], documents: Mapping[str, Response] | None = None) -> None:
        self._is_ready = is_ready
        self._documents = documents or {}
        self._pages = {"/": self._landing, "/health": self._health, "/ready": self._ready}
        self._pages |= dict.fromkeys(self._documents, self._document)

    def answer(self, request: Request) -> Response:
        """Return the answer to `request`; raises `HttpError`."""
        page = self._pages.get(request.path)
        if page is None:
            pages = ", ".join(path for path in self._pages if path.count("/") == 1)
            raise HttpError(HTTPStatus.NOT_FOUND, f"There is nothing here; try {pages}.")
        if request.method not in METHODS:
            allow = ("Allow", ", ".join(METHODS))
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"Only {' and '.join(METHODS)} are possible.", allow)
        return page(request)

    def _landing(self, request: Request) -> Response:
        host = next(iter(request.values("host")), "")
        headers = (("Content-Security-Policy", CONTENT_SECURITY_POLICY),)
        return Response(HTTPStatus.OK, landing_page(host), _HTML, headers)

    def _document(self, request: Request) -> Response:
        return self._documents[request.path]

    def _health(self, _request: Request) -> Response:
        return _json(HTTPStatus.OK, {"status": "ok", "version": __version__})

    def _ready(self, _request: Request) -> Response:
        if self._is_ready():
            return _json(HTTPStatus.OK, {"status": "ready"})
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready"})


class OperatorPages(Pages):
    """The pages for whoever runs the server."""

    def __init__(self, metrics: Metrics, is_ready: Callable[[], bool]) -> None:
        super().__init__(is_ready)
        self._metrics = metrics
        self._pages = {"/metrics": self._text, "/health": self._health, "/ready": self._ready}

    def _text(self, _request: Request) -> Response:
        return Response(HTTPStatus.OK, self._metrics.text(), CONTENT_TYPE, (_NOTHING_ALLOWED,))


def _json(status: HTTPStatus, content: dict[str, str]) -> Response:
    return Response(status, _encode(content), _JSON, (_NOTHING_ALLOWED,))
