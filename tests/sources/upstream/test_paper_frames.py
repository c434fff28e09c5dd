"""Recorded frames of Binance through ccxt, traded on paper, while connections of trades are lost and garbage comes."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from exchange.paper_supply import check_supply
from finalex.exchange.outcomes import Outcome, Placed
from finalex.exchange.paper_engine import PaperEngine
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.model.commands import PlaceOrder
from finalex.model.events import AnyEvent, Batch, BookReset, BookWithdrawn, LevelsChanged, PaperFilled, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.sources.upstream.ccxt_feed import CcxtFeed
from finalex.sources.upstream.following import Backoff
from finalex.sources.upstream.paper import PaperSource
from sources.upstream.binance_server import BinanceServer, Captured
from sources.upstream.playing import BTC, SYMBOL
from sources.upstream.test_binance_frames import SPOT, TRADES, UPDATES, WAIT_S, make_exchange, sent
from support.recordings import recording

pytestmark = pytest.mark.filterwarnings("default")  # ccxt and what it needs warn of things of their own

FUNDS = {"BTC": 1_000 * 10**8, "USDT": 10**8 * 10**8}
ORDER_EVERY = 20
"""After so many trades somebody places two orders."""

LOT = BTC.lot_size
HARMFUL = ("createorder", "createmarket", "createlimit", "editorder", "cancel", "withdraw", "transfer", "borrow")
"""How the names of all methods of ccxt begin that do something to an account."""

KEYS = ("apiKey", "secret", "uid", "login", "password", "privateKey", "walletAddress", "token")


def forbid(exchange: Any) -> list[str]:
    """Note whenever a method of `exchange` is called that does something to an account; return the notes."""
    called: list[str] = []
    for name in dir(exchange):
        method = getattr(exchange, name, None)
        if callable(method) and name.replace("_", "").lower().startswith(HARMFUL):
            setattr(exchange, name, lambda *_, name=name, **__: called.append(name))
    return called


class PaperTrading:
    """A paper source of the local server, and orders of two accounts: at the best prices, and to take."""

    def __init__(self, server: BinanceServer) -> None:
        self.server = server
        self.exchange = make_exchange("binance", server.port)
        self.called = forbid(self.exchange)
        self.log = MemoryLog()
        self.events: list[AnyEvent] = []
        self.trades: list[Traded] = []
        self.outcomes: Counter[str] = Counter()
        self.engine = PaperEngine(ExchangeState(Instruments([BTC])))
        self._moved = asyncio.Event()
        self._now_ms = server.captured.trades[0]["T"]
        self.log.follow(self._follow)
        self.source = PaperSource(
            CcxtFeed(self.exchange),
            self.engine,
            self.log,
            lambda: self._now_ms,
            Counter(),
            FUNDS,
            silence_ms_max=1 << 40,  # the clock follows the trades, the books come when they like
            new_backoff=lambda: Backoff(lambda delay_s: asyncio.sleep(delay_s / 10)),
        )

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until what was written is `enough`, and place orders meanwhile."""
        ordered = 0
        async with asyncio.timeout(WAIT_S):
            while not enough():
                self._moved.clear()
                await self._moved.wait()
                if len(self.trades) // ORDER_EVERY > ordered:
                    ordered = len(self.trades) // ORDER_EVERY
                    self._place("waiter", Side.BUY if ordered % 2 else Side.SELL, TimeInForce.GTC, 50 * LOT)
                    self._place("taker", Side.SELL if ordered % 2 else Side.BUY, TimeInForce.IOC, 1_000_000)

    def _place(self, user: str, side: Side, time_in_force: TimeInForce, quantity: int) -> None:
        """Place an order at the last price."""
        command = PlaceOrder(
            user=user,
            symbol=SYMBOL,
            side=side,
            type=OrderType.LIMIT,
            quantity=quantity,
            price=self.trades[-1].price,
            time_in_force=time_in_force,
        )
        self.source.submit(command, self._note)

    def _note(self, outcome: Outcome) -> None:
        self.outcomes["placed" if isinstance(outcome, Placed) else "refused"] += 1

    def _follow(self, batch: Batch) -> None:
        self.events += batch.events
        for event in batch.events:
            if isinstance(event, Traded):
                self.trades.append(event)
                self._now_ms = max(self._now_ms, event.time_ms)
                self.server.receive(len(self.trades))
        self._moved.set()


async def test_orders_meet_a_real_market_and_nothing_of_it_goes_outside() -> None:
    server = BinanceServer(Captured(recording(SPOT), UPDATES, TRADES))
    server.lost_before = {("trade", index) for index in (90, 250, 400)}
    server.garbage = {("trade", 200): '{"e":"trade","s":"BTCUSDT"}'}
    async with server.running():
        trading = PaperTrading(server)
        task = asyncio.create_task(trading.source.run())
        try:
            await trading.until(lambda: len(trading.trades) == TRADES)
            for done in server.done.values():
                await asyncio.wait_for(done.wait(), WAIT_S)
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled(), task.exception()
    check_market(trading)
    check_money(trading)
    check_supply(trading.events)
    assert trading.outcomes["placed"] > 10
    assert trading.called == []
    assert {path.partition("?")[0].rpartition("/")[2] for path in server.paths} == {"exchangeInfo", "depth"}
    assert server.methods == {"SUBSCRIBE"}
    assert not any(getattr(trading.exchange, key, None) for key in KEYS)


def check_market(trading: PaperTrading) -> None:
    """Assert that the public market is the exchange's, and that orders were filled in every way."""
    rows = [(trade.price, trade.quantity, trade.side, trade.time_ms) for trade in trading.trades]
    assert rows == sent(trading.server)
    assert all(not trade.maker_order and not trade.taker for trade in trading.trades)
    kinds = Counter(type(event) for event in trading.events)
    assert kinds[BookWithdrawn] >= 1
    assert kinds[BookReset] >= 1
    assert kinds[LevelsChanged] > 0
    fills = Counter((event.user, event.maker) for event in trading.events if isinstance(event, PaperFilled))
    assert fills["taker", False] > 0
    assert fills["waiter", True] > 0


def check_money(trading: PaperTrading) -> None:
    """Assert that no money was made or lost, and that the log alone leads to the same state."""
    state = trading.engine.state
    for currency, amount in FUNDS.items():
        held = sum(state.balance(user, currency).total for user in state.users)
        assert held + state.paper.outside[currency] == 2 * amount
        assert all(state.balance(user, currency).available >= 0 for user in state.users)
    replayed = ExchangeState(state.instruments)
    for event in trading.events:
        replayed.apply(event)
    assert replayed.state_hash() == state.state_hash()
