"""What is measured: a `Target` is a server program and the `Speech` that clients and triggers use with it.

A new peer is one `Target`. Its program is started with `command`, prints one line `READY <port>` (or
`READY <port> <trigger port>` if ticks come in by another port) on standard output as soon as it accepts connections,
serves until it gets SIGTERM, and has everything it wants to say otherwise on standard error. It may start other
processes: CPU and memory are added up over it and all its descendants. It is pinned to one core from outside, together
with them.

The speeches here are of servers that know nothing of markets: a tick is a list of `(stream, length)`, and a message is
exactly `length` bytes of JSON, `{"id":"s<stream>:<n>","pad":"xxxx…"}`, n = 1, 2, 3… in each stream. `Finalex`, whose
ticks are orders, is in `ours.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Tick = Sequence[tuple[int, int]]
"""The messages of one tick in their order: the number of the stream, and how many bytes the payload has."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""The Sec-WebSocket-Key of every handshake: its answer is always `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=` (RFC 6455, 1.3)."""

NUMBER_DIGITS = 10
"""Where a trigger carries whole messages, the number of a message has so many digits, with zeros before it."""


@dataclass(frozen=True)
class Trigger:
    """The bytes that cause one tick, written at once on the trigger connection.

    `patches` are the offsets at which the load generator puts the number of the next message of a stream, as
    `NUMBER_DIGITS` digits: `(stream, offset)`. `replies` is how many answers the server gives to it.
    """

    data: bytes
    patches: tuple[tuple[int, int], ...] = ()
    replies: int = 0


@dataclass(frozen=True)
class Opening:
    """What a connection sends once the handshake is answered, and how many messages come back before it is ready.

    With `reading` "nats" only PONGs are counted.
    """

    data: bytes = b""
    answers: int = 0


class Speech(Protocol):
    """How clients subscribe, how a tick is caused, and how both are told apart in what comes back."""

    @property
    def reading(self) -> Literal["json", "nats"]:
        """What is in a client's frames: one message of JSON each, or the protocol of NATS."""
        ...

    @property
    def triggering(self) -> Literal["websocket", "nats", "http"]:
        """What the trigger connection is; "websocket" begins with a handshake, the other two are plain TCP."""
        ...

    def prefix(self, stream: int) -> str:
        """Return how the ids of the messages of a stream begin, with the colon; a decimal number is at their end."""
        ...

    def contiguous(self, stream: int) -> bool:
        """Whether the numbers of a stream grow by one each time; otherwise they never fall."""
        ...

    def handshake(self, streams: Sequence[int]) -> bytes:
        """Return the HTTP request with which a client of these streams connects."""
        ...

    def opening(self, streams: Sequence[int]) -> Opening:
        """Return with what a client subscribes to these streams."""
        ...

    def trigger_handshake(self) -> bytes:
        """Return the HTTP request with which the trigger connects, if it is a WebSocket."""
        ...

    def trigger_opening(self) -> Opening:
        """Return what the trigger sends first."""
        ...

    def trigger(self, tick: int) -> Trigger:
        """Return what causes the tick with this number in the workload's cycle."""
        ...


@dataclass(frozen=True)
class Target:
    """A server to measure.

    `command` and `environment` (added to ours) start it. `protocol` says which speech it is spoken to in.
    `user_space` is whether its writes go through libc's send, sendmsg, write or writev and can so be made no-ops by
    LD_PRELOAD (not so for Go). `clients_max` is for a server that cannot have more. `note` is a sentence for the
    report: how it distributes a tick, and its version.
    """

    name: str
    command: tuple[str, ...]
    protocol: Literal["small", "finalex", "nats", "nchan"] = "small"
    environment: Mapping[str, str] = field(default_factory=dict)
    user_space: bool = True
    clients_max: int = 1_000_000
    note: str = ""


def text_frame(text: bytes) -> bytes:
    """Return one whole masked text frame; the mask is zero, so that the text can be read and patched in place."""
    size = len(text)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + bytes(4) + text
    if size < 1 << 16:
        return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + text
    return b"\x81\xff" + size.to_bytes(8, "big") + bytes(4) + text


