"""HTTP on the same port."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from finalex import __version__
from finalex.gateway.back_door import BackDoor
from finalex.gateway.landing import HOST_DEFAULT, landing_page
from support.served import Served, serve
from support.sockets import RawSocket, ask, get

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def test_health_says_that_the_server_is_alive_and_which() -> None:
    async with serve() as served:
        answer = await get(served.port, "/health")
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.body) == {"status": "ok", "version": __version__}


async def test_ready_waits_for_the_source() -> None:
    async with serve() as served:
        assert (await get(served.port, "/ready")).status == 503
        served.gateway.source_running = True
        assert (await get(served.port, "/ready")).status == 200


@asynccontextmanager
async def back_door(served: Served) -> AsyncIterator[int]:
    """Open the operator's port of a server."""
    door = BackDoor(served.metrics, served.gateway.is_ready)
    try:
        yield await door.start("127.0.0.1", 0)
    finally:
        door.stop()


async def test_metrics_are_no_clients_business() -> None:
    async with serve() as served:
        assert (await get(served.port, "/metrics")).status == 404


async def test_the_operators_port_says_how_the_server_is_and_takes_no_clients() -> None:
    async with serve() as served, back_door(served) as port:
        assert [(await get(port, path)).status for path in ("/health", "/ready", "/", "/docs")] == [200, 503, 404, 404]
        answer = await ask(port, "\r\n".join(["GET / HTTP/1.1", "Host: localhost", *UPGRADE, "", ""]))
        assert answer.status == 404
        assert served.gateway.connections == 0


async def test_metrics_are_text_for_prometheus() -> None:
    async with serve() as served, await served.subscriber(), back_door(served) as port:
        served.trade()
        answer = await get(port, "/metrics")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.body.decode()
        for line in (
            "finalex_connections 1.0",
            "finalex_batches_total 1.0",
            "finalex_events_total 1.0",
            'finalex_subscriptions{channel="trades"} 1.0',
            "finalex_messages_received_total 1.0",
            "finalex_messages_sent_total 2.0",
            'finalex_publications_total{channel="trades"} 1.0',
        ):
            assert f"\n{line}\n" in text
        assert "process_resident_memory_bytes" in text


class TestLandingPage:
    async def test_it_says_how_to_connect_here(self) -> None:
        async with serve() as served:
            answer = await ask(served.port, "GET / HTTP/1.1\r\nHost: exchange.example:8081\r\n\r\n")
            assert answer.status == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert b"ws://exchange.example:8081/" in answer.body

    async def test_it_asks_for_nothing_else_and_may_not(self) -> None:
        async with serve() as served:
            answer = await get(served.port, "/")
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none';")
            assert "unsafe" not in policy
            style = re.search(rb"<style>(.*)</style>", answer.body, re.DOTALL)
            assert style is not None
            assert f"'sha256-{b64encode(sha256(style[1]).digest()).decode()}'" in policy
            assert not re.search(rb"<script|<img|<link|\ssrc=|\sstyle=|@import|url\(", answer.body)
            targets = re.findall(rb'href="([^"]*)"', answer.body)
            assert sorted(targets) == [b"/asyncapi.json", b"/docs", b"/health", b"/ready"]

    @pytest.mark.parametrize("host", ["<script>alert(1)</script>", 'a"b', "a b", "", "x" * 300])
    def test_a_strange_host_is_not_shown(self, host: str) -> None:
        assert f"ws://{HOST_DEFAULT}/".encode() in landing_page(host)

    def test_its_tags_are_balanced(self) -> None:
        class Balance(HTMLParser):
            def __init__(self) -> None:
                super().__init__()
                self.stack: list[str] = []

            def handle_starttag(self, tag: str, attrs: object) -> None:
                if tag != "meta":
                    self.stack.append(tag)

            def handle_endtag(self, tag: str) -> None:
                assert self.stack.pop() == tag

        balance = Balance()
        balance.feed(landing_page("localhost").decode())
        assert balance.stack == []


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/missing"])
async def test_head_is_get_without_the_body(path: str) -> None:
    async with serve() as served:
        whole, head = await get(served.port, path), await get(served.port, path, method="HEAD")
        assert head.body == b""
        assert head.status == whole.status
        assert head.headers.keys() == whole.headers.keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    async with serve() as served:
        answer = await get(served.port, "/health", method=method)
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"


async def test_the_answer_to_a_large_request_arrives_all_the_same() -> None:
    async with serve() as served, await RawSocket.connect(served.port) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        assert (await connection.answer()).status == 413


@pytest.mark.parametrize("path", ["/missing", "/health/", "/HEALTH", "//", "/%2e%2e/etc/passwd"])
async def test_there_is_nothing_else(path: str) -> None:
    async with serve() as served:
        assert (await get(served.port, path)).status == 404


async def test_http_1_0_gets_an_answer_since_health_checks_speak_it() -> None:
    async with serve() as served:
        assert (await ask(served.port, "GET /health?full HTTP/1.0\r\n\r\n")).status == 200


async def test_every_answer_has_the_headers_that_keep_it_harmless() -> None:
    async with serve() as served:
        for path in ("/", "/health", "/missing"):
            headers = (await get(served.port, path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"


async def test_a_fault_of_ours_shows_nothing_of_itself() -> None:
    async with serve() as served, back_door(served) as port:
        served.metrics.watch("broken", "Fails", lambda: 1 / 0)
        answer = await get(port, "/metrics")
        assert answer.status == 500
        assert answer.body == b"Internal error.\n"
        assert served.metrics.failures == {"http": 1}
        assert (await get(served.port, "/health")).status == 200
