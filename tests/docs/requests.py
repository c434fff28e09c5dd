"""One HTTP request, as somebody sends it who knows the name of the server but not its address."""

import asyncio
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import NamedTuple

from docs.nginx import NAME

TIMEOUT_S = 30


class Answer(NamedTuple):
    """What came back."""

    status: int
    location: str


async def http_get(port: int, path: str) -> Answer:
    """Ask at a port of this machine for a page."""
    return await asyncio.to_thread(_get, HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S), path)


async def https_get(port: int, path: str, trust: ssl.SSLContext) -> Answer:
    """Ask at a port of this machine for a page over TLS."""
    return await asyncio.to_thread(_get, _Named("127.0.0.1", port, timeout=TIMEOUT_S, context=trust), path)


class _Named(HTTPSConnection):
    """A connection to this machine whose certificate is for the name."""

    def connect(self) -> None:
        """Connect, and ask for the certificate of the name."""
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined] # it has no public name
        super(HTTPSConnection, self).connect()
        self.sock = context.wrap_socket(self.sock, server_hostname=NAME)


def _get(connection: HTTPConnection, path: str) -> Answer:
    try:
        connection.request("GET", path, headers={"Host": NAME})
        response = connection.getresponse()
        response.read()
        return Answer(response.status, response.headers.get("Location", ""))
    finally:
        connection.close()
