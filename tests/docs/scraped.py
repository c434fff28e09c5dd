"""The metrics of servers that run, as Prometheus scrapes them."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from docs.ports import free_port
from finalex.sources.upstream import opening
from sources.upstream.playing import FakeFeed
from support.clusters import Cluster, until
from support.nats_servers import nats_servers
from support.server import Server, serving

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}
"""What Prometheus makes of a family; the others are one series of their own name."""

FROM_PROMETHEUS = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""


@dataclass(frozen=True)
class Catalog:
    """All series there are: by name the type, and the labels of those that have a sample."""

    types: dict[str, str]
    labels: dict[str, frozenset[str]]

    def __or__(self, other: "Catalog") -> "Catalog":
        return Catalog(self.types | other.types, self.labels | other.labels)


def get(port: int, path: str) -> str:
    """Return what is answered to a request, also if it is an error."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            text: str = response.read().decode()
    except HTTPError as error:
        with error:
            text = error.read().decode()
    return text


async def scrape(server: Server) -> Catalog:
    """Return what a server shows now."""
    return await scrape_port(server.config.own_admin_port)


async def scrape_port(port: int) -> Catalog:
    """Return what is shown at an operator's port."""
    text = await asyncio.to_thread(get, port, "/metrics")
    types: dict[str, str] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        types |= {name + suffix: kind for suffix in SUFFIXES.get(kind, ("",))}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return Catalog(types, {sample.name: frozenset(sample.labels) for sample in samples})


async def every_metric() -> Catalog:
    """Return all metrics there can be.

    They are those of a server on disk that is spoken to, rightly and wrongly, of a sandbox, of a mirror, and of the
    engines, our own and another's, and the gateway of a cluster.
    """
    settings = {"source": "simulate", "history_hours": "0", "connections_per_ip": "1"}
    async with serving(**settings, admin_port=str(free_port())) as server:
        found = await _spoken_to(server)
    issuer = {"jwt_jwks_url": f"http://127.0.0.1:{free_port()}/keys"}
    async with serving(**settings, **issuer, chaos="flaky", admin_port=str(free_port())) as server:
        found |= await scrape(server)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "open_feed", lambda name: FakeFeed())
        async with serving(source="upstream:fake", admin_port=str(free_port())) as server:
            found |= await scrape(server)
    return found | await _of_a_cluster()


async def _of_a_cluster() -> Catalog:
    with TemporaryDirectory() as directory, nats_servers(Path(directory)) as servers:
        cluster = Cluster(servers, Path(directory), admin_port="0")
        async with cluster.engine() as engine, cluster.gateway() as gateway:
            found = await scrape_port(engine.admin_port) | await scrape_port(gateway.admin_port)
        other = Cluster(servers, Path(directory), admin_port="0", source="external")
        async with other.engine() as engine:
            await until(lambda: engine.role.leading is not None)
            return found | await scrape_port(engine.admin_port)


async def _spoken_to(server: Server) -> Catalog:
    async with server.client() as client:
        await client.request("subscribe", channel="ticker", symbol="BTC/USDT")
        await client.next_of("ticker")
        await client.request("subscribe", channel="nothing")
        async with server.client() as second:
            assert second.seen[0]["type"] == "error"
        await asyncio.to_thread(get, server.port, "/nothing")
        return await scrape(server)
