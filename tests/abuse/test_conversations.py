"""Abuse after the handshake: floods, bombs, endless messages, masks, and clients that neither read nor answer."""

import asyncio
import socket
import zlib
from contextlib import suppress
from typing import Any

import pytest

from abuse.surroundings import assert_honest_are_served, besieged
from finalex.gateway.assembler import FRAGMENTS_MAX
from finalex.gateway.connection import CONTROL_FRAMES_MAX
from finalex.session.limits import Limits
from support.endings import ended, has_ended_within
from support.served import Served
from support.sockets import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    READ_TIMEOUT_S,
    TEXT,
    RawWebSocket,
    client_frame,
    handshake,
)

COMPRESSION = "Sec-WebSocket-Extensions: permessage-deflate"
REQUEST = b'{"id": 1, "method": "ping"}'
IMPATIENT: dict[str, Any] = {"ping_interval_ms": 100, "pong_timeout_ms": 100, "sweep_interval_ms": 20}
"""Times of the heartbeat within which a client that answers nothing is ended."""

SMALL_QUEUES: dict[str, Any] = {"queue_bytes_max": 1 << 16, "lagging_bytes": 1 << 15, "slow_close_timeout_ms": 100}
"""What may wait for a client that does not read, and how long it may still read why it was closed."""


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return a frame with a mask of the test's choice."""
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + body


class TestLengths:
    @pytest.mark.parametrize("size", [1 << 17, 1 << 31, 1 << 32, (1 << 63) - 1])
    async def test_a_length_that_is_too_big_is_refused_before_anything_of_it_comes(self, size: int) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send(b"\x81\xff" + size.to_bytes(8, "big") + b"\x00" * 4)
            assert await client.close_code() == 1009
            assert await client.ended()

    async def test_a_hundred_connections_that_promise_the_most_take_no_memory_for_it(self) -> None:
        async with besieged(message_bytes_max=1 << 24, connections_per_ip=100) as served:
            clients = [await served.connect() for _ in range(100)]
            for client in clients:
                client.send(b"\x81\xff" + (1 << 24).to_bytes(8, "big") + b"\x00" * 4)
            await assert_honest_are_served(served)
            for client in clients:
                await client.close()


class TestFragments:
    @pytest.mark.parametrize("piece", [b"", b"x"])
    async def test_a_message_without_end_is_ended_by_the_number_of_its_frames(self, piece: bytes) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send_frame(TEXT, piece, final=False)
            client.send(client_frame(CONTINUATION, piece, final=False) * FRAGMENTS_MAX)
            assert await client.close_code() == 1008

    async def test_or_by_their_bytes(self) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send_frame(TEXT, b"x" * 1000, final=False)
            client.send(client_frame(CONTINUATION, b"x" * 1000, final=False) * 100)
            assert await client.close_code() == 1009

    async def test_pings_between_them_do_not_help(self) -> None:
        async with besieged(sweep_interval_ms=60_000) as served, await served.connect() as client:
            client.send_frame(TEXT, b"", final=False)
            pair = client_frame(PING, b"") + client_frame(CONTINUATION, b"", final=False)
            client.send(pair * (CONTROL_FRAMES_MAX + 1))
            assert await client.close_code() == 1008


class TestFloods:
    @pytest.mark.parametrize("text", [REQUEST, b"x", b"", b"[" * 60_000], ids=["pings", "garbage", "empty", "nested"])
    async def test_too_many_messages_are_said_once_then_dropped_and_end_the_connection(self, text: bytes) -> None:
        async with besieged(limits=Limits(messages_per_minute_max=20)) as served, await served.connect() as client:
            client.send(client_frame(TEXT, text) * 41)
            assert await client.close_code() == 1008
            assert served.metrics.errors["RATE_LIMIT_EXCEEDED"] == 1

    @pytest.mark.parametrize("opcode", [PING, PONG])
    async def test_so_do_too_many_pings_and_pongs(self, opcode: int) -> None:
        async with besieged(sweep_interval_ms=60_000) as served, await served.connect() as client:
            client.send(client_frame(opcode, b"x" * 125) * 10_000)
            assert await client.close_code() == 1008

    async def test_who_floods_and_reads_nothing_is_ended_too(self) -> None:
        limits = Limits(messages_per_minute_max=1_000_000)
        async with (
            besieged(limits=limits, **SMALL_QUEUES) as served,
            await served.connect(receive_bytes=4096) as client,
        ):
            client.send(client_frame(TEXT, REQUEST) * 100_000)
            await served.left_with(0)
            assert served.metrics.closes == {"4000": 1}


