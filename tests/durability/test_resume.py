"""A client resumes over a restart, and further back than memory goes: the rest is on disk."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from finalex.model.commands import PlaceOrder
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.protocol.streams import HISTORY_MAX
from support.server import Client, Message, Server, serving

SYMBOL = "BTC/USDT"
MORE = HISTORY_MAX + 200
"""So many trades are more than memory holds of them."""


async def trade(server: Server, count: int) -> None:
    """Let alice sell to bob, and wait until all of it has been published."""
    instrument, left = DEFAULT_INSTRUMENTS[SYMBOL], asyncio.Event()
    for number in range(2 * count):
        command = PlaceOrder(
            user=("alice", "bob")[number % 2],
            symbol=SYMBOL,
            side=(Side.SELL, Side.BUY)[number % 2],
            type=OrderType.LIMIT,
            quantity=instrument.parse_quantity("0.0001"),
            price=instrument.parse_price("50000"),
        )
        last = number == 2 * count - 1
        server.source.submit(command, lambda _, last=last: left.set() if last else None)  # type: ignore[misc]
        if number % 100 == 0:
            await asyncio.sleep(0)
    await left.wait()


async def read(client: Client, count: int) -> list[tuple[str, Any]]:
    """Return the next messages of a channel, as what they are."""
    messages: list[Message] = []
    while len(messages) < count:
        message = await client.receive()
        if "channel" in message:
            messages.append(message)
    return [(message["id"], message["data"]) for message in messages]


@pytest.mark.parametrize(("channel", "per_trade"), [("trades", 1), ("orders", 2), ("user_trades", 1)])
async def test_what_was_missed_comes_once_and_in_order(channel: str, per_trade: int, tmp_path: Path) -> None:
    settings = {"source": "exchange", "data_dir": str(tmp_path), "demo_amounts": "USDT=100000,BTC=2"}
    subscription = {"channel": channel, "symbol": SYMBOL}
    async with serving(**settings) as server, server.client("alice") as alice, server.client("bob"):
        await alice.request("subscribe", **subscription)
        await trade(server, 3)
        seen = await read(alice, 3 * per_trade)
    async with serving(**settings) as server, server.client("alice") as stayed:
        await stayed.request("subscribe", **subscription)
        await trade(server, MORE)
        expected = seen + await read(stayed, MORE * per_trade)
        for place in (0, 2, len(expected) - 1 - HISTORY_MAX // 2):
            async with server.client("alice") as back:
                reply = await back.request("subscribe", **subscription, after=expected[place][0])
                assert reply["data"]["resumed"] is True
                assert await read(back, len(expected) - place - 1) == expected[place + 1 :]
