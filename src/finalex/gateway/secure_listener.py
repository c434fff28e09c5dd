"""A listener for TLS: whoever speaks plain HTTP to it is told so, instead of nothing."""

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import structlog

from finalex.gateway.addresses import limited_as
from finalex.gateway.tls import Certificate
from finalex.metrics import Metrics

TLS_HANDSHAKE = b"\x16"
"""The first byte of every TLS connection: a record of type handshake (RFC 8446, section 5.1)."""

ACCEPTS_MAX = 64
"""So many connections are taken in one turn of the loop."""

PAUSE_S = 1.0
"""For how long nobody is taken when descriptors have run out."""

HINT_BYTES_MAX = 1 << 16

HINT = b"This port speaks TLS: use https:// or wss://.\n"

_HINT_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(HINT), HINT)
)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = structlog.get_logger("finalex.tls")


class SecureListener:
    """Takes TCP connections, looks at their first byte, and gives those that begin TLS to a new `protocol`.

    At most `waiting_max` may be on their way there, `per_peer_max` of one address, each for `timeout_s`. All runs
    on one event loop.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        certificate: Certificate,
        metrics: Metrics,
        *,
        waiting_max: int,
        per_peer_max: int,
        timeout_s: float,
    ) -> None:
        self._protocol = protocol
        self._certificate = certificate
        self._metrics = metrics
        self._waiting_max = waiting_max
        self._per_peer_max = per_peer_max
        self._by_peer: Counter[str] = Counter()
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[socket.socket, tuple[asyncio.TimerHandle, str]] = {}
        self._securing: set[asyncio.Task[None]] = set()
        self.sockets: tuple[socket.socket, ...] = ()
        self._watching: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, backlog: int, *, reuse_port: bool = False) -> None:
        """Listen on all addresses of `host`; raises `OSError`."""
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in {(family, address[0]): None for family, _, _, _, address in found}:
            taken = self.sockets[0].getsockname()[1] if self.sockets else port
            try:
                listening = socket.create_server(
                    (str(address), taken), family=family, backlog=backlog, reuse_port=reuse_port
                )
            except OSError:
                self.close()
                raise
            listening.setblocking(False)
            self.sockets += (listening,)
        for listening in self.sockets:
            self._loop.add_reader(listening, self._accept, listening)
        self._watching = self._loop.create_task(self._certificate.watch())

    def close(self) -> None:
        """Take nobody new, and drop those that have not begun."""
        for listening in self.sockets:
            self._loop.remove_reader(listening)
            listening.close()
        for waiting in tuple(self._waiting):
            self._drop(waiting)
        for task in (*self._securing, *([self._watching] if self._watching else [])):
            task.cancel()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_MAX):
            try:
                taken, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(listening)
                return
            taken.setblocking(False)
            self._take(taken, limited_as(address[0]))

    def _take(self, taken: socket.socket, peer: str) -> None:
        if sum(self._by_peer.values()) >= self._waiting_max or self._by_peer[peer] >= self._per_peer_max:
            self._metrics.refusals["handshakes"] += 1
            taken.close()
            return
        self._by_peer[peer] += 1
        self._waiting[taken] = self._loop.call_later(self._timeout_s, self._drop, taken), peer
        self._loop.add_reader(taken, self._look, taken)

    def _pause(self, listening: socket.socket) -> None:
        _log.warning("accepting_paused", seconds=PAUSE_S, reason="no file descriptors or memory left")
        self._loop.remove_reader(listening)
        self._loop.call_later(PAUSE_S, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    def _look(self, taken: socket.socket) -> None:
        try:
            first = taken.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        if first != TLS_HANDSHAKE:
            self._hint(taken, first)
            return
        peer = self._forget(taken)
        task = self._loop.create_task(self._secure(taken))
        self._securing.add(task)
        task.add_done_callback(lambda task: self._secured(task, peer))

    def _secured(self, task: asyncio.Task[None], peer: str) -> None:
        self._securing.discard(task)
        self._leave(peer)

    async def _secure(self, taken: socket.socket) -> None:
        with suppress(OSError):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, taken, ssl=self._certificate.context, ssl_handshake_timeout=self._timeout_s
            )
        except (TimeoutError, OSError):  # no common version, a client that does not trust us, one that has gone
            self._metrics.refusals["tls"] += 1
            taken.close()
        except asyncio.CancelledError:
            taken.close()
            raise

    def _hint(self, taken: socket.socket, first: bytes) -> None:
        if first:
            self._metrics.refusals["plain"] += 1
            with suppress(OSError):
                taken.recv(HINT_BYTES_MAX)  # what was sent and not read would turn the answer into a reset
                taken.send(_HINT_ANSWER)
        self._drop(taken)

    def _drop(self, taken: socket.socket) -> None:
        if taken in self._waiting:
            self._leave(self._forget(taken))
        taken.close()

    def _forget(self, taken: socket.socket) -> str:
        timer, peer = self._waiting.pop(taken)
        timer.cancel()
        self._loop.remove_reader(taken)
        return peer

    def _leave(self, peer: str) -> None:
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]