class TestCompressionBombs:
    def bomb(self, size: int) -> bytes:
        """Return a message that becomes `size` bytes of zeros."""
        deflater = zlib.compressobj(9, wbits=-15)
        return (deflater.compress(bytes(size)) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    async def test_one_is_refused_for_what_it_would_become(self) -> None:
        async with besieged(compression=True) as served, await served.connect("/", COMPRESSION) as client:
            bomb = self.bomb(48 << 20)
            assert len(bomb) < 1 << 16
            client.send_frame(TEXT, bomb, reserved=4)
            assert await client.close_code() == 1009

    async def test_in_fragments_too(self) -> None:
        bomb = self.bomb(48 << 20)
        async with besieged(compression=True) as served, await served.connect("/", COMPRESSION) as client:
            client.send_frame(TEXT, bomb[:100], final=False, reserved=4)
            client.send_frame(CONTINUATION, bomb[100:])
            assert await client.close_code() == 1009

    async def test_streams_within_streams_are_counted(self) -> None:
        empty = zlib.compressobj(wbits=-15).flush()
        async with besieged(compression=True) as served, await served.connect("/", COMPRESSION) as client:
            client.send_frame(TEXT, empty * 10_000, reserved=4)
            assert await client.close_code() == 1008


class TestMasks:
    @pytest.mark.parametrize("mask", [b"\x00" * 4, b"\xff" * 4, REQUEST[:4], b"\r\n\r\n"])
    async def test_any_mask_is_as_good_as_any_other(self, mask: bytes) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send(masked(TEXT, REQUEST, mask))
            assert (await client.message())["type"] == "connection_status"
            assert (await client.message())["type"] == "pong"

    @pytest.mark.parametrize("after", [0, 1, 100])
    async def test_none_is_not_however_late_it_comes(self, after: int) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send(client_frame(TEXT, REQUEST) * after + client_frame(TEXT, REQUEST, masked=False))
            assert await client.close_code() == 1002
            assert served.metrics.messages_received == after

    @pytest.mark.parametrize("payload", [b"", b"{}", b"\x00" * 60_000])
    async def test_binary_frames_are_refused_whatever_is_in_them(self, payload: bytes) -> None:
        async with besieged() as served, await served.connect() as client:
            client.send(client_frame(BINARY, payload, final=False) * 100)
            assert await client.close_code() == 1003


HISTORY = b'{"id": 1, "method": "subscribe", "params": {"channel": "trades", "symbol": "BTC/USDT", "snapshot": 1000}}'
MANY = {
    "a fragment": client_frame(TEXT, HISTORY[:10], final=False),
    "half a frame": client_frame(TEXT, HISTORY)[:20],
    "a history being sent": client_frame(TEXT, HISTORY),
    "many of them": client_frame(TEXT, HISTORY) * 20,
    "a flood of pings": client_frame(PING, b"x" * 125) * 50,
    "a close": client_frame(TEXT, HISTORY) + client_frame(CLOSE, b"\x03\xe8"),
    "a broken frame": client_frame(TEXT, HISTORY) + client_frame(3, b""),
}


class TestResets:
    @pytest.mark.parametrize("data", MANY.values(), ids=MANY)
    async def test_one_in_the_middle_of_anything_leaves_nothing_behind(self, data: bytes) -> None:
        async with besieged(connections_per_ip=100) as served:
            served.trade(count=1000)
            for reads in range(10):
                client = await served.connect(receive_bytes=4096)
                client.send(data)
                for _ in range(reads):
                    await read_what_comes(client)
                served.trade()
                client.reset()
            await served.left_with(0)
            assert served.metrics.subscriptions["trades"] == 0

    async def test_hundreds_at_once_while_much_is_published_do_no_harm(self) -> None:
        async with besieged(connections_per_ip=300, **SMALL_QUEUES) as served:
            clients = [await served.connect(receive_bytes=4096) for _ in range(200)]
            for client in clients:
                client.send(client_frame(TEXT, HISTORY))
            for client in clients:
                served.trade(count=20)
                client.reset()
                await asyncio.sleep(0)
            await served.left_with(0)
            assert served.metrics.subscriptions["trades"] == 0


class TestBytes:
    async def test_who_sends_more_than_its_share_is_closed(self) -> None:
        limits = Limits(messages_per_minute_max=1_000_000)
        async with besieged(limits=limits, bytes_per_minute_max=1 << 20) as served, await served.connect() as client:
            client.send(client_frame(TEXT, REQUEST + b" " * 60_000) * 20)
            assert await client.close_code() == 1008
            assert served.metrics.messages_received < 20


class TestSilence:
    async def test_a_half_open_peer_is_ended_by_the_pings_it_does_not_answer(self) -> None:
        async with besieged(**IMPATIENT, close_timeout_ms=50) as served, await served.connect() as client:
            assert await client.close_code() == 3008
            assert await client.ended()

    async def test_one_that_sends_nothing_more_is_let_go_at_once(self) -> None:
        async with besieged() as served, await served.connect() as client:
            client.end()
            await ended(client)
            await served.left_with(0)
            assert served.metrics.closes == {"1006": 1}

    async def test_a_frame_that_comes_a_byte_at_a_time_does_not_keep_it_open(self) -> None:
        frame = client_frame(TEXT, b"x" * 10_000)
        async with besieged(**IMPATIENT, close_timeout_ms=50) as served, await served.connect() as client:
            sent = 0
            while not await has_ended_within(client, 0.02):
                client.send(frame[sent : sent + 1])
                sent += 1
                assert sent < len(frame), "it was never ended"
            assert served.metrics.closes == {"3008": 1}

    async def test_nor_does_answering_pings_while_nothing_is_read(self) -> None:
        async with besieged(**SMALL_QUEUES) as served, await served.connect(receive_bytes=4096) as client:
            client.request("subscribe", channel="trades", symbol="BTC/USDT")
            await subscribed(served)
            while not served.metrics.closes:
                served.trade(count=200)
                client.send_frame(PONG, b"")
                await asyncio.sleep(0)
            await served.left_with(0)
            assert served.metrics.closes == {"4000": 1}

    async def test_who_reads_a_byte_at_a_time_gets_every_byte(self) -> None:
        loop = asyncio.get_running_loop()
        async with besieged() as served, asyncio.timeout(READ_TIMEOUT_S):
            with socket.socket() as end:
                end.setblocking(False)
                await loop.sock_connect(end, ("127.0.0.1", served.port))
                await loop.sock_sendall(end, handshake() + client_frame(TEXT, REQUEST))
                received = b""
                while b'"pong"' not in received:
                    received += await loop.sock_recv(end, 1)
            assert received.count(b'"connection_status"') == 1


async def read_what_comes(client: RawWebSocket) -> None:
    """Read once, if something comes soon."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await client.read()


async def subscribed(served: Served) -> None:
    """Wait until somebody has subscribed to trades."""
    async with asyncio.timeout(READ_TIMEOUT_S):
        while not served.metrics.subscriptions["trades"]:  # noqa: ASYNC110 (the product needs no event for it)
            await asyncio.sleep(0)
