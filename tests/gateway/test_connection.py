"""Frames on a real socket: what a client may send, what ends its connection, and with which code."""

import asyncio
import json
from typing import Any

import pytest
import websocket
from websockets.asyncio.client import connect

from finalex.gateway.connection import CONTROL_FRAMES_MAX, Connection
from support.served import Served, serve
from support.sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, RawWebSocket, client_frame

MESSAGE_BYTES_MAX = 65_536


def padded_ping(size: int) -> bytes:
    """Return a `ping` request of exactly `size` bytes."""
    head = b'{"id": 1, "method": "ping", "params": {"x": "'
    return head + b"x" * (size - len(head) - 3) + b'"}}'


async def opened(served: Served) -> RawWebSocket:
    """Return a connection whose first message has been read."""
    client = await served.connect()
    assert (await client.message())["data"]["status"] == "connected"
    return client


async def assert_alive(served: Served) -> None:
    """Check that the server still takes connections and answers."""
    async with await opened(served) as client:
        client.request("ping")
        assert (await client.message())["type"] == "pong"


class TestMessages:
    @pytest.mark.parametrize("size", [100, 125, 126, 65_535, MESSAGE_BYTES_MAX])
    async def test_up_to_64_kib_are_a_message(self, size: int) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_frame(TEXT, padded_ping(size))
            assert (await client.message())["type"] == "pong"

    @pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX + 1, 200_000, 5_000_000])
    async def test_more_are_too_many(self, size: int) -> None:
        async with serve() as served:
            async with await opened(served) as client:
                client.send_frame(TEXT, padded_ping(size))
                assert await client.close_code() == 1009
                assert await client.ended()
            assert served.metrics.closes == {"1009": 1}
            await assert_alive(served)

    @pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX + 1])
    async def test_fragments_count_together(self, size: int) -> None:
        data = padded_ping(size)
        async with serve() as served, await opened(served) as client:
            client.send_frame(TEXT, data[:40_000], final=False)
            client.send_frame(PING, b"between")
            client.send_frame(CONTINUATION, data[40_000:])
            assert await client.frame() == Frame(PONG, b"between")
            if size > MESSAGE_BYTES_MAX:
                assert await client.close_code() == 1009
            else:
                assert (await client.message())["type"] == "pong"

    async def test_many_in_one_piece_are_answered_in_order(self) -> None:
        async with serve() as served, await opened(served) as client:
            requests = [json.dumps({"id": number, "method": "ping"}).encode() for number in range(200)]
            client.send(b"".join(client_frame(TEXT, request) for request in requests))
            assert [(await client.message())["id"] for _ in range(200)] == list(range(200))

    async def test_what_is_no_request_is_an_error_and_no_end(self) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_text("not JSON")
            assert (await client.message())["data"]["code"] == "INVALID_MESSAGE"
            client.request("ping")
            assert (await client.message())["type"] == "pong"
            assert served.metrics.errors == {"INVALID_MESSAGE": 1}


GOOD = client_frame(TEXT, b'{"id": 1, "method": "ping"}')

