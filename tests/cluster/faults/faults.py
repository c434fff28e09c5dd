"""The faults: what happens to a cluster under load, and what ends it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cluster.faults.cluster import Cluster
from cluster.faults.lines import Line
from cluster.faults.roles import until_ready
from support.nats_servers import restarted

Heal = Callable[[], Awaitable[None]]

FULL_BYTES = 1024


@dataclass(frozen=True)
class Fault:
    """`strike` does it, and returns at once, with what ends it after `lasts_s` at least.

    Until it is healed the others carry on; where `needs_healing`, some or all clients wait until then.
    """

    name: str
    strike: Callable[[Cluster], Awaitable[Heal]]
    lasts_s: float = 0.0
    needs_healing: bool = False


async def kill_engine(cluster: Cluster) -> Heal:
    """Kill the engine that leads."""
    engine = await cluster.leader()
    engine.kill()

    async def heal() -> None:
        engine.start()

    return heal


async def pause_engine(cluster: Cluster) -> Heal:
    """Stop the engine that leads where it is; when it goes on it believes that it still leads."""
    engine = await cluster.leader()
    engine.pause()

    async def heal() -> None:
        engine.resume()

    return heal


async def hand_over(cluster: Cluster) -> Heal:
    """Stop the engine that leads as its operator does."""
    engine = await cluster.leader()
    assert await engine.stop() == 0, engine.said

    async def heal() -> None:
        engine.start()

    return heal


async def cut_engine(cluster: Cluster) -> Heal:
    """Cut the leading engine off from every NATS server."""
    engine = await cluster.leader()
    return _cut(cluster.wires[engine.name])


async def kill_gateway(cluster: Cluster) -> Heal:
    """Kill a gateway."""
    gateway, port = cluster.gateways[0], cluster.ports[0]
    gateway.kill()

    async def heal() -> None:
        gateway.start()
        await until_ready(gateway, port)

    return heal


async def cut_gateway(cluster: Cluster) -> Heal:
    """Cut a gateway off from every NATS server; its clients stay."""
    return _cut(cluster.wires[cluster.gateways[-1].name])


async def restart_gateways(cluster: Cluster) -> Heal:
    """Restart one gateway after the other as their operator does."""
    for gateway, port in zip(cluster.gateways, cluster.ports, strict=True):
        assert await gateway.stop() == 0, gateway.said
        gateway.start()
        await until_ready(gateway, port)
    return _nothing


async def kill_stream_leader(cluster: Cluster) -> Heal:
    """Kill the NATS server that leads the log's stream."""
    servers, stream = cluster.servers, cluster.names.log_stream
    node = await asyncio.to_thread(servers.leader_of, stream)
    servers.kill(node)

    async def heal() -> None:
        await restarted(servers, node)
        await asyncio.to_thread(servers.wait_until_in_sync, stream)

    return heal


async def fill_stream(cluster: Cluster) -> Heal:
    """Leave the log no room at all, and none that trimming could make: what no snapshot covers is more."""
    jetstream, stream = cluster.client.jetstream(), cluster.names.log_stream
    found = (await jetstream.stream_info(stream)).config
    await jetstream.update_stream(found.evolve(max_bytes=FULL_BYTES))

    async def heal() -> None:
        await jetstream.update_stream(found)

    return heal


def _cut(lines: list[Line]) -> Heal:
    for line in lines:
        line.cut()

    async def heal() -> None:
        for line in lines:
            line.mend()

    return heal


async def _nothing() -> None:
    return None


def faults(*, pause_s: float) -> list[Fault]:
    """Return all faults; what is stopped or cut off stays so for `pause_s`."""
    return [
        Fault("engine killed", kill_engine),
        Fault("engine paused", pause_engine, lasts_s=pause_s),
        Fault("engine cut off", cut_engine, lasts_s=pause_s),
        Fault("engine handed over", hand_over),
        Fault("NATS leader killed", kill_stream_leader),
        Fault("gateway killed", kill_gateway),
        Fault("gateway cut off", cut_gateway, lasts_s=pause_s, needs_healing=True),
        Fault("gateways restarted", restart_gateways),
        Fault("stream full", fill_stream, lasts_s=pause_s, needs_healing=True),
    ]


class Stopwatch:
    """Seconds since it was made, on the steady clock, and when that was."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.monotonic() - self.began_s
