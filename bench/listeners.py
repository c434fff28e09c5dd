"""Subscribers that read as fast as they can and throw away what they read, in a process of their own.

`python -m bench.listeners PORT COUNT` connects, subscribes, prints `ready`, and reads until its standard input is
closed; then it prints how many bytes came and how many connections the server closed.
"""

import contextlib
import json
import select
import socket
import subprocess
import sys
from collections.abc import Iterator

CHANNELS = ({"channel": "ticker"}, {"channel": "trades"}, {"channel": "orderbook", "depth": 20}, {"channel": "kline"})
BUFFER_BYTES = 1 << 20
STOP_TIMEOUT_S = 60.0


@contextlib.contextmanager
def listening(port: int, count: int, core: str = "") -> Iterator[None]:
    """Keep `count` subscribers connected, in a process on `core` if that is given.

    Raises `RuntimeError` if the server closed one.
    """
    pinned = ["taskset", "-c", core] if core else []
    command = [*pinned, sys.executable, "-m", "bench.listeners", str(port), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.stdin.close()
        _received, closed = map(int, process.stdout.readline().split())
        process.stdout.close()
        process.wait(STOP_TIMEOUT_S)
    if closed:
        raise RuntimeError(f"the server closed {closed} subscribers: they did not keep up")


def frame(payload: bytes) -> bytes:
    """Return a masked text frame of at most 65,535 bytes; the mask is zero."""
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def connect(port: int, symbol: str) -> socket.socket:
    """Open a WebSocket connection and subscribe to all public channels of `symbol`."""
    listener = socket.create_connection(("127.0.0.1", port))
    listener.sendall(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    items = [channel | {"symbol": symbol} for channel in CHANNELS]
    listener.recv(1)  # the handshake is answered; the rest of it is read with everything else
    listener.sendall(frame(json.dumps({"method": "subscribe", "params": {"subscriptions": items}}).encode()))
    listener.setblocking(False)
    return listener


def read(listeners: list[socket.socket]) -> tuple[int, int]:
    """Read until standard input is closed; return the bytes that came and the connections that were closed."""
    poll, by_number = select.epoll(), {listener.fileno(): listener for listener in listeners}
    for number in (sys.stdin.fileno(), *by_number):
        poll.register(number, select.EPOLLIN)
    buffer, total = bytearray(BUFFER_BYTES), 0
    while True:
        for number, _ in poll.poll():
            if number not in by_number:
                return total, len(listeners) - len(by_number)
            count = by_number[number].recv_into(buffer)
            total += count
            if not count:
                poll.unregister(number)
                del by_number[number]


def main() -> None:
    """Run the listeners that the arguments ask for."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    listeners = [connect(port, "BTC/USDT") for _ in range(count)]
    print("ready", flush=True)
    print(*read(listeners), flush=True)


if __name__ == "__main__":
    main()