BROKEN: dict[str, tuple[bytes, int]] = {
    "binary": (client_frame(BINARY, b"{}"), 1003),
    "invalid UTF-8": (client_frame(TEXT, b"\xff\xfe"), 1007),
    "invalid UTF-8 in a fragment": (client_frame(TEXT, b"\xff", final=False), 1007),
    "reserved bit 1": (client_frame(TEXT, b"{}", reserved=4), 1002),
    "reserved bit 3": (client_frame(PING, b"", reserved=1), 1002),
    "unknown opcode 3": (client_frame(3, b""), 1002),
    "unknown opcode 15": (client_frame(15, b""), 1002),
    "not masked": (client_frame(TEXT, b"{}", masked=False), 1002),
    "nothing to continue": (client_frame(CONTINUATION, b"{}"), 1002),
    "a message within a message": (client_frame(TEXT, b"a", final=False) + client_frame(TEXT, b"b"), 1002),
    "a ping in fragments": (client_frame(PING, b"", final=False), 1002),
    "a ping too long": (client_frame(PING, b"x" * 126), 1002),
    "a length in more bytes than needed": (b"\x81\xfe\x00\x05\x00\x00\x00\x00hello", 1002),
    "a length beyond 63 bits": (b"\x81\xff" + b"\xff" * 8, 1002),
    "half a close code": (client_frame(CLOSE, b"\x03"), 1002),
    "close code 0": (client_frame(CLOSE, b"\x00\x00"), 1002),
    "close code 1005": (client_frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
    "close code 1006": (client_frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
    "close code 5000": (client_frame(CLOSE, (5000).to_bytes(2, "big")), 1002),
    "close reason not UTF-8": (client_frame(CLOSE, b"\x03\xe8\xff"), 1007),
}


class TestBrokenFrames:
    @pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN)
    async def test_the_connection_is_closed_and_the_server_lives_on(self, data: bytes, code: int) -> None:
        async with serve() as served:
            async with await opened(served) as client:
                client.send(data)
                assert await client.close_code() == code
                client.send_close(code)
                assert await client.ended()
            assert served.metrics.closes == {str(code): 1}
            assert not served.metrics.failures
            await assert_alive(served)

    @pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN)
    async def test_what_came_before_in_the_same_piece_is_answered_first(self, data: bytes, code: int) -> None:
        async with serve() as served, await opened(served) as client:
            client.send(GOOD + data)
            assert (await client.message())["type"] == "pong"
            assert await client.close_code() == code

    @pytest.mark.parametrize("data", [client_frame(BINARY, b""), client_frame(3, b"")], ids=["ours", "picows"])
    async def test_what_comes_after_is_ignored(self, data: bytes) -> None:
        async with serve() as served, await opened(served) as client:
            client.send(data)
            await client.close_code()
            client.send(GOOD + data + client_frame(CLOSE, b"\x03\xe8") * 2)
            assert await client.ended()
            assert served.metrics.messages_received == 0


class TestClosing:
    @pytest.mark.parametrize("code", [1000, 1001, 1013, 3000, 4321])
    async def test_a_close_is_echoed_and_then_the_connection_ends(self, code: int) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_close(code, "bye")
            assert await client.frame() == Frame(CLOSE, code.to_bytes(2, "big"))
            assert await client.ended()
            assert served.metrics.closes == {str(code): 1}

    async def test_one_without_a_code_is_answered_as_normal(self) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_frame(CLOSE, b"")
            assert await client.close_code() == 1000
            assert await client.ended()

    async def test_nothing_is_sent_after_the_close_frame(self) -> None:
        async with serve() as served, await served.subscriber() as client:
            client.send(client_frame(CLOSE, b"\x03\xe8") + GOOD + client_frame(PING, b""))
            assert await client.close_code() == 1000
            served.trade()
            assert await client.ended()

    async def test_a_client_that_does_not_answer_is_dropped(self) -> None:
        async with serve(close_timeout_ms=20) as served, await opened(served) as client:
            client.send_frame(BINARY, b"")
            assert await client.close_code() == 1003
            assert await client.ended()

    async def test_one_that_never_hangs_up_is_dropped(self) -> None:
        async with serve(linger_ms=20, close_timeout_ms=60_000) as served:
            client = await opened(served)
            client.send_close()
            assert await client.close_code() == 1000
            await served.left_with(0)
            await client.close()

    @pytest.mark.parametrize("abrupt", [True, False])
    async def test_one_that_leaves_without_a_word_is_forgotten(self, abrupt: bool) -> None:
        async with serve() as served:
            client = await served.subscriber()
            client.reset() if abrupt else await client.close()
            await served.left_with(0)
            assert served.metrics.closes == {"1006": 1}
            assert served.metrics.subscriptions["trades"] == 0

    async def test_libraries_see_a_clean_end(self) -> None:
        async with serve() as served, connect(f"ws://127.0.0.1:{served.port}/") as client:
            await client.recv()
            await client.close(4001, "done")
            assert client.protocol.close_exc.rcvd_then_sent is False
            assert client.close_code == 4001

    async def test_the_library_of_the_spec_example_sees_a_clean_end(self) -> None:
        def talk(url: str) -> tuple[str, Any]:
            client = websocket.create_connection(url, timeout=20)
            client.send('{"method": "ping"}')
            texts = [client.recv(), client.recv()]
            client.send_close()
            opcode, payload = client.recv_data()
            client.shutdown()  # type: ignore[no-untyped-call]
            return json.loads(texts[1])["type"], (opcode, payload[:2])

        async with serve() as served:
            kind, closing = await asyncio.to_thread(talk, f"ws://127.0.0.1:{served.port}/")
        assert kind == "pong"
        assert closing == (CLOSE, b"\x03\xe8")


