"""An upstream that is traded on paper: commands, the log, and what goes wrong with either."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from finalex.exchange.outcomes import Canceled, Failed, Outcome, Placed, Refused, Unavailable
from finalex.exchange.paper_engine import PaperEngine
from finalex.exchange.state import ExchangeState
from finalex.log.memory import MemoryLog
from finalex.log.port import LogProblem
from finalex.model.commands import CancelOrder, PlaceOrder, SetMarketState
from finalex.model.events import AnyEvent, Batch, BookReset, BookWithdrawn, PaperFilled, Traded
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderType, Side
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState
from finalex.sources.upstream.following import Backoff
from finalex.sources.upstream.paper import PaperSource
from finalex.sources.upstream.source import ALLOWED_LATENESS_MS, CLOCK_INTERVAL_MS
from finalex.testing import FailingLog
from sources.upstream.playing import BTC, LOST, START_MS, SYMBOL, FakeFeed, book, trade

WAIT_S = 20.0
"""How long a test waits for what must come; only a failing test waits so long."""

FUNDS = {"BTC": 10 * 10**8, "USDT": 10_000 * 10**8}


class Trading:
    """A source that trades a fake feed on paper, its log, and a clock moved by hand."""

    def __init__(self, log: MemoryLog | FailingLog | None = None, state: ExchangeState | None = None) -> None:
        self.now_ms = START_MS
        self.feed = FakeFeed()
        self.log = log or MemoryLog()
        self.batches: list[Batch] = []
        self.log.follow(self.batches.append)
        self.state = state or ExchangeState(Instruments([BTC]))
        self.source = PaperSource(
            self.feed,
            PaperEngine(self.state),
            self.log,
            lambda: self.now_ms,
            Counter(),
            FUNDS,
            new_backoff=lambda: Backoff(self._wait, lambda: 1.0),
        )

    @property
    def events(self) -> list[AnyEvent]:
        return [event for batch in self.batches for event in batch.events]

    def fills(self) -> list[tuple[int, int, bool]]:
        return [(e.price, e.quantity, e.maker) for e in self.events if isinstance(e, PaperFilled)]

    async def settle(self) -> None:
        """Let all tasks go as far as they can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def show(self, *bids: tuple[str, str], asks: Sequence[tuple[str, str]] = ()) -> None:
        self.feed.show(book(*bids, asks=asks))
        await self.settle()

    def place(self, side: Side, quantity: str, price: str) -> Outcome:
        command = PlaceOrder(
            user="alice",
            symbol=SYMBOL,
            side=side,
            type=OrderType.LIMIT,
            quantity=BTC.parse_quantity(quantity),
            price=BTC.parse_price(price),
        )
        replies: list[Outcome] = []
        self.source.submit(command, replies.append)
        [reply] = replies
        return reply

    async def _wait(self, _: float) -> None:
        await asyncio.sleep(0)


@asynccontextmanager
async def running(trading: Trading) -> AsyncIterator[Trading]:
    task = asyncio.create_task(trading.source.run())
    await trading.settle()
    try:
        yield trading
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def units(price: str, quantity: str) -> tuple[int, int]:
    return BTC.parse_price(price), BTC.parse_quantity(quantity)


async def test_an_order_is_refused_until_there_is_a_book() -> None:
    trading = Trading()
    before = trading.place(Side.BUY, "1", "100")
    assert isinstance(before, Refused)
    assert before.order.reject_reason is RejectReason.BOOK_STALE
    async with running(trading):
        assert isinstance(trading.place(Side.BUY, "1", "100"), Refused)
        await trading.show(("99", "1"))
        assert isinstance(trading.place(Side.BUY, "1", "100"), Placed)
        trading.feed.show(LOST)
        await trading.settle()
        assert isinstance(trading.place(Side.BUY, "1", "100"), Refused)


async def test_a_fill_is_in_the_batch_of_what_caused_it_and_is_no_public_trade() -> None:
    async with running(Trading()) as trading:
        await trading.show(("99", "1"), asks=[("101", "1")])
        trading.place(Side.BUY, "1", "100")
        trading.feed.tell(trade("1", "99", "0.4", Side.SELL), trade("2", "100", "0.4", Side.BUY))
        await trading.settle()
        batch = next(batch for batch in trading.batches if any(isinstance(e, Traded) for e in batch.events))
        assert [type(event) for event in batch.events] == [Traded, PaperFilled, Traded]
        assert trading.fills() == [(*units("100", "0.4"), True)]
        assert [event.quantity for event in trading.events if isinstance(event, Traded)] == [40_000_000] * 2


async def test_times_of_orders_are_ours_and_the_logs_clock_is_the_upstreams() -> None:
    async with running(Trading()) as trading:
        trading.now_ms += 5_000
        await trading.show(("99", "1"))
        outcome = trading.place(Side.BUY, "1", "100")
        assert isinstance(outcome, Placed)
        assert outcome.order.created_ms == START_MS + 5_000
        assert trading.log.time_ms == START_MS + 5_000 - ALLOWED_LATENESS_MS


