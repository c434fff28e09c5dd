"""A command intake between a line and an exchange, both of which a test has in its hands."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.msg import Msg

from finalex.bus.names import Names
from finalex.cluster.command_intake import CommandIntake
from finalex.cluster.wire import CommandBatch, OpenAccount, OutcomeBatch, SentCommand, decode_outcomes, encode_commands
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.model.commands import Command, PlaceOrder
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.session.order_rates import OrderRates
from finalex.sources.exchange import ExchangeSource
from finalex.testing import FailingLog

NAMES = Names("test")
WRITER = "engine-1"
REPLY_TO = NAMES.replies("gateway-1")
START_MS = 1_700_000_000_000
TURNS = 10


class StrictLog(FailingLog):
    """A log on JetStream, as far as an intake can tell: while it is held, batches without events wait, too."""

    def _deliver(self) -> None:
        if not self._holding:
            super()._deliver()


class Line:
    """A client of NATS: what is published is kept."""

    is_closed = False

    def __init__(self) -> None:
        self.published: list[tuple[str, OutcomeBatch]] = []
        self.subscribed: dict[str, Callable[[Msg], Coroutine[Any, Any, None]]] = {}

    async def subscribe(self, subject: str, cb: Callable[[Msg], Coroutine[Any, Any, None]], **_: object) -> "Line":
        self.subscribed[subject] = cb
        return self

    async def unsubscribe(self) -> None:
        self.subscribed.clear()

    async def publish(self, subject: str, data: bytes) -> None:
        self.published.append((subject, decode_outcomes(data)))

    async def flush(self, **_: object) -> None:
        """Nothing is on its way."""


class Desk:
    """An intake between a line and an exchange."""

    def __init__(self, orders_per_second_max: int = 0) -> None:
        self.now_ms = START_MS
        self.line = Line()
        self.log = StrictLog()
        self.state = ExchangeState(DEFAULT_INSTRUMENTS)
        self.source = ExchangeSource(Engine(self.state), self.log, lambda: self.now_ms, {"USDT": 10**14, "BTC": 10**12})
        self.counts: Counter[str] = Counter()
        rates = OrderRates(orders_per_second_max)
        client = cast("Client", self.line)
        self.intake = CommandIntake(client, NAMES, WRITER, rates, lambda: self.now_ms, self.counts)

    async def send(self, *commands: Command | OpenAccount, deadline_ms: int = START_MS + 5000) -> None:
        """Send commands, numbered from 1, as one message, and wait until nothing more happens."""
        items = [SentCommand(number, deadline_ms, command) for number, command in enumerate(commands, 1)]
        await self.deliver(encode_commands(CommandBatch(gateway="gateway-1", reply_to=REPLY_TO, items=items)))

    async def deliver(self, data: bytes) -> None:
        take = self.line.subscribed[NAMES.commands(WRITER)]
        self.taking: asyncio.Task[None] = asyncio.create_task(take(Msg(_client=cast("Client", self.line), data=data)))
        await settled()

    def answered(self) -> list[tuple[int, Outcome]]:
        """Return and forget what was answered to the gateway."""
        published, self.line.published = self.line.published, []
        assert {subject for subject, _ in published} <= {REPLY_TO}
        return [(answer.number, answer.outcome) for _, batch in published for answer in batch.items]


async def settled() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def order(user: str = "ann", client_order_id: str | None = None) -> PlaceOrder:
    return PlaceOrder(
        user=user,
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=DEFAULT_INSTRUMENTS["BTC/USDT"].parse_quantity("0.01"),
        price=DEFAULT_INSTRUMENTS["BTC/USDT"].parse_price("30000.00"),
        client_order_id=client_order_id,
    )
