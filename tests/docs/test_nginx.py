"""The configuration for nginx: nginx takes it, and WebSocket connections really go through it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from docs.nginx import NAME, Proxy, check, nginx_before
from docs.requests import http_get, https_get
from support.server import Server, serving


@asynccontextmanager
async def proxied(directory: Path, **settings: str) -> AsyncIterator[tuple[Server, Proxy]]:
    """Run a server that believes nginx, and nginx before it."""
    settings = {"source": "simulate", "history_hours": "0", "trusted_proxies": "127.0.0.1", **settings}
    async with serving(**settings) as server, nginx_before(server.port, directory) as proxy:
        yield server, proxy


@asynccontextmanager
async def client_from(address: str, proxy: Proxy, path: str = "/", **headers: str) -> AsyncIterator[ClientConnection]:
    """Connect through nginx from one of this machine's own addresses."""
    url = f"wss://{NAME}{path}"
    place: dict[str, Any] = {"host": "127.0.0.1", "port": proxy.port, "local_addr": (address, 0)}
    async with connect(url, ssl=proxy.trust(), additional_headers=headers, proxy=None, **place) as client:
        yield client


async def connections_left(client: ClientConnection) -> int:
    """Return how many connections the server still allows this client's address."""
    greeting = json.loads(await client.recv())
    left: int = greeting["data"]["rate_limits"]["connections_remaining"]
    return left


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.returncode == 0, result.stderr
    assert "warn" not in result.stderr


async def test_a_client_streams_and_trades_through_nginx(tmp_path: Path) -> None:
    async with (
        proxied(tmp_path) as (server, proxy),
        client_from("127.0.0.1", proxy, f"/?token={server.token('alice')}") as client,
    ):
        assert json.loads(await client.recv())["data"]["authenticated"] is True
        await client.send('{"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC/USDT"}}')
        assert json.loads(await client.recv())["type"] == "subscribed"
        assert json.loads(await client.recv())["type"] == "ticker"


async def test_clients_behind_nginx_are_counted_each_for_himself(tmp_path: Path) -> None:
    async with (
        proxied(tmp_path, connections_per_ip="3") as (_, proxy),
        client_from("127.0.0.2", proxy) as first,
        client_from("127.0.0.2", proxy) as second,
        client_from("127.0.0.3", proxy) as other,
    ):
        assert [await connections_left(each) for each in (first, second, other)] == [2, 1, 2]


async def test_a_client_cannot_pass_for_another(tmp_path: Path) -> None:
    async with (
        proxied(tmp_path, connections_per_ip="3") as (_, proxy),
        client_from("127.0.0.2", proxy) as honest,
        client_from("127.0.0.2", proxy, **{"X-Forwarded-For": "203.0.113.9"}) as liar,
    ):
        assert [await connections_left(each) for each in (honest, liar)] == [2, 1]


async def test_metrics_are_not_for_the_public(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (_, proxy):
        assert (await https_get(proxy.port, "/metrics", proxy.trust())).status == 404
        assert (await https_get(proxy.port, "/docs", proxy.trust())).status == 200


async def test_plain_http_is_sent_to_https(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (_, proxy):
        answer = await http_get(proxy.plain_port, "/docs?token=secret")
    assert (answer.status, answer.location) == (301, f"https://{NAME}/docs")


async def test_credentials_are_in_no_log_of_nginx(tmp_path: Path) -> None:
    async with proxied(tmp_path) as (server, proxy):
        token = server.token("alice")
        async with client_from("127.0.0.1", proxy, f"/?token={token}") as client:
            await client.recv()
        await https_get(proxy.port, f"/docs?token={token}", proxy.trust())
        await http_get(proxy.plain_port, f"/?token={token}")
    written = proxy.log
    assert '"GET /docs"' in written
    assert token not in written
