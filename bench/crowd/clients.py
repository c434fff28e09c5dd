"""The crowd: many logged-in clients with ten subscriptions each, who read everything and keep nothing.

`python -m bench.crowd.clients PORT COUNT` connects all of them at once and prints a line of JSON when every one has all
its openings. For each line on standard input it drops all connections without notice, connects all at once again, and
prints such a line; with the end of standard input it ends.
"""

import argparse
import contextlib
import errno
import json
import resource
import select
import socket
import struct
import sys
import time
from random import Random

from bench.crowd.wire import handshake, request
from finalex.model.markets import DEFAULT_INSTRUMENTS

QUIET_SYMBOL = "ADA/USDT"
"""Nobody of the crowd has it: the observer's messages are for the observer."""

LAST_OPENING = b'"type":"account_update"'
"""The openings come in the order of the request, and this is the last of them."""

BUFFER_BYTES = 1 << 18
RETRY_S = 0.05
EVENTS_AT_ONCE = 4096
SEED = 1


def subscriptions(rng: Random) -> list[dict[str, object]]:
    """Return ten subscriptions: eight public ones of random symbols, two private ones."""
    symbols = [symbol for symbol in DEFAULT_INSTRUMENTS if symbol != QUIET_SYMBOL]
    items: list[dict[str, object]] = []
    for symbol in rng.sample(symbols, 2):
        items += [{"channel": "ticker"}, {"channel": "trades"}, {"channel": "orderbook", "depth": 20}]
        items.append({"channel": "kline", "interval": rng.choice(("1m", "5m", "1h"))})
        items[-4:] = [item | {"symbol": symbol} for item in items[-4:]]
    return [*items, {"channel": "orders"}, {"channel": "account"}]


class Client:
    """One of the crowd, and how far it has come."""

    def __init__(self, number: int, rng: Random) -> None:
        self._greeting = handshake(f"user-{number}")
        self._request = request("subscribe", subscriptions=subscriptions(rng))
        self.tail: bytes | None = None  # of what has come, while openings do
        self.end: socket.socket

    def connect(self, port: int) -> socket.socket:
        """Begin to connect."""
        self.end = socket.socket()
        self.end.setblocking(False)
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end.connect_ex(("127.0.0.1", port))
        self.tail = b""
        return self.end

    def greet(self) -> bool:
        """Send the handshake; return whether there is a connection to send it on."""
        if self.end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return False
        self.end.send(self._greeting)
        return True

    def take(self, data: bytes) -> bool:
        """Take what has come; return whether with it all openings have."""
        if self.tail is None:
            return False
        if not self.tail:
            self.end.send(self._request)
        self.tail = self.tail[-len(LAST_OPENING) :] + data
        if LAST_OPENING not in self.tail:
            return False
        self.tail = None
        return True


class Crowd:
    """All clients, on one epoll."""

    def __init__(self, port: int, count: int) -> None:
        rng = Random(SEED)
        self._port = port
        self._clients = [Client(number, rng) for number in range(count)]
        self._poll = select.epoll()
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._by_number: dict[int, Client] = {}
        self._again: list[Client] = []
        self._waiting = 0
        self._retries = 0

    def run(self) -> None:
        """Connect, and again for each line on standard input."""
        self._connect_all()
        start_s = time.perf_counter()
        while True:
            for number, event in self._poll.poll(RETRY_S, EVENTS_AT_ONCE):
                if number == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    start_s = time.perf_counter()
                    self._drop_all()
                    self._connect_all()
                    break
                self._handle(number, event)
            else:
                self._try_again()
            if self._waiting == 0:
                print(json.dumps({"seconds": time.perf_counter() - start_s, "retries": self._retries}), flush=True)
                self._waiting = -1

    def _connect_all(self) -> None:
        self._waiting, self._retries = len(self._clients), 0
        for client in self._clients:
            self._connect(client)

    def _connect(self, client: Client) -> None:
        end = client.connect(self._port)
        self._by_number[end.fileno()] = client
        self._poll.register(end.fileno(), select.EPOLLOUT)

    def _drop_all(self) -> None:
        for number in tuple(self._by_number):
            self._drop(number)
        self._again.clear()

    def _drop(self, number: int) -> Client:
        client = self._by_number.pop(number)
        self._poll.unregister(number)
        client.end.close()
        return client

    def _try_again(self) -> None:
        again, self._again = self._again, []
        for client in again:
            self._connect(client)

    def _handle(self, number: int, event: int) -> None:
        client = self._by_number[number]
        if event & select.EPOLLOUT and client.greet():
            self._poll.modify(number, select.EPOLLIN)
            return
        data = b""
        with contextlib.suppress(OSError):
            data = client.end.recv(BUFFER_BYTES)
        if not data:
            self._lose(number)
        elif client.take(data):
            self._waiting -= 1

    def _lose(self, number: int) -> None:
        """One that was turned away tries again; one that had everything should not have been."""
        client = self._drop(number)
        if client.tail is None:
            raise SystemExit("the server closed a connection that was served")
        self._retries += 1
        self._again.append(client)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="a crowd of clients")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        Crowd(options.port, options.count).run()
    except OSError as error:
        if error.errno == errno.EMFILE:
            raise SystemExit("too many clients for this machine's limit of open files") from None
        raise


if __name__ == "__main__":
    main()
