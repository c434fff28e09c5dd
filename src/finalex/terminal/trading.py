"""Orders and balances from a command line: one request, and its outcome as text or JSON."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from finalex.client.client import Client
from finalex.client.driver import Token
from finalex.client.effects import Effect
from finalex.client.errors import OutcomeUnknownError
from finalex.client.link import Opener, picows_opener
from finalex.protocol.messages import AccountData, BalanceData, OrderData
from finalex.terminal.observed import ObservedCore, Tell

OPEN_STATUSES = ("new", "partially_filled")

OPENING_S = 1.0
"""How long a server may take to give a new account its first balances."""


class AccountCore(ObservedCore):
    """A core that notices when all open orders have come: the heartbeat, asked for with them, comes behind them."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(tell)
        self.caught_up = asyncio.Event()

    def received(self, text: bytes, now_ms: int) -> list[Effect]:
        """See `Core.received`."""
        effects = super().received(text, now_ms)
        if b'"type":"heartbeat"' in text[:200]:
            self.caught_up.set()
        return effects

    def lost(self, code: int | None, chance: float) -> list[Effect]:
        """See `Core.lost`; what had come by then is not all."""
        self.caught_up.clear()
        return super().lost(code, chance)


@dataclass(frozen=True)
class Login:
    """Where to trade, and as whom; `opener` makes the connections."""

    url: str
    token: Token | None = None
    api_key: str | None = None
    opener: Opener | None = None


class Account:
    """An account on a server, for one command."""

    def __init__(self, client: Client, core: AccountCore, timeout_s: float) -> None:
        self.client = client
        self._core = core
        self._timeout_s = timeout_s

    async def open_orders(self, symbol: str | None) -> list[OrderData]:
        """Return the open orders, oldest first, of one symbol or of all."""
        found: dict[str, OrderData] = {}
        orders = self.client.orders(on_gap=lambda _: found.clear())
        async with self._in_time("orders"):
            waiting = asyncio.ensure_future(self._core.caught_up.wait())
            while not waiting.done() or orders.waiting:
                if orders.waiting:
                    order = await anext(orders)
                    found[order.order_id] = order
                    continue
                coming = asyncio.ensure_future(anext(orders))
                await asyncio.wait({waiting, coming}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    order = coming.result()
                    found[order.order_id] = order
                else:
                    coming.cancel()
        chosen = (order for order in found.values() if order.status in OPEN_STATUSES)
        return [order for order in chosen if symbol in (None, order.symbol)]

    async def balances(self) -> AccountData:
        """Return the balances; an account that is empty may be just being opened, so it has a moment more."""
        balances = self.client.account()
        async with self._in_time("account"):
            first = await anext(balances)
        if first.balances:
            return first
        try:
            async with asyncio.timeout(min(OPENING_S, self._timeout_s)):
                return await anext(balances)
        except TimeoutError:
            return first

    @asynccontextmanager
    async def _in_time(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError:
            raise OutcomeUnknownError(what, None) from None


@asynccontextmanager
async def logged_in(login: Login, tell: Tell, timeout_s: float) -> AsyncIterator[Account]:
    """Connect; raises `ClientError` if that cannot be."""
    core = AccountCore(tell)
    opener = login.opener or picows_opener()
    async with Client(core, login.url, opener, login.token, login.api_key) as client:
        yield Account(client, core, timeout_s)


def order_text(order: OrderData) -> str:
    """Return an order that was placed, in words."""
    at = f" at {order.price}" if order.type == "limit" else ""
    rules = f"{order.type}, {order.time_in_force}{', post-only' if order.post_only else ''}"
    state = order.status.replace("_", " ")
    if isinstance(order.reason, str):
        state += f" ({order.reason})"
    if order.filled_quantity.strip("0."):
        state += f", {order.filled_quantity} filled at {order.average_price}, fees {order.fees} {order.fee_currency}"
    lines = [
        f"{order.side} {order.quantity} {order.symbol}{at} ({rules}): {state}",
        f"order id         {order.order_id}",
        f"client order id  {order.client_order_id}",
    ]
    return "\n".join(lines)


def order_rows(orders: Sequence[OrderData]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table of orders."""
    head = ["ORDER ID", "SYMBOL", "SIDE", "TYPE", "PRICE", "QUANTITY", "FILLED", "STATUS", "CLIENT ORDER ID"]
    rows = [
        [
            *(order.order_id, order.symbol, order.side, order.type, order.price, order.quantity),
            *(order.filled_quantity, order.status, order.client_order_id or ""),
        ]
        for order in orders
    ]
    return head, rows


def balance_rows(balances: Sequence[BalanceData]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table of balances."""
    rows = [[held.currency, held.available, held.locked, held.total] for held in balances]
    return ["CURRENCY", "AVAILABLE", "LOCKED", "TOTAL"], rows
