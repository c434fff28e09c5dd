"""What every peer written in Python shares: the benchmark's small protocol, and how a peer starts.

A client subscribes with the text `s 3 17 42` and is answered `ok`. The trigger makes a tick with the text
`t 3 300 17 260`: for each pair one message of exactly so many bytes on that stream, numbered from 1 in every stream.
"""

import argparse
import gc
from collections.abc import Coroutine, Iterator
from typing import Any

import uvloop

ANSWER = "ok"
"""What a client hears when it is subscribed."""

SMALL_PAYLOAD_BYTES_MAX = 125
"""The longest payload whose length fits the frame's second byte; the next ones have two bytes of their own."""


class Streams:
    """Numbers the messages of every stream."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def tick(self, words: list[str]) -> Iterator[tuple[int, bytes]]:
        """Yield (stream, message) for the pairs of stream and length in `words`, in order."""
        for stream, length in zip(map(int, words[::2]), map(int, words[1::2]), strict=True):
            number = self._numbers[stream] = self._numbers.get(stream, 0) + 1
            head = b'{"id":"s%d:%d","pad":"' % (stream, number)
            yield stream, head.ljust(length - 2, b"x") + b'"}'


def frame(message: bytes) -> bytes:
    """Return a text frame, as a server sends it, of at most 65,535 bytes."""
    if len(message) <= SMALL_PAYLOAD_BYTES_MAX:
        return bytes((0x81, len(message))) + message
    return b"\x81\x7e" + len(message).to_bytes(2, "big") + message


def port() -> int:
    """Return the port that the command line asks for; 0 takes any free one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    number: int = parser.parse_args().port
    return number


def announce(bound_port: int) -> None:
    """Tell whoever started this program that it listens."""
    print("READY", bound_port, flush=True)


def run(serve: Coroutine[Any, Any, None]) -> None:
    """Run a peer until it is killed, on uvloop; what is there by then is no garbage, so the collector skips it."""
    gc.freeze()
    uvloop.run(serve)
