"""Of many who come at once, a few are let in in each turn of the event loop."""

import asyncio
from functools import partial
from typing import Any

from finalex.gateway.turnstile import TURN_S, Turnstile
from support.served import serve
from support.sockets import handshake, open_websocket


class TestTurns:
    def setup_method(self) -> None:
        self.now_s = 0.0
        self.taken: list[int] = []
        self.turnstile = Turnstile(lambda: self.now_s)

    def take(self, number: int, seconds: float) -> None:
        self.taken.append(number)
        self.now_s += seconds

    async def test_what_is_quickly_done_is_done_in_one_turn_and_in_order(self) -> None:
        for number in range(100):
            self.turnstile.enter(partial(self.take, number, 0.0))
        assert self.taken == []
        await asyncio.sleep(0)
        assert self.taken == list(range(100))

    async def test_what_takes_long_leaves_turns_to_others(self) -> None:
        for number in range(6):
            self.turnstile.enter(partial(self.take, number, TURN_S / 2))
        counts = []
        for _ in range(4):
            await asyncio.sleep(0)
            counts.append(len(self.taken))
        assert counts == [2, 4, 6, 6]

    async def test_who_comes_meanwhile_waits_behind_the_others(self) -> None:
        self.turnstile.enter(lambda: self.turnstile.enter(partial(self.take, 3, 0.0)))
        self.turnstile.enter(partial(self.take, 1, TURN_S))
        await asyncio.sleep(0)
        self.turnstile.enter(partial(self.take, 4, 0.0))
        await asyncio.sleep(0)
        assert self.taken == [1, 3, 4]

    async def test_a_fault_with_one_is_reported_and_stops_nobody_else(self) -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        self.turnstile.enter(lambda: self.take(1 // 0, 0.0))
        self.turnstile.enter(partial(self.take, 2, 0.0))
        for _ in range(2):
            await asyncio.sleep(0)
        assert self.taken == [2]
        assert isinstance(reported[0]["exception"], ZeroDivisionError)


async def test_a_visitor_that_leaves_while_it_waits_is_forgotten() -> None:
    async with serve() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(handshake())
        writer.transport.abort()
        async with await open_websocket(served.port) as client:
            assert (await client.message())["type"] == "connection_status"
            await served.left_with(1)
        assert not served.metrics.failures
        assert reader.at_eof() or reader.exception() is not None


async def test_what_comes_with_the_request_and_right_after_it_is_kept_for_later() -> None:
    async with serve() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        request, ping = handshake(), b"\x81\x91" + bytes(4) + b'{"method":"ping"}'
        for part in (request[:100], request[100:] + ping, ping, ping):
            writer.write(part)
            await asyncio.sleep(0)
        received = b""
        while received.count(b'"pong"') < 3:
            part = await reader.read(1 << 16)
            assert part, "the server ended the connection"
            received += part
        assert received.startswith(b"HTTP/1.1 101 ")
        writer.transport.abort()