async def test_a_trade_from_before_an_order_means_nothing_for_it() -> None:
    async with running(Trading()) as trading:
        await trading.show(("99", "1"))
        trading.now_ms += 500
        trading.place(Side.BUY, "1", "100")
        trading.feed.tell(trade("1", "90", "5", Side.SELL, at_ms=499))
        await trading.settle()
        assert trading.fills() == []
        trading.feed.tell(trade("2", "90", "5", Side.SELL, at_ms=500))
        await trading.settle()
        assert trading.fills() == [(*units("100", "1"), True)]


async def test_a_halted_market_fills_nothing_and_what_is_due_fills_when_it_opens() -> None:
    async with running(Trading()) as trading:
        await trading.show(("99", "1"), asks=[("101", "1")])
        trading.place(Side.BUY, "1", "100")
        trading.source.submit(SetMarketState(symbol=SYMBOL, state=MarketState.HALTED, reason="news"), lambda _: None)
        trading.feed.tell(trade("1", "90", "5", Side.SELL))
        await trading.show(("97", "1"), asks=[("98", "1")])
        assert trading.fills() == []
        trading.source.submit(SetMarketState(symbol=SYMBOL, state=MarketState.OPEN), lambda _: None)
        await trading.show(("97", "1"), asks=[("98", "0.5")])
        assert trading.fills() == [(*units("100", "0.5"), True)]


async def test_while_the_log_takes_nothing_the_upstream_is_not_heard_and_books_begin_anew() -> None:
    log = FailingLog()
    async with running(Trading(log)) as trading:
        await trading.show(("99", "1"))
        assert isinstance(trading.place(Side.BUY, "1", "95"), Placed)
        log.refuse(LogProblem.DISK_FULL)
        trading.feed.tell(trade("1", "90", "5", Side.SELL))
        await trading.show(("98", "1"))
        trading.source.tick()
        assert isinstance(trading.place(Side.BUY, "1", "96"), Unavailable)
        log.heal()
        trading.feed.tell(trade("2", "97", "1", Side.SELL))
        await trading.show(("97", "1"))
        kinds = [type(event) for event in trading.events if isinstance(event, BookReset | BookWithdrawn)]
        assert kinds == [BookWithdrawn, BookReset, BookWithdrawn, BookReset]
        assert [event.trade for event in trading.events if isinstance(event, Traded)] == [1]


async def test_a_log_that_cannot_be_written_at_first_is_waited_for() -> None:
    log = FailingLog()
    log.refuse(LogProblem.DISK_FULL)
    async with running(Trading(log)) as trading:
        assert trading.events == []
        log.heal()
        async with asyncio.timeout(WAIT_S):
            while not trading.events:  # noqa: ASYNC110 (the product needs no event for it)
                await asyncio.sleep(0)
        assert [type(event) for event in trading.events] == [BookWithdrawn]


async def test_once_an_append_has_failed_every_command_is_and_the_source_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    trading = Trading()
    task = asyncio.create_task(trading.source.run())
    await trading.settle()
    await trading.show(("99", "1"))

    def fail(*_: object) -> Batch:
        raise OverflowError("too large")

    monkeypatch.setattr(trading.log, "append", fail)
    assert isinstance(trading.place(Side.BUY, "1", "98"), Failed)
    trading.now_ms += CLOCK_INTERVAL_MS
    with pytest.raises(ExceptionGroup) as caught:
        await task
    assert caught.group_contains(OverflowError)
    assert isinstance(trading.place(Side.BUY, "1", "98"), Failed)


async def test_the_log_alone_leads_to_the_same_state_and_a_new_source_goes_on_from_there() -> None:
    async with running(Trading()) as trading:
        await trading.show(("99", "1"), asks=[("101", "1")])
        trading.place(Side.BUY, "0.5", "101")
        placed = trading.place(Side.BUY, "1", "99")
        trading.feed.tell(trade("1", "99", "0.25", Side.SELL))
        await trading.settle()
    replayed = ExchangeState(Instruments([BTC]))
    for event in trading.events:
        replayed.apply(event)
    assert replayed.state_hash() == trading.state.state_hash()
    async with running(Trading(state=replayed)) as later:
        await later.show(("99", "1"))
        later.feed.tell(trade("7", "99", "1", Side.SELL))
        await later.settle()
        assert [event.trade for event in later.events if isinstance(event, Traded)] == [2]
        assert later.fills() == [(*units("99", "0.25"), True)]
        assert isinstance(placed, Placed)
        outcomes: list[Outcome] = []
        later.source.submit(CancelOrder(user="alice", order_id=placed.order.id), outcomes.append)
        [canceled] = outcomes
        assert isinstance(canceled, Canceled)
        assert replayed.balance("alice", "USDT").locked == 0
