"""Abuse before the handshake is done: held, trickled, swollen, smuggled, dropped."""

from contextlib import AsyncExitStack

import pytest

from abuse.surroundings import assert_honest_are_served, besieged
from finalex.gateway.http_messages import HEAD_BYTES_MAX
from finalex.gateway.reception import WAITING_PER_PEER_MIN
from support.endings import ended, has_ended_within
from support.sockets import PING, RawSocket, RefusedError, client_frame, handshake

HALF = handshake()[:-2]
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(1, 11))
STEP_S = 0.02


async def hold(served_port: int, stack: AsyncExitStack, count: int) -> list[RawSocket]:
    """Open so many connections, evenly from ten addresses, that have asked for half of something."""
    clients = []
    for number in range(count):
        source = ADDRESSES[number % len(ADDRESSES)]
        clients.append(await stack.enter_async_context(await RawSocket.connect(served_port, source=source)))
        clients[-1].send(HALF)
    return clients


class TestHeldHandshakes:
    async def test_a_thousand_of_them_keep_nobody_out_and_end_in_their_time(self) -> None:
        async with besieged(handshake_timeout_ms=4000) as served, AsyncExitStack() as stack:
            clients = await hold(served.port, stack, 1000)
            await assert_honest_are_served(served)
            for client in clients:
                assert await ended(client) == b""
            assert not served.metrics.refusals
            assert served.metrics.connections_opened == 1  # the honest one

    async def test_one_address_may_hold_only_some(self) -> None:
        async with besieged(handshake_timeout_ms=60_000) as served, AsyncExitStack() as stack:
            for _ in range(WAITING_PER_PEER_MIN):
                held = await stack.enter_async_context(await RawSocket.connect(served.port))
                held.send(HALF)
            for _ in range(20):
                one_more = await stack.enter_async_context(await RawSocket.connect(served.port))
                assert await ended(one_more) == b""
            await assert_honest_are_served(served)
            assert served.metrics.refusals == {"handshakes": 20}

    async def test_who_sends_a_byte_now_and_then_wins_no_time(self) -> None:
        async with besieged(handshake_timeout_ms=300) as served, await RawSocket.connect(served.port) as client:
            sent = 0
            while not await has_ended_within(client, STEP_S):
                client.send(HALF[sent : sent + 1])
                sent += 1
                assert sent < len(HALF), "it was never ended"
            assert sent > 1


class TestSwollenRequests:
    async def test_two_thousand_headers_are_too_many(self) -> None:
        async with besieged() as served, await RawSocket.connect(served.port) as client:
            client.send(handshake("/", *[f"X-{number}: a" for number in range(2000)]))
            assert (await client.answer()).status == 431

    async def test_a_huge_header_is_answered_before_it_is_whole(self) -> None:
        async with besieged() as served, await RawSocket.connect(served.port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Huge: " + b"a" * (4 << 20))
            assert (await ended(client)).startswith(b"HTTP/1.1 431 ")

    async def test_a_request_without_end_is_answered_at_the_limit(self) -> None:
        async with besieged(handshake_timeout_ms=60_000) as served, await RawSocket.connect(served.port) as client:
            client.send(b"G" * HEAD_BYTES_MAX)
            assert not await has_ended_within(client, STEP_S)
            client.send(b"G")
            assert (await client.answer()).status == 431

    @pytest.mark.parametrize("start", [b"\x00", b"\r\n", b" GET", b"\x16\x03\x01", b"\xff" * 100])
    async def test_what_is_no_request_is_answered_at_its_first_byte(self, start: bytes) -> None:
        async with besieged(handshake_timeout_ms=60_000) as served, await RawSocket.connect(served.port) as client:
            client.send(start)
            assert (await client.answer()).status == 400


HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = {
    "a body that is a request": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN),
    "two lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 34\r\n\r\n",
    "two lengths in one": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 34\r\n\r\n",
    "a signed length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n",
    "a length and chunks": handshake("/", "Content-Length: 0", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks in disguise": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks behind a tab": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "chunks with a space": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks on a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: a\nContent-Length: 34\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: a\rContent-Length: 34\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a whole address": b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tunnel": b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a version and a half": b"GET / HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n",
    "an upgrade with a body": handshake("/", f"Content-Length: {len(HIDDEN)}"),
    "an upgrade to something else": b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
}


class TestSmuggling:
    @pytest.mark.parametrize("request_bytes", SMUGGLED.values(), ids=SMUGGLED)
    async def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_read(
        self, request_bytes: bytes
    ) -> None:
        async with besieged() as served, await RawSocket.connect(served.port) as client:
            client.send(request_bytes + HIDDEN)
            answer = await ended(client)
            assert answer.startswith(b"HTTP/1.1 4")
            assert answer.count(b"HTTP/1.1") - answer.count(b"speaks HTTP/1.1") == 1
            assert served.metrics.http_responses.total() == 1

    async def test_a_second_request_on_a_connection_is_not_read(self) -> None:
        async with besieged() as served, await RawSocket.connect(served.port) as client:
            client.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" + HIDDEN)
            assert (await ended(client)).count(b"HTTP/1.1 200") == 1

    async def test_garbage_after_the_handshake_breaks_the_protocol(self) -> None:
        async with besieged() as served, await served.connect(first=HIDDEN) as client:
            assert await client.close_code() == 1002

    async def test_many_frames_in_one_piece_with_the_handshake_count_as_any(self) -> None:
        flood = client_frame(PING, b"x" * 125) * 1000
        async with besieged(sweep_interval_ms=60_000) as served, await served.connect(first=flood) as client:
            assert await client.close_code() == 1008


class TestDroppedConnections:
    async def test_a_storm_of_them_leaves_nothing_behind(self) -> None:
        async with besieged(connections_per_ip=1000) as served:
            stages = (b"", HALF, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", handshake(), handshake() + b"\x81")
            for number in range(500):
                client = await RawSocket.connect(served.port, source=ADDRESSES[number % len(ADDRESSES)])
                client.send(stages[number % len(stages)])
                client.reset() if number % 2 else await client.close()

    async def test_a_reset_at_any_byte_harms_nobody(self) -> None:
        text = b'{"id": 1, "method": "subscribe", "params": {"channel": "trades", "symbol": "BTC/USDT"}}'
        conversation = handshake() + client_frame(1, text) + client_frame(PING, b"x") + client_frame(8, b"\x03\xe8")
        async with besieged(connections_per_ip=1000) as served:
            for size in range(len(conversation) + 1):
                client = await RawSocket.connect(served.port)
                client.send(conversation[:size])
                if size >= len(handshake()):
                    await client.read_head()
                client.reset()

    async def test_a_storm_from_one_address_is_turned_away_by_its_limit(self) -> None:
        async with besieged(connections_per_ip=2, refusals_per_minute_max=3) as served, AsyncExitStack() as stack:
            turned_away = 0
            for _ in range(50):
                try:
                    await stack.enter_async_context(await served.connect())
                except RefusedError as refused:
                    turned_away += refused.answer.status == 429
            assert turned_away == 50 - 2 - 3
            await assert_honest_are_served(served)