def handshake_request(path: str = "/", headers: Sequence[str] = ()) -> bytes:
    """Return a WebSocket handshake."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def numbered_message(stream: int, size: int) -> tuple[bytes, int]:
    """Return a message of `size` bytes with the number zero, and where in it the number is; raises `ValueError`."""
    head = f'{{"id":"s{stream}:'.encode()
    middle, end = b'","pad":"', b'"}'
    padding = size - len(head) - NUMBER_DIGITS - len(middle) - len(end)
    if padding < 0:
        raise ValueError(f"a message cannot be as short as {size} bytes")
    return head + b"0" * NUMBER_DIGITS + middle + b"x" * padding + end, len(head)


@dataclass(frozen=True)
class Small:
    """The peers' own protocol, on any path.

    A client sends the text `s <stream> <stream> …` and is answered `ok`. The trigger, another WebSocket, sends the text
    `t <stream> <length> <stream> <length> …` and is not answered: each pair is one message, in this order, to all
    clients of its stream; all of them are one tick. A tick can have two messages of one stream.
    """

    ticks: Sequence[Tick]
    reading: Literal["json", "nats"] = "json"
    triggering: Literal["websocket", "nats", "http"] = "websocket"

    def prefix(self, stream: int) -> str:
        """See `Speech.prefix`."""
        return f"s{stream}:"

    def contiguous(self, stream: int) -> bool:
        """See `Speech.contiguous`."""
        return True

    def handshake(self, streams: Sequence[int]) -> bytes:
        """See `Speech.handshake`."""
        return handshake_request()

    def opening(self, streams: Sequence[int]) -> Opening:
        """See `Speech.opening`."""
        return Opening(text_frame(" ".join(["s", *map(str, streams)]).encode()), answers=1)

    def trigger_handshake(self) -> bytes:
        """See `Speech.trigger_handshake`."""
        return handshake_request()

    def trigger_opening(self) -> Opening:
        """See `Speech.trigger_opening`."""
        return Opening()

    def trigger(self, tick: int) -> Trigger:
        """See `Speech.trigger`."""
        pairs = [str(number) for pair in self.ticks[tick] for number in pair]
        return Trigger(text_frame(" ".join(["t", *pairs]).encode()))


@dataclass(frozen=True)
class Nats(Small):
    """NATS over WebSocket: a stream is the subject `s<stream>`, and a tick is its PUBs, over plain TCP, in one write.

    Start nats-server without authentication or TLS; print `READY <websocket port> <client port>`.
    """

    reading: Literal["json", "nats"] = "nats"
    triggering: Literal["websocket", "nats", "http"] = "nats"

    def opening(self, streams: Sequence[int]) -> Opening:
        """See `Speech.opening`."""
        subscriptions = "".join(f"SUB s{stream} {stream}\r\n" for stream in streams)
        return Opening(text_frame(f"{_NATS_CONNECT}{subscriptions}PING\r\n".encode()), answers=1)

    def trigger_handshake(self) -> bytes:
        """See `Speech.trigger_handshake`."""
        return b""

    def trigger_opening(self) -> Opening:
        """See `Speech.trigger_opening`."""
        return Opening(f"{_NATS_CONNECT}PING\r\n".encode(), answers=1)

    def trigger(self, tick: int) -> Trigger:
        """See `Speech.trigger`."""
        return _joined([(f"PUB s{stream} {size}\r\n", stream, size, "\r\n") for stream, size in self.ticks[tick]])


@dataclass(frozen=True)
class Nchan(Small):
    """Nchan: clients subscribe by path, `/sub/s0,s1,…`; a tick is POSTs to `/pub/s<stream>`, pipelined in one write.

    The locations have, for instance, `location ~ ^/sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1;
    nchan_channel_id_split_delimiter ","; }` and `location ~ ^/pub/(.+)$ { nchan_publisher http;
    nchan_channel_id $1; }`. Print `READY <port>`. A client is ready with the answer to its handshake; every POST is
    answered with status 200, 201 or 202.
    """

    triggering: Literal["websocket", "nats", "http"] = "http"

    def handshake(self, streams: Sequence[int]) -> bytes:
        """See `Speech.handshake`."""
        return handshake_request("/sub/" + ",".join(f"s{stream}" for stream in streams))

    def opening(self, streams: Sequence[int]) -> Opening:
        """See `Speech.opening`."""
        return Opening()

    def trigger_handshake(self) -> bytes:
        """See `Speech.trigger_handshake`."""
        return b""

    def trigger(self, tick: int) -> Trigger:
        """See `Speech.trigger`."""
        head = "POST /pub/s{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"
        messages = [(head.format(stream, size), stream, size, "") for stream, size in self.ticks[tick]]
        return _joined(messages, replies=len(messages))


_NATS_CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"lang":"c","version":"1","protocol":1}\r\n'


def _joined(messages: Sequence[tuple[str, int, int, str]], replies: int = 0) -> Trigger:
    """Return numbered messages, each with text before and after it."""
    data, patches = bytearray(), []
    for before, stream, size, after in messages:
        message, offset = numbered_message(stream, size)
        data += before.encode()
        patches.append((stream, len(data) + offset))
        data += message + after.encode()
    return Trigger(bytes(data), tuple(patches), replies)


PEER_SPEECHES: Mapping[str, type[Small]] = {"small": Small, "nats": Nats, "nchan": Nchan}
"""How to speak to servers that know nothing of markets, by `Target.protocol`."""
