"""Batched direct gets: many messages of a stream by one request, from any server that has a replica."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from finalex.log.jetstream.answers import TIMEOUT_S, StreamAwayError, explained

PIECE_MESSAGES_MAX = 256
PIECE_BYTES_MAX = 4 << 20
"""A piece ends with the message that reaches this."""

_NOTHING, _END = "404", "204"


class Message(NamedTuple):
    """A message of the stream at `sequence`."""

    sequence: int
    data: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    """The publisher's, and the server's about the message."""


class _Piece:
    """Collects what the server sends; `done` gets the messages, or the reason why there are none."""

    def __init__(self) -> None:
        self.done: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self.messages: list[Message] = []

    async def take(self, message: Msg) -> None:
        if self.done.done():
            return
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            self.messages.append(Message(int(headers["Nats-Sequence"]), message.data, headers))
        elif status in (_NOTHING, _END):
            self.done.set_result(self.messages)
        else:
            text = headers.get("Description") or "no server has a replica that answers"
            self.done.set_exception(StreamAwayError(f"JetStream does not answer: {text} ({status})."))


async def fetch(client: Client, stream: str, first: int, count: int = PIECE_MESSAGES_MAX) -> list[Message]:
    """Return messages of `stream` from the sequence `first` on, or the next there is, in order; none at its end.

    The replica that answers may be behind, and then its end is. Raises `StreamAwayError`.
    """
    if not client.is_connected:  # the request would be kept, and sent at some time
        raise StreamAwayError("JetStream does not answer: there is no connection.")
    piece = _Piece()
    request = json.dumps({"seq": max(first, 1), "batch": count, "max_bytes": PIECE_BYTES_MAX}).encode()
    with explained():
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=piece.take)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", request, reply=inbox)
            return await _arrived(piece)
        finally:
            with suppress(NatsError):  # the connection may be gone, and the subscription with it
                await subscription.unsubscribe()


async def _arrived(piece: _Piece) -> list[Message]:
    """Wait for a piece as long as something of it comes."""
    while True:
        count = len(piece.messages)
        await asyncio.wait([piece.done], timeout=TIMEOUT_S)
        if piece.done.done():
            return piece.done.result()
        if len(piece.messages) == count:
            raise StreamAwayError("JetStream does not answer: no messages in time.")
