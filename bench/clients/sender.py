"""A server that costs next to nothing: it sends a feed, made beforehand, as fast as its client takes it.

`python -m bench.clients.sender DIRECTORY` prints its port and serves one client after the other until its standard
input ends; the path of a client's address names the feed.
"""

import contextlib
import hashlib
import json
import socket
import sys
import threading
from base64 import b64encode
from pathlib import Path
from typing import BinaryIO

from bench.clients.stream import Feed
from finalex.gateway.framing import Opcode, frame_text

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FEED_FILE, BODY_FILE = "feed.json", "body"


def write_feed(directory: Path, name: str, feed: Feed) -> None:
    """Put a feed where the sender finds it."""
    place = directory / name
    place.mkdir()
    (place / BODY_FILE).write_bytes(feed.body)
    opening = b"".join(feed.opening).decode("latin-1")
    (place / FEED_FILE).write_text(json.dumps({"channels": feed.channels, "opening": opening}), encoding="utf-8")


def serve(listener: socket.socket, directory: Path) -> None:
    """Serve clients, one after the other."""
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as reader, contextlib.suppress(ConnectionError, EOFError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _converse(connection, reader, directory)


def _converse(connection: socket.socket, reader: BinaryIO, directory: Path) -> None:
    place = directory / _shake_hands(connection, reader)
    feed = json.loads((place / FEED_FILE).read_text(encoding="utf-8"))
    status = {"status": "connected", "server_time": 1, "rate_limits": _LIMITS, "authenticated": False}
    _send(connection, "server-1", "connection_status", status)
    missing = set(feed["channels"])
    while missing:
        request = json.loads(_read_text(reader))
        items = request["params"].get("subscriptions", [request["params"]])
        _send(connection, request["id"], "subscribed", {"results": [{"channel": item["channel"]} for item in items]})
        missing -= {item["channel"] for item in items}
    connection.sendall(feed["opening"].encode("latin-1"))
    with (place / BODY_FILE).open("rb") as body:
        connection.sendfile(body)
    while True:  # until the client goes
        _read_text(reader)


_LIMITS = {"subscriptions_remaining": 100, "private_subscriptions_remaining": 50, "connections_remaining": 9}


def _shake_hands(connection: socket.socket, reader: BinaryIO) -> str:
    """Answer the handshake and return the path without its slash."""
    path = reader.readline().split()[1].decode()
    key = b""
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        key = value.strip() if name.lower() == b"sec-websocket-key" else key
    accept = b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return path.strip("/")


def _send(connection: socket.socket, id_: str | int, kind: str, data: object) -> None:
    connection.sendall(frame_text(json.dumps({"id": id_, "type": kind, "data": data, "timestamp": 1}).encode()))


def _read_text(reader: BinaryIO) -> bytes:
    """Return the next text; raises `EOFError` at the end."""
    while True:
        opcode, size = _read(reader, 2)
        length = size & 0x7F
        if length > 125:
            length = int.from_bytes(_read(reader, 2 if length == 126 else 8), "big")
        mask = _read(reader, 4)
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(_read(reader, length)))
        match opcode & 0x0F:
            case Opcode.TEXT:
                return payload
            case Opcode.CLOSE:
                raise EOFError


def _read(reader: BinaryIO, count: int) -> bytes:
    data = reader.read(count)
    if len(data) < count:
        raise EOFError
    return data


def main() -> None:
    """Serve the directory that the argument names."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=serve, args=(listener, Path(sys.argv[1])), daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
