"""Who comes in: requests are answered, refused, or become connections."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import msgspec

from finalex.gateway.addresses import client_address, is_trusted
from finalex.gateway.connection import Connection
from finalex.gateway.failures import report_failure
from finalex.gateway.handshake import Handshake, check_handshake
from finalex.gateway.http_messages import HttpError, Request, Response, parse_request
from finalex.gateway.pages import Pages
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.turnstile import Turnstile
from finalex.metrics import Metrics

WAITING_PER_PEER_MIN = 128
"""How many connections of one peer may be without a request at once, even if it may have fewer in all."""


class Visitor(Protocol):
    """A TCP connection that has not asked for anything yet."""

    @property
    def peer(self) -> str:
        """The address it comes from."""
        ...

    def abort(self) -> None:
        """Drop it."""
        ...


class Welcome(msgspec.Struct, frozen=True):
    """A handshake that is accepted: its key, who takes it from here, and the answer to the extensions offered."""

    key: str
    connection: Connection
    extensions: str | None = None


Connect = Callable[[Handshake, str], Connection]
"""Makes a connection for what a handshake presents and an address; raises `HttpError`."""


class Reception:
    """Answers requests, and bounds how many visitors there are at once and from one peer.

    A trusted proxy may have as many as there may be at all, since others stand behind it.
    """

    def __init__(self, settings: GatewaySettings, metrics: Metrics, pages: Pages, connect: Connect) -> None:
        self._settings = settings
        self._metrics = metrics
        self._pages = pages
        self._connect = connect
        self.turnstile = Turnstile()
        self._visitors: dict[Visitor, None] = {}
        self._by_peer: Counter[str] = Counter()
        self._per_peer_max = max(WAITING_PER_PEER_MIN, settings.connections_per_ip)

    def enter(self, visitor: Visitor) -> bool:
        """Count a visitor in, or return `False` for one too many."""
        if len(self._visitors) >= self._settings.handshakes_max or self._crowded(visitor.peer):
            self._metrics.refusals["handshakes"] += 1
            return False
        self._visitors[visitor] = None
        self._by_peer[visitor.peer] += 1
        return True

    def leave(self, visitor: Visitor) -> None:
        """Count a visitor out, if it was in."""
        if visitor not in self._visitors:
            return
        del self._visitors[visitor]
        self._by_peer[visitor.peer] -= 1
        if not self._by_peer[visitor.peer]:
            del self._by_peer[visitor.peer]

    def abort_all(self) -> None:
        """Drop all visitors."""
        for visitor in tuple(self._visitors):
            visitor.abort()

    def answer(self, head: bytes, peer: str) -> bytes | Welcome:
        """Return the answer to the request with this head: bytes to send before closing, or a welcome."""
        with_body = not head.startswith(b"HEAD ")
        try:
            request = parse_request(head)
            if request.upgrading:
                return self._welcome(request, peer)
            response = self._pages.answer(request)
        except HttpError as error:
            response = error.response()
        except Exception as error:
            report_failure("http", error, self._metrics)
            response = Response(HTTPStatus.INTERNAL_SERVER_ERROR, b"Internal error.\n")
        self._metrics.http_responses[str(response.status.value)] += 1
        return response.encode(with_body=with_body)

    def _welcome(self, request: Request, peer: str) -> Welcome:
        handshake = check_handshake(request, self._settings.origins, compression=self._settings.compression)
        address = client_address(peer, request.members("x-forwarded-for"), self._settings.trusted_proxies)
        return Welcome(handshake.key, self._connect(handshake, address), handshake.extensions)

    def _crowded(self, peer: str) -> bool:
        return self._by_peer[peer] >= self._per_peer_max and not is_trusted(peer, self._settings.trusted_proxies)
