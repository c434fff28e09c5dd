"""The PROXY protocol: what a header says, what is none, and who may send one."""

from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest

from finalex.gateway.proxy_protocol import (
    LINE_BYTES_MAX,
    SIGNATURE,
    TEXTS_BYTES_MAX,
    Proxied,
    ProxyProtocolError,
    read_header,
)
from finalex.gateway.reception import WAITING_PER_PEER_MIN
from support.endings import ended
from support.served import Served, serve
from support.sockets import RawSocket, RawWebSocket, handshake

BEHIND: dict[str, Any] = {"proxy_protocol": True, "trusted_proxies": (ip_network("127.0.0.1"),)}
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


def binary(command: int, family: int, body: bytes) -> bytes:
    """Return a header of version 2."""
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


def tcp4(source: str, more: bytes = b"") -> bytes:
    return binary(0x21, 0x11, IPv4Address(source).packed + IPv4Address("192.0.2.9").packed + b"\xc0\x00\x00\x50" + more)


def tcp6(source: str) -> bytes:
    return binary(0x21, 0x21, IPv6Address(source).packed + IPv6Address("::1").packed + b"\xc0\x00\x00\x50")


HEADERS = {
    "version 1, IPv4": (b"PROXY TCP4 198.51.100.7 192.0.2.1 49152 443\r\n", "198.51.100.7"),
    "version 1, IPv6": (b"PROXY TCP6 2001:db8::7 ::1 49152 443\r\n", "2001:db8::7"),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", None),
    "version 1, unknown with addresses": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "version 2, IPv4": (tcp4("198.51.100.7"), "198.51.100.7"),
    "version 2, IPv4, with an extension": (tcp4("198.51.100.7", b"\x03\x00\x04abcd"), "198.51.100.7"),
    "version 2, IPv6": (tcp6("2001:db8::7"), "2001:db8::7"),
    "version 2, local": (binary(0x20, 0x00, b""), None),
    "version 2, local with addresses": (binary(0x20, 0x11, b"x" * 12), None),
    "version 2, unspecified": (binary(0x21, 0x00, b"x" * 5), None),
}

WRONG = {
    "a request": HEALTH,
    "no header": b"PROXYTCP4",
    "another family": b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
    "IPv6 as IPv4": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "IPv4 as IPv6": b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
    "no address": b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
    "an address that is no ASCII": b"PROXY TCP4 \xd9\xa1.2.3.4 1.2.3.4 1 2\r\n",
    "a port too high": b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
    "no ports": b"PROXY TCP4 1.2.3.4 1.2.3.4\r\n",
    "a bare line feed": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    "a line too long": b"PROXY UNKNOWN " + b"x" * LINE_BYTES_MAX,
    "version 3": binary(0x31, 0x11, b"x" * 12),
    "an unknown command": binary(0x22, 0x11, b"x" * 12),
    "UDP": binary(0x21, 0x12, b"x" * 12),
    "a UNIX socket": binary(0x21, 0x31, b"x" * 216),
    "too short for IPv4": binary(0x21, 0x11, b"x" * 11),
    "too short for IPv6": binary(0x21, 0x21, b"x" * 35),
    "too long": SIGNATURE + b"\x21\x11" + (TEXTS_BYTES_MAX + 1).to_bytes(2, "big"),
}


class TestHeaders:
    @pytest.mark.parametrize(("header", "address"), HEADERS.values(), ids=HEADERS)
    def test_it_is_read_as_soon_as_it_is_whole_and_no_further(self, header: bytes, address: str | None) -> None:
        for size in range(1, len(header)):
            assert read_header(header[:size]) is None
        assert read_header(header) == read_header(header + HEALTH) == Proxied(address, len(header))

    @pytest.mark.parametrize("header", WRONG.values(), ids=WRONG)
    def test_anything_else_is_none(self, header: bytes) -> None:
        with pytest.raises(ProxyProtocolError):
            read_header(header)


async def open_behind(served: Served, header: bytes, *lines: str) -> RawWebSocket:
    """Connect as a proxy does for somebody."""
    client = await RawWebSocket.connect(served.port)
    client.send(header + handshake("/", *lines))
    await client.read_welcome()
    return client


class TestConnections:
    @pytest.mark.parametrize("header", [tcp4, lambda source: f"PROXY TCP4 {source} 192.0.2.1 1 2\r\n".encode()])
    async def test_limits_count_the_client_not_the_proxy(self, header: Any) -> None:
        async with serve(connections_per_ip=1, **BEHIND) as served, AsyncExitStack() as stack:
            for source in ("198.51.100.1", "198.51.100.2"):
                client = await stack.enter_async_context(await open_behind(served, header(source)))
                assert (await client.message())["type"] == "connection_status"
            again = await stack.enter_async_context(await open_behind(served, header("198.51.100.1")))
            assert (await again.message())["data"]["code"] == "CONNECTION_LIMIT"

    async def test_a_header_may_come_byte_by_byte(self) -> None:
        async with serve(**BEHIND) as served, await RawSocket.connect(served.port) as client:
            for byte in tcp4("198.51.100.1") + HEALTH:
                client.send(bytes([byte]))
            assert (await client.answer()).status == 200

    async def test_the_proxy_itself_may_ask(self) -> None:
        async with serve(**BEHIND) as served, await RawSocket.connect(served.port) as client:
            client.send(binary(0x20, 0x00, b"") + HEALTH)
            assert (await client.answer()).status == 200

    async def test_a_trusted_proxy_without_one_is_dropped(self) -> None:
        async with serve(**BEHIND) as served, await RawSocket.connect(served.port) as client:
            client.send(HEALTH)
            assert await ended(client) == b""
            assert served.metrics.refusals == {"proxy_protocol": 1}

    async def test_whom_nobody_trusts_cannot_name_another_address(self) -> None:
        async with serve(**BEHIND) as served:
            async with await RawSocket.connect(served.port, source="127.0.0.2") as client:
                client.send(b"PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\n" + handshake())
                assert (await client.answer()).status == 400
            async with await served.connect(source="127.0.0.2") as direct:
                assert (await direct.message())["type"] == "connection_status"

    async def test_nor_can_a_client_behind_the_proxy(self) -> None:
        async with serve(connections_per_ip=1, **BEHIND) as served, AsyncExitStack() as stack:
            for number in range(2):
                lies = f"X-Forwarded-For: 203.0.113.{number}"
                client = await stack.enter_async_context(await open_behind(served, tcp4("198.51.100.1"), lies))
            assert (await client.message())["data"]["code"] == "CONNECTION_LIMIT"

    async def test_unless_it_is_switched_on_a_header_is_no_request(self) -> None:
        trusted = BEHIND["trusted_proxies"]
        async with serve(trusted_proxies=trusted) as served, await RawSocket.connect(served.port) as client:
            client.send(b"PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\n" + handshake())
            assert (await client.answer()).status == 400

    async def test_only_so_many_clients_of_an_address_may_wait_behind_it(self) -> None:
        async with serve(**BEHIND) as served, AsyncExitStack() as stack:
            for _ in range(WAITING_PER_PEER_MIN + 1):
                last = await stack.enter_async_context(await RawSocket.connect(served.port))
                last.send(tcp4("198.51.100.1"))
            assert await ended(last) == b""
            other = await stack.enter_async_context(await RawSocket.connect(served.port))
            other.send(tcp4("198.51.100.2") + HEALTH)
            assert (await other.answer()).status == 200
            assert served.metrics.refusals == {"handshakes": 1}
