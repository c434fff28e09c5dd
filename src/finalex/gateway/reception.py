"""Who comes in: requests are answered, refused, or become connections."""

import asyncio
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import msgspec

from finalex.gateway.addresses import client_address, is_trusted, limited_as
from finalex.gateway.connection import Connection
from finalex.gateway.failures import report_failure
from finalex.gateway.handshake import Handshake, check_handshake
from finalex.gateway.http_messages import HttpError, Request, Response, parse_request
from finalex.gateway.pages import Pages
from finalex.gateway.rates import Bucket, Buckets
from finalex.gateway.settings import GatewaySettings
from finalex.gateway.turnstile import Turnstile
from finalex.metrics import Metrics

WAITING_PER_PEER_MIN = 128
"""How many connections of one peer may be without a request at once, even if it may have fewer in all."""


MINUTE_MS, SECOND_MS = 60_000, 1000

HANDSHAKES_PER_PLACE_MIN = 2
"""An address may make so many handshakes a minute for each connection that it may have, whatever its rate."""

BUSY_S = 5
"""When to try again to connect to a server to which too many connect."""


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
        least = HANDSHAKES_PER_PLACE_MIN * settings.connections_per_ip
        self._rates = Buckets(max(least, settings.handshakes_per_minute_max), MINUTE_MS)
        self._rate = Bucket(settings.handshakes_per_second_max, SECOND_MS, 0)

    def enter(self, visitor: Visitor) -> bool:
        """Count a visitor in, or return `False` for one too many."""
        if len(self._visitors) >= self._settings.handshakes_max or self._crowded(visitor.peer):
            self.refuse("handshakes")
            return False
        self._visitors[visitor] = None
        self._by_peer[limited_as(visitor.peer)] += 1
        return True

    def refuse(self, reason: str) -> None:
        """Count a visitor that is dropped without an answer."""
        self._metrics.refusals[reason] += 1

    def trusts(self, peer: str) -> bool:
        """Whether `peer` is a proxy that may say whose connection it brings."""
        return is_trusted(peer, self._settings.trusted_proxies)

    def leave(self, visitor: Visitor) -> None:
        """Count a visitor out, if it was in."""
        if visitor not in self._visitors:
            return
        del self._visitors[visitor]
        peer = limited_as(visitor.peer)
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]

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
        address = client_address(peer, request.members("x-forwarded-for"), self._settings.trusted_proxies)
        self._limit_rate(address)
        handshake = check_handshake(request, self._settings.origins, compression=self._settings.compression)
        return Welcome(handshake.key, self._connect(handshake, address), handshake.extensions)

    def _limit_rate(self, address: str) -> None:
        """Count a handshake of `address`; raises `HttpError` for one too many."""
        now_ms = asyncio.get_running_loop().time() * 1000
        if not self._rates.of(limited_as(address), now_ms).take(1, now_ms):
            self._metrics.refusals["handshake_rate"] += 1
            text, wait_s = "Too many handshakes from this address.", MINUTE_MS // 1000
            raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, text, ("Retry-After", str(wait_s)))
        if not self._rate.take(1, now_ms):
            self._metrics.refusals["handshake_rate_of_all"] += 1
            text = "Too many connect at the moment."
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, text, ("Retry-After", str(BUSY_S)))

    def _crowded(self, peer: str) -> bool:
        waiting = self._by_peer[limited_as(peer)]
        return waiting >= self._per_peer_max and not self.trusts(peer)