class TestControlFrames:
    async def test_a_ping_is_answered_with_its_payload(self) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_frame(PING, b"x" * 125)
            assert await client.frame() == Frame(PONG, b"x" * 125)

    async def test_an_unasked_pong_is_fine(self) -> None:
        async with serve() as served, await opened(served) as client:
            client.send_frame(PONG, b"x")
            client.request("ping")
            assert (await client.message())["type"] == "pong"

    async def test_a_flood_of_them_is_not(self) -> None:
        async with serve(sweep_interval_ms=60_000) as served, await opened(served) as client:
            client.send(client_frame(PING, b"") * (CONTROL_FRAMES_MAX + 1))
            for _ in range(CONTROL_FRAMES_MAX):
                assert await client.frame() == Frame(PONG, b"")
            assert await client.close_code() == 1008


class TestHeartbeat:
    async def test_who_answers_pings_stays(self) -> None:
        times: dict[str, Any] = {"ping_interval_ms": 20, "pong_timeout_ms": 10_000, "sweep_interval_ms": 10}
        async with serve(**times) as served, await opened(served) as client:
            for _ in range(3):
                assert await client.frame() == Frame(PING, b"")
                client.send_frame(PONG, b"")
            client.request("ping")
            assert (await client.message())["type"] == "pong"

    async def test_who_does_not_is_closed_with_3008(self) -> None:
        async with serve(ping_interval_ms=20, pong_timeout_ms=20, sweep_interval_ms=10) as served:
            async with await opened(served) as client:
                assert await client.frame() == Frame(PING, b"")
                assert await client.close_code() == 3008
            assert served.metrics.closes == {"3008": 1}

    async def test_other_messages_are_no_answer(self) -> None:
        times: dict[str, Any] = {"ping_interval_ms": 20, "pong_timeout_ms": 20, "sweep_interval_ms": 10}
        async with serve(**times) as served, await opened(served) as client:
            client.request("ping")
            assert await client.close_code() == 3008

    async def test_libraries_answer_by_themselves(self) -> None:
        times: dict[str, Any] = {"ping_interval_ms": 10, "pong_timeout_ms": 10_000, "sweep_interval_ms": 10}
        async with serve(**times) as served, connect(f"ws://127.0.0.1:{served.port}/") as client:
            await client.recv()
            for _ in range(3):
                await (await client.ping())
            await client.send('{"method": "ping"}')
            assert json.loads(await client.recv())["type"] == "pong"

    async def test_a_fault_with_one_connection_does_not_stop_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times: dict[str, Any] = {"ping_interval_ms": 10, "pong_timeout_ms": 10_000, "sweep_interval_ms": 10}
        visit = Connection.visit

        def fail_for_the_first(connection: Connection, tick_ms: float) -> None:
            if connection.number == 0:
                raise KeyError
            visit(connection, tick_ms)

        monkeypatch.setattr(Connection, "visit", fail_for_the_first)
        async with serve(**times) as served:
            first = await served.connect()
            await first.message()
            assert await first.ended()
            await first.close()
            async with await opened(served) as second:
                assert await second.frame() == Frame(PING, b"")
            assert served.metrics.failures == {"heartbeat": 1}
