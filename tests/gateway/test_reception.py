"""Who comes in, by address and by how many there are."""

from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import pytest

from finalex.gateway.reception import WAITING_PER_PEER_MIN
from support.served import Served, serve
from support.sockets import RawSocket, RawWebSocket, RefusedError, ask, get, handshake

LOOPBACK = (ip_network("127.0.0.1"),)


class TestConnectionsOfAnAddress:
    async def open(self, served: Served, stack: AsyncExitStack, count: int) -> list[RawWebSocket]:
        """Open `count` connections and check what each is told is left."""
        clients = []
        for number in range(count):
            clients.append(await stack.enter_async_context(await served.connect()))
            limits = (await clients[-1].message())["data"]["rate_limits"]
            assert limits["connections_remaining"] == 9 - number
        return clients

    async def test_the_tenth_is_served_and_the_eleventh_told_why_not(self) -> None:
        async with serve() as served, AsyncExitStack() as stack:
            await self.open(served, stack, 10)
            async with await served.connect() as eleventh:
                message = await eleventh.message()
                assert (message["type"], message["data"]["code"]) == ("error", "CONNECTION_LIMIT")
                assert await eleventh.close_code() == 1008
            assert served.metrics.refusals == {"address": 1}

    async def test_one_that_leaves_makes_room(self) -> None:
        async with serve() as served, AsyncExitStack() as stack:
            clients = await self.open(served, stack, 10)
            await clients[3].close()
            await served.left_with(9)
            async with await served.connect() as again:
                assert (await again.message())["data"]["rate_limits"]["connections_remaining"] == 0

    async def test_a_refused_one_takes_no_room(self) -> None:
        async with serve(connections_per_ip=1) as served, await served.connect() as first:
            async with await served.connect() as second:
                assert await second.close_code() == 1008
            await first.close()
            await served.left_with(0)
            async with await served.connect() as third:
                assert (await third.message())["type"] == "connection_status"

    async def test_who_keeps_knocking_is_turned_away_before_the_handshake(self) -> None:
        async with serve(connections_per_ip=1, refusals_per_minute_max=2) as served, await served.connect():
            for _ in range(2):
                async with await served.connect() as refused:
                    assert await refused.close_code() == 1008
            with pytest.raises(RefusedError) as turned_away:
                await served.connect()
            assert turned_away.value.answer.status == 429
            assert turned_away.value.answer.headers["retry-after"] == "60"
            assert (await get(served.port, "/health")).status == 200

    async def test_another_address_is_another_matter(self) -> None:
        async with (
            serve(connections_per_ip=1) as served,
            await served.connect(),
            await served.connect(source="127.0.0.2") as other,
        ):
            assert (await other.message())["type"] == "connection_status"

    async def test_behind_a_trusted_proxy_the_client_counts(self) -> None:
        async with serve(connections_per_ip=1, trusted_proxies=LOOPBACK) as served, AsyncExitStack() as stack:
            for client in ("192.0.2.1", "192.0.2.2"):
                connection = await stack.enter_async_context(await served.connect("/", f"X-Forwarded-For: {client}"))
                assert (await connection.message())["type"] == "connection_status"
            again = await stack.enter_async_context(await served.connect("/", "X-Forwarded-For: 192.0.2.1"))
            assert (await again.message())["data"]["code"] == "CONNECTION_LIMIT"

    async def test_whom_nobody_trusts_cannot_name_another_address(self) -> None:
        async with (
            serve(connections_per_ip=1) as served,
            await served.connect("/", "X-Forwarded-For: 192.0.2.1"),
            await served.connect("/", "X-Forwarded-For: 192.0.2.2") as second,
        ):
            assert (await second.message())["data"]["code"] == "CONNECTION_LIMIT"


class TestHandshakeRates:
    async def knock(self, served: Served, source: str = "127.0.0.1") -> int:
        """Connect and leave, and return the status of the answer."""
        try:
            async with await served.connect(source=source):
                return 101
        except RefusedError as refused:
            assert int(refused.answer.headers["retry-after"]) > 0
            return refused.answer.status

    async def test_an_address_may_make_so_many_a_minute(self) -> None:
        async with serve(handshakes_per_minute_max=3, connections_per_ip=1) as served:
            statuses = []
            for _ in range(4):
                statuses.append(await self.knock(served))
                await served.left_with(0)
            assert statuses == [101, 101, 101, 429]
            assert await self.knock(served, "127.0.0.2") == 101
            assert served.metrics.refusals == {"handshake_rate": 1}
            assert (await get(served.port, "/health")).status == 200

    async def test_and_never_fewer_than_it_may_have_connections(self) -> None:
        async with serve(handshakes_per_minute_max=1, connections_per_ip=10) as served, AsyncExitStack() as stack:
            for _ in range(10):
                await stack.enter_async_context(await served.connect())
            assert not served.metrics.refusals

    async def test_bad_handshakes_count_as_well(self) -> None:
        bad = handshake().replace(b"Version: 13", b"Version: 8")
        async with serve(handshakes_per_minute_max=2, connections_per_ip=1) as served:
            assert [(await ask(served.port, bad)).status for _ in range(3)] == [426, 426, 429]

    async def test_behind_a_trusted_proxy_each_client_has_its_own(self) -> None:
        settings: dict[str, Any] = {"handshakes_per_minute_max": 2, "connections_per_ip": 1}
        async with serve(trusted_proxies=LOOPBACK, **settings) as served:
            for client in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
                for _ in range(2):
                    async with await served.connect("/", f"X-Forwarded-For: {client}"):
                        pass
            assert "handshake_rate" not in served.metrics.refusals

    async def test_all_together_may_make_so_many_a_second(self) -> None:
        async with serve(handshakes_per_second_max=1) as served:
            statuses = [await self.knock(served, f"127.0.0.{number}") for number in range(1, 30)]
            assert set(statuses) == {101, 503}
            assert served.metrics.refusals == {"handshake_rate_of_all": statuses.count(503)}


class TestCapacity:
    async def test_a_full_server_says_so_before_the_handshake(self) -> None:
        async with serve(connections_max=1) as served, await served.connect():
            with pytest.raises(RefusedError) as refused:
                await served.connect(source="127.0.0.2")
            assert refused.value.answer.status == 503
            assert int(refused.value.answer.headers["retry-after"]) > 0
            assert (await get(served.port, "/health")).status == 200

    async def test_only_so_many_may_wait_with_their_request(self) -> None:
        async with serve(handshakes_max=1) as served, await RawSocket.connect(served.port) as waiting:
            async with await RawSocket.connect(served.port) as second:
                assert await second.read_to_end() == b""
            waiting.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await waiting.answer()).status == 200
            assert served.metrics.refusals == {"handshakes": 1}

    @pytest.mark.parametrize("trusted", [(), LOOPBACK])
    async def test_nor_may_one_peer_take_all_the_places(self, trusted: Any) -> None:
        async with serve(trusted_proxies=trusted) as served, AsyncExitStack() as stack:
            for _ in range(WAITING_PER_PEER_MIN):
                await stack.enter_async_context(await RawSocket.connect(served.port))
            last = await stack.enter_async_context(await RawSocket.connect(served.port))
            last.send(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            if trusted:
                assert (await last.answer()).status == 200
            else:
                with pytest.raises((ConnectionError, IndexError)):  # no answer at all
                    await last.answer()
            assert (await get(served.port, "/health", source="127.0.0.2")).status == 200
