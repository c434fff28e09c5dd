"""An engine of ours that leads in front of an external engine, and both in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from exchange.venue import bitcoin, ether, replayed
from finalex.exchange.outcomes import (
    Outcome,
)
from finalex.model.commands import Command, PlaceOrder
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side
from finalex.sources.external import ExternalSource
from finalex.sources.external_port import NobodyListensError
from support.external import PositionedLog, StoredMessages

INSTRUMENTS = Instruments([bitcoin(), ether()])
NOW_MS = 1_700_000_000_000
TIMEOUT_MS = 20_000

Answer = Callable[[dict[str, Any]], Awaitable[bytes]]


class Venue:
    """Takes commands, and answers as a test says."""

    def __init__(self) -> None:
        self.closed = False
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = self.nobody

    async def request(self, command: bytes, timeout_s: float) -> bytes:
        request = msgspec.json.decode(command)
        self.asked.append(request)
        return await self.answer(request)

    async def close(self) -> None:
        self.closed = True

    async def nobody(self, _request: dict[str, Any]) -> bytes:
        raise NobodyListensError

    def answers(self, **fields: object) -> None:
        async def answer(_request: dict[str, Any]) -> bytes:
            return msgspec.json.encode(fields)

        self.answer = answer


class Node:
    """The source of an engine that leads: on a log, the stream, and a venue."""

    def __init__(self, log: PositionedLog, stream: StoredMessages, timeout_ms: int = TIMEOUT_MS) -> None:
        self.now_ms = NOW_MS
        self.log, self.stream, self.venue = log, stream, Venue()
        self.state = replayed(INSTRUMENTS, [e for batch in log.read(0) for e in batch.events])  # type: ignore[misc]
        self.source = ExternalSource(self.state, log, lambda: self.now_ms, stream, self.venue, timeout_ms)

    async def looked_at(self, sequence: int) -> None:
        """Wait until so many messages were taken in or set aside."""
        while self.source.position < sequence:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0)

    async def outcome(self, command: Command) -> Outcome:
        replied: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.source.submit(command, replied.set_result)
        return await replied


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    task = asyncio.create_task(node.source.run())
    try:
        yield node
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def leading(timeout_ms: int = TIMEOUT_MS) -> AsyncIterator[Node]:
    async with running(Node(PositionedLog(), StoredMessages(), timeout_ms)) as node:
        yield node


def credit(number: int, user: str = "ann", currency: str = "USDT") -> dict[str, Any]:
    amount, reference = "1000", f"{user}-{currency}-{number}"
    return {"event": "credited", "user": user, "currency": currency, "amount": amount, "reference": reference}


def accepted(number: int, client_order_id: str | None = None) -> dict[str, Any]:
    return {
        "event": "order_accepted",
        "order": number,
        "user": "ann",
        "symbol": "ETH/USDT",
        "side": "buy",
        "type": "limit",
        "time_in_force": "GTC",
        "post_only": False,
        "price": "10",
        "quantity": "2",
        "locked": "20",
        "client_order_id": client_order_id,
    }


def rested(number: int) -> dict[str, Any]:
    fields = {"symbol": "ETH/USDT", "side": "buy", "price": "10", "quantity": "2"}
    return {"event": "order_rested", "order": number, **fields}


def ended(number: int) -> dict[str, Any]:
    return rested(number) | {"event": "order_ended", "user": "ann", "rested": True, "reason": "canceled"}


def place(client_order_id: str | None = None) -> PlaceOrder:
    return PlaceOrder(
        user="ann",
        symbol="ETH/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=2,
        price=10,
        client_order_id=client_order_id,
    )
