"""A market in the sandbox: what its clients must end with, as a connection tells to which nothing happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chaos.asking import SYMBOL, calmed, faults, sandbox
from clients_js.witness import ACCOUNT, DEPTH, Witness
from finalex.chaos.faults import Fault
from support.server import Server

USERS = ("alice", "bob")

PROFILES = {
    "flaky": "flaky:messages=30",
    "slow": "slow:messages=60,latency_ms=10,jitter_ms=40,stall_ms=150,slow_close_ms=100",
    "gaps": "gaps:messages=15",
    "restarts": "restarts:restart_every_ms=600,down_ms=150",
    "silent": "silent:messages=150",
    "limits": "limits:messages=80,rate_limit_ms=300,stall_ms=150",
    "everything": "everything:messages=50,latency_ms=2,jitter_ms=10,stall_ms=150,rate_limit_ms=300,slow_close_ms=50,"
    "restart_every_ms=4000,down_ms=150",
}
"""The documented profiles, in a hurry."""

EXPECTED = {
    "flaky": {"reset": 5, "cut": 5, "lost_reply": 3, "refusal": 2},
    "slow": {"stall": 5},
    "gaps": {"book_gap": 10, "trade_gap": 10},
    "restarts": {"restart": 4, "refusal": 1},
    "silent": {"silence": 4, "mute": 1},
    "limits": {"rate_limit": 5, "stall": 3, "refusal": 1},
    "everything": {fault.value: 1 for fault in Fault},
}
"""How often each fault must have happened before the trading stops."""

PAUSE_S = 0.1
ROUND_S = 120


@asynccontextmanager
async def market(name: str, seed: int) -> AsyncIterator[Server]:
    """Run an exchange with the profile `name`, in a hurry."""
    settings = {"lagging_bytes": "65536", "heartbeat_interval_ms": "1000", "messages_per_minute_max": "1000000"}
    async with sandbox(PROFILES[name], chaos_seed=str(seed), **settings) as server:
        yield server


@asynccontextmanager
async def watching(server: Server, user: str) -> AsyncIterator[Witness]:
    """See everything of the market and of an account over a calm connection."""
    items: list[dict[str, object]] = [{"channel": channel} for channel in ACCOUNT]
    items += [{"channel": "orderbook", "symbol": SYMBOL, "depth": DEPTH}, {"channel": "trades", "symbol": SYMBOL}]
    async with calmed(f"{server.url}/?token={server.token(user)}") as connection:
        seen = Witness(connection)
        reading = asyncio.create_task(seen.read())
        await seen.request("subscribe", "subscribe", subscriptions=items)
        try:
            yield seen
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def enough_went_wrong(server: Server, name: str) -> None:
    """Wait until every fault of a profile has happened as often as it must."""
    expected = Counter(EXPECTED[name])
    while not expected <= await faults(server):  # noqa: ASYNC110 (the server is asked as users ask it)
        await asyncio.sleep(PAUSE_S)
