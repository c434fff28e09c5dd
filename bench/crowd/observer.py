"""Other clients, meanwhile: how long their updates take from the order that causes them.

`python -m bench.crowd.observer PORT` lets a trader place and cancel an order in turn, every `INTERVAL_S`, and listeners
wait for the order book to say so. For each line on standard input it prints one line of JSON with the latencies since
the last; with the end of standard input it ends.
"""

import argparse
import json
import select
import socket
import sys
import time

from bench.crowd.clients import QUIET_SYMBOL
from bench.crowd.wire import Reader, handshake, request

LISTENERS = 20
INTERVAL_S = 0.02
PRICES = [f"{0.5 + number / 10_000:.4f}" for number in range(1000)]


class Listener:
    """A connection that has the order book, or a trader that reads its replies."""

    def __init__(self, port: int, user: str) -> None:
        self.end = socket.create_connection(("127.0.0.1", port))
        self.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.end.sendall(handshake(user))
        self._reader = Reader()

    def ask(self, method: str, **params: object) -> None:
        """Send a request."""
        self.end.sendall(request(method, **params))

    def read(self) -> list[bytes]:
        """Return the messages that have come."""
        data = self.end.recv(1 << 16)
        if not data:
            raise SystemExit("the server closed the observer's connection")
        return list(self._reader.read(data))


class Observer:
    """The trader, the listeners, and what was measured."""

    def __init__(self, port: int) -> None:
        self._trader = Listener(port, "trader")
        self._listeners = [Listener(port, f"listener-{number}") for number in range(LISTENERS)]
        for listener in self._listeners:
            listener.ask("subscribe", channel="orderbook", symbol=QUIET_SYMBOL, depth=20)
        self._poll = select.epoll()
        self._by_number = {each.end.fileno(): each for each in (self._trader, *self._listeners)}
        for number in (sys.stdin.fileno(), *self._by_number):
            self._poll.register(number, select.EPOLLIN)
        self._turn = 0
        self._sent_s: dict[str, float] = {}
        self._latencies_s: list[float] = []

    def run(self) -> None:
        """Observe until standard input ends."""
        due_s = time.perf_counter() + 1.0
        while True:
            for number, _ in self._poll.poll(max(0.0, due_s - time.perf_counter())):
                if number == sys.stdin.fileno():
                    if not sys.stdin.readline():
                        return
                    self._report()
                else:
                    self._take(self._by_number[number])
            if time.perf_counter() >= due_s:
                due_s = max(due_s + INTERVAL_S, time.perf_counter())
                self._trade()

    def _trade(self) -> None:
        price = PRICES[self._turn // 2 % len(PRICES)]
        if self._turn % 2 == 0:
            order = {"symbol": QUIET_SYMBOL, "side": "buy", "type": "limit", "quantity": "10", "price": price}
            self._trader.ask("place_order", **order, client_order_id=f"o{self._turn // 2}")
            self._sent_s[f"{price} add"] = time.perf_counter()
        else:
            self._trader.ask("cancel_order", client_order_id=f"o{self._turn // 2}")
            self._sent_s[f"{price} delete"] = time.perf_counter()
        self._turn += 1

    def _take(self, listener: Listener) -> None:
        now_s = time.perf_counter()
        for payload in listener.read():
            message = json.loads(payload)
            data = message["data"]
            if message["type"] == "orderbook_update":
                self._latencies_s.append(now_s - self._sent_s[f"{data['price']} {data['action']}"])
            elif message["type"] == "error":
                raise SystemExit(f"the observer was refused: {data}")

    def _report(self) -> None:
        latencies_s, self._latencies_s = sorted(self._latencies_s), []
        count = len(latencies_s)
        shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
        found = {name: latencies_s[min(count - 1, int(share * count))] for name, share in shares.items() if count}
        print(json.dumps({name: round(seconds * 1000, 2) for name, seconds in found.items()} | {"count": count}))
        sys.stdout.flush()


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description="how long updates take")
    parser.add_argument("port", type=int)
    Observer(parser.parse_args().port).run()


if __name__ == "__main__":
    main()
