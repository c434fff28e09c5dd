"""A client of the sandbox that asks for faults."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.server import WAIT_S, Client, Message, Server, serving

SYMBOL = "BTC/USDT"


@asynccontextmanager
async def sandbox(profile: str = "calm", **settings: str) -> AsyncIterator[Server]:
    """Run an exchange as a sandbox."""
    given = {"source": "exchange", "chaos": profile, "connections_per_ip": "1000", **settings}
    async with serving(**given) as server:
        yield server


async def ask(client: Client, fault: str) -> Message:
    """Ask for a fault and return the reply."""
    return await client.request("chaos", fault=fault)


async def trade(client: Client, count: int = 1, price: str = "45000") -> None:
    """Let an account trade with another one's resting orders, `count` times."""
    for _ in range(count):
        await client.request(
            "place_order", symbol=SYMBOL, side="buy", type="limit", quantity="0.001", price=price, time_in_force="IOC"
        )


async def rest(client: Client, count: int = 1, price: int = 45_000) -> None:
    """Place sell orders, each a tick above the one before."""
    for number in range(count):
        await client.request(
            "place_order", symbol=SYMBOL, side="sell", type="limit", quantity="0.001", price=f"{price + number}"
        )


async def how_it_ends(client: Client) -> int | None:
    """Read on until the connection ends; return the close code that came, if one did."""
    try:
        while True:
            await client.receive()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def faults(server: Server) -> Counter[str]:
    """Return the faults that the server has counted so far."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.admin_port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = (await asyncio.wait_for(reader.read(), WAIT_S)).decode()
    writer.close()
    found = re.findall(r'^finalex_chaos_faults_total\{fault="(\w+)"\} (\d+)', text, re.MULTILINE)
    return Counter({fault: int(number) for fault, number in found})


@asynccontextmanager
async def calmed(url: str) -> AsyncIterator[ClientConnection]:
    """Connect until there is a connection that is calm before anything happens to it."""
    for attempt in count():
        with suppress(ConnectionClosed, ConnectionError, EOFError, InvalidStatus):
            connection = await connect(url, compression=None, max_queue=None, max_size=None)
            await connection.send(json.dumps({"id": f"calm-{attempt}", "method": "chaos", "params": {"fault": "calm"}}))
            while json.loads(await asyncio.wait_for(connection.recv(), WAIT_S))["type"] != "chaos":
                pass
            break
    async with connection:
        yield connection
