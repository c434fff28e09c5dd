"""A gateway on a free port, and behind it an exchange that is no more than an engine, a log and the views."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from finalex.archive import Beginning
from finalex.channels.hub import Hub
from finalex.channels.journal import Memory
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Outcome
from finalex.exchange.state import ExchangeState
from finalex.gateway.server import Gateway
from finalex.gateway.settings import GatewaySettings
from finalex.log.memory import MemoryLog
from finalex.metrics import Metrics
from finalex.model.commands import Command, Credit
from finalex.model.events import Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.recaller import LogRecaller
from finalex.session.auth import Authenticator, KeyDirectory
from finalex.session.desk import Desk
from finalex.session.elsewhere import NOWHERE, Elsewhere
from finalex.session.limits import Limits
from finalex.session.seats import Seats
from finalex.session.tokens import FixedKeys, secret_key
from support.conversation import SECRET, START_MS, NoKeys
from support.sockets import READ_TIMEOUT_S, RawWebSocket, open_websocket


class Served:
    """What a test has in its hands; `now_ms` is the clock, which stands still unless the test moves it."""

    def __init__(
        self,
        settings: GatewaySettings,
        limits: Limits,
        keys: KeyDirectory,
        memory: Memory | None = None,
        elsewhere: Elsewhere = NOWHERE,
        connections_per_account: int = 0,
    ) -> None:
        self.now_ms = START_MS
        self.port = 0
        self.accounts: list[str] = []
        self.metrics = Metrics()
        self.log = MemoryLog()
        self.engine = Engine(ExchangeState(DEFAULT_INSTRUMENTS))
        self.desk = Desk(
            Hub(DEFAULT_INSTRUMENTS, memory=memory),
            Authenticator(FixedKeys(secret_key(SECRET)), keys),
            limits,
            seats=Seats(connections_per_account, elsewhere),
        )
        self.recaller = LogRecaller(self.log, Beginning(), DEFAULT_INSTRUMENTS)
        self.gateway = Gateway(
            self.desk, self, settings, self.metrics, lambda: self.now_ms, self.recaller, elsewhere=elsewhere
        )
        self.log.follow(self.gateway.follow)
        self._trades = 0

    def submit(self, command: Command, reply: Callable[[Outcome], None]) -> None:
        """See `Venue.submit`; carried out at once."""
        events, outcome = self.engine.execute(command, self.now_ms)
        if events:
            self.log.append(events, self.now_ms)
        reply(outcome)

    def open_account(self, user: str) -> None:
        """See `Venue.open_account`."""
        self.accounts.append(user)

    def credit(self, user: str, currency: str, amount: int) -> None:
        """Give `user` whole units of a currency."""
        reference = f"{user} {currency} {self.log.append([], self.now_ms).sequence}"
        self.submit(Credit(user=user, currency=currency, amount=amount * 10**8, reference=reference), lambda _: None)

    def trade(self, symbol: str = "BTC/USDT", count: int = 1) -> int:
        """Let `count` trades of a market from outside happen in one batch; return the last one's id."""
        batch = []
        for _ in range(count):
            self._trades += 1
            batch.append(
                Traded(symbol=symbol, trade=self._trades, price=100_00, quantity=1, side=Side.BUY, time_ms=self.now_ms)
            )
        self.log.append(batch, self.now_ms)
        return self._trades

    async def connect(self, path: str = "/", *headers: str, **lines: Any) -> RawWebSocket:
        """Open a WebSocket connection; its first message is still to be read."""
        return await open_websocket(self.port, path, *headers, **lines)

    async def subscriber(self, channel: str = "trades", **params: Any) -> RawWebSocket:
        """Open a connection that has subscribed to `channel` of BTC/USDT and read the acknowledgement."""
        client = await self.connect()
        client.request("subscribe", channel=channel, symbol="BTC/USDT", **params)
        assert (await client.message())["type"] == "connection_status"
        assert (await client.message())["type"] == "subscribed"
        return client

    async def left_with(self, connections: int) -> None:
        """Wait until that many connections are there."""
        async with asyncio.timeout(READ_TIMEOUT_S):
            while self.gateway.connections != connections:  # noqa: ASYNC110 (the product needs no event for it)
                await asyncio.sleep(0)


@asynccontextmanager
async def serve(
    *,
    limits: Limits | None = None,
    keys: KeyDirectory | None = None,
    memory: Memory | None = None,
    elsewhere: Elsewhere = NOWHERE,
    connections_per_account: int = 0,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve until the block ends; `settings` are those of `GatewaySettings`."""
    given = GatewaySettings(**settings), limits or Limits(), keys or NoKeys(), memory
    served = Served(*given, elsewhere, connections_per_account)
    served.port = await served.gateway.start("127.0.0.1", 0)
    try:
        yield served
    finally:
        await served.gateway.stop(0)
