"""The clients that are measured: each subscribes to a feed, receives all of it, and counts."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import picows
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websockets

from bench.clients.capture import DEPTH, ITEMS, SYMBOL
from bench.clients.stream import FEEDS, FIRST
from finalex.client import Book, Client, Subscription, connect

Receive = Callable[[], Awaitable[int]]
"""Subscribes, receives until everything has come, and returns how many messages that were."""

Receiver = Callable[[str, str, dict[str, int]], AbstractAsyncContextManager[Receive]]
"""Connects to a URL for a feed with so many messages of each channel; the opening comes on top of them."""

OPENING = {"orderbook": 1}
"""How many messages a channel has before those counted."""

REPLIES = 2
"""The greeting, and the reply to the one request of a bare client."""


class WrongCountError(Exception):
    """A client has not received what was sent."""


class Envelope(msgspec.Struct, gc=False):
    """The common shape of messages, the data left as they are."""

    type: str
    id: str | int
    timestamp: int
    data: msgspec.Raw
    channel: str = ""


decode_envelope = msgspec.json.Decoder(Envelope).decode


def request(feed: str) -> bytes:
    """Return the request for all channels of a feed."""
    items = [item for item in ITEMS if item["channel"] in FEEDS[feed]]
    return json.dumps({"id": "1", "method": "subscribe", "params": {"subscriptions": items}}).encode()


def expected(counts: dict[str, int]) -> int:
    """Return how many messages a client gets of these channels, replies not counted."""
    return sum(count + OPENING.get(channel, 0) for channel, count in counts.items())


# --- bare clients ---------------------------------------------------------------------------------------


class Counting(picows.WSListener):
    """Counts frames until as many have come as are wanted."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.wanted = wanted
        self.done = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Count one."""
        self.count += 1
        if self.count == self.wanted:
            self.done.set_result(None)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """Say so, if it was too early."""
        if not self.done.done():
            self.done.set_exception(WrongCountError(f"the connection ended after {self.count} of {self.wanted}"))


class Decoding(Counting):
    """Decodes the envelope too."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Decode and count one."""
        decode_envelope(frame.get_payload_as_memoryview())
        super().on_ws_frame(transport, frame)


def over_picows(listener: type[Counting]) -> Receiver:
    """Return the receiver over bare picows with a listener."""

    @asynccontextmanager
    async def receiver(url: str, feed: str, counts: dict[str, int]) -> AsyncIterator[Receive]:
        counting = listener(expected(counts) + REPLIES)
        transport, _ = await picows.ws_connect(lambda: counting, url)

        async def receive() -> int:
            transport.send(picows.WSMsgType.TEXT, request(feed))
            await counting.done
            return counting.count - REPLIES

        try:
            yield receive
        finally:
            transport.disconnect()
            await transport.wait_disconnected()

    return receiver


def over_websockets(take: Callable[[str | bytes], object] | None) -> Receiver:
    """Return the receiver over `websockets`, which does `take` with each message."""

    async def count_texts(connection: ClientConnection, wanted: int) -> int:
        for _ in range(wanted):
            text = await connection.recv()
            if take is not None:
                take(text)
        return wanted

    @asynccontextmanager
    async def receiver(url: str, feed: str, counts: dict[str, int]) -> AsyncIterator[Receive]:
        async with connect_websockets(url, compression=None, max_size=None) as connection:

            async def receive() -> int:
                await connection.send(request(feed), text=True)
                return await count_texts(connection, expected(counts) + REPLIES) - REPLIES

            yield receive

    return receiver


# --- ours -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def over_finalex(url: str, feed: str, counts: dict[str, int]) -> AsyncIterator[Receive]:
    """Receive with the Python client, whose checks must find nothing amiss."""
    async with connect(url) as client:

        async def receive() -> int:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_take(client, channel, counts[channel])) for channel in FEEDS[feed]]
            if client.reconnects:
                raise WrongCountError("the connection was lost")
            return sum(task.result() for task in tasks)

        yield receive


async def _take(client: Client, channel: str, count: int) -> int:
    """Receive a whole channel."""
    if channel == "orderbook":
        return await _follow(client.book(SYMBOL, DEPTH), count)
    stream = _stream(client, channel)
    taken = 0
    while taken < count:
        await anext(stream)
        taken += 1
    if stream.gaps or stream.dropped:
        raise WrongCountError(f"{channel}: {stream.gaps} gaps, {stream.dropped} dropped")
    return taken


def _stream(client: Client, channel: str) -> Subscription[Any]:
    match channel:
        case "trades":
            return client.trades(SYMBOL)
        case "ticker":
            return client.ticker(SYMBOL)
        case _:
            return client.klines(SYMBOL)


async def _follow(book: Book, count: int) -> int:
    """Wait until a book has had all its updates."""
    async for _ in book:
        if book.sequence == FIRST + count - 1:
            break
    if book.breaks:
        raise WrongCountError(f"the book broke {book.breaks} times")
    return book.sequence - FIRST + 1 + OPENING["orderbook"]


RECEIVERS: dict[str, Receiver] = {
    "picows": over_picows(Counting),
    "picows, msgspec": over_picows(Decoding),
    "websockets": over_websockets(None),
    "websockets, json": over_websockets(json.loads),
    "finalex": over_finalex,
}
"""What is measured; the first is what the others are compared with."""
