"""An upstream as a source: its markets in the log, right or withdrawn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from finalex.exchange.outcomes import Canceled, Done, NotFound, Outcome, Refused
from finalex.model.commands import CancelAllOrders, CancelOrder, Credit, PlaceOrder
from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged, Traded
from finalex.model.orders import OrderType, Side
from finalex.model.rejects import RejectReason
from finalex.sources.upstream.port import UpstreamError
from finalex.sources.upstream.source import ALLOWED_LATENESS_MS, CLOCK_INTERVAL_MS
from sources.upstream.playing import LOST, START_MS, SYMBOL, FakeFeed, Playing, book, trade


@asynccontextmanager
async def running(playing: Playing) -> AsyncIterator[Playing]:
    task = asyncio.create_task(playing.source.run())
    await playing.settle()
    try:
        yield playing
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert playing.feed.closed


def kinds(events: list[AnyEvent]) -> list[type[AnyEvent]]:
    return [type(event) for event in events]


async def test_there_is_no_book_until_the_exchange_shows_one() -> None:
    async with running(Playing(symbols=(SYMBOL, "ETH/USDT"))) as playing:
        assert kinds(list(playing.batches[0].events)) == [BookWithdrawn, BookWithdrawn]
        assert playing.source.live == {SYMBOL: False, "ETH/USDT": False}
        playing.feed.show(book(("100", "1")))
        await playing.settle()
        assert playing.source.live == {SYMBOL: True, "ETH/USDT": False}
        assert playing.problems == {"upstream_missing": 1}


async def test_books_and_trades_become_events() -> None:
    async with running(Playing()) as playing:
        playing.feed.show(book(("100", "1"), asks=[("101", "1")]))
        playing.feed.show(book(("100", "2"), asks=[("101", "1")]))
        playing.feed.show(book(("100", "2"), asks=[("101", "1")]))
        playing.feed.tell(trade("1", "101"), trade("2", "101"))
        await playing.settle()
        assert sorted(kind.__name__ for kind in kinds(playing.events)) == [
            "BookReset",
            "LevelsChanged",
            "Traded",
            "Traded",
        ]
        assert all(batch.events for batch in playing.batches)
        assert playing.problems == {}


async def test_the_logs_clock_is_ours_and_a_little_behind() -> None:
    async with running(Playing()) as playing:
        playing.now_ms += 5_000
        playing.feed.show(book(("100", "1"), at_ms=4_900))
        playing.feed.tell(trade("1", at_ms=4_950))
        await playing.settle()
        assert {batch.time_ms for batch in playing.batches[1:]} == {START_MS + 5_000 - ALLOWED_LATENESS_MS}
        assert sorted(event.time_ms - START_MS for event in playing.events) == [4_900, 4_950]


async def test_a_trade_that_comes_too_late_is_raised_to_the_logs_clock() -> None:
    async with running(Playing()) as playing:
        playing.now_ms += 5_000
        playing.feed.tell(trade("1", at_ms=100))
        await playing.settle()
        [event] = playing.events
        assert event.time_ms == playing.log.time_ms == START_MS + 4_000
        assert playing.problems == {"upstream_late": 1}


async def test_a_book_whose_stream_breaks_is_withdrawn_until_it_is_back() -> None:
    async with running(Playing()) as playing:
        playing.feed.show(book(("100", "1"), number=9))
        playing.feed.show(LOST)
        playing.feed.show(book(("100", "2"), number=1))
        await playing.settle()
        assert kinds(playing.events) == [BookReset, BookWithdrawn, BookReset]
        assert isinstance(playing.events[1], BookWithdrawn)
        assert playing.events[1].reason == "the upstream is disconnected: lost"
        assert playing.feed.opened["books", SYMBOL] == 2
        assert playing.delays == [1.0]
        assert playing.problems == {"upstream_disconnected": 1}


async def test_trades_that_are_sent_again_after_a_break_count_once() -> None:
    async with running(Playing()) as playing:
        playing.feed.show(book(("100", "1")))
        playing.feed.tell(trade("1"), trade("2"))
        playing.feed.lose_trades()
        playing.feed.tell(trade("1"), trade("2"), trade("3"))
        await playing.settle()
        assert [event.trade for event in playing.events if isinstance(event, Traded)] == [1, 2, 3]
        assert playing.source.live[SYMBOL]
        assert playing.problems == {"upstream_disconnected": 1, "upstream_repeated": 2}


async def test_a_silent_book_is_withdrawn_until_something_is_heard() -> None:
    async with running(Playing(silence_ms=30_000)) as playing:
        playing.feed.show(book(("100", "1")))
        await playing.settle()
        playing.now_ms += 30_000
        playing.source.tick()
        assert playing.source.live[SYMBOL]
        playing.now_ms += 1
        playing.source.tick()
        playing.source.tick()
        assert not playing.source.live[SYMBOL]
        assert playing.problems == {"upstream_silent": 1}
        playing.feed.show(book(("100", "1")))
        await playing.settle()
        assert kinds(playing.events) == [BookReset, BookWithdrawn, BookReset]


async def test_a_book_that_is_heard_of_without_a_change_is_not_silent() -> None:
    async with running(Playing(silence_ms=1_000)) as playing:
        for _ in range(3):
            playing.feed.show(book(("100", "1")))
            await playing.settle()
            playing.now_ms += 1_000
            playing.source.tick()
        assert kinds(playing.events) == [BookReset]


async def test_one_market_goes_on_while_another_is_lost() -> None:
    feed = FakeFeed((SYMBOL, "ETH/USDT"))
    async with running(Playing(feed, symbols=(SYMBOL, "ETH/USDT"))) as playing:
        feed.show(book(("100", "1")))
        feed.show(book(("100", "1")), "ETH/USDT")
        await playing.settle()
        feed.show(LOST)
        feed.show(book(("100", "2")), "ETH/USDT")
        await playing.settle()
        assert playing.source.live == {SYMBOL: False, "ETH/USDT": True}
        assert kinds(playing.events)[-1] in (BookWithdrawn, LevelsChanged)


async def test_an_exchange_that_cannot_be_reached_is_tried_again() -> None:
    feed = FakeFeed()
    feed.unreachable = 3
    feed.show(book(("100", "1")))
    async with running(Playing(feed)) as playing:
        assert playing.delays == [1.0, 2.0, 4.0]
        assert kinds(playing.events) == [BookReset]


async def test_an_exchange_without_any_of_the_markets_ends_the_source() -> None:
    playing = Playing(FakeFeed(()))
    with pytest.raises(ExceptionGroup) as caught:
        await playing.source.run()
    assert caught.group_contains(UpstreamError, match="fake has none of the markets BTC/USDT")
    assert playing.feed.closed


async def test_time_goes_on_without_events() -> None:
    playing = Playing()
    playing.source.tick()
    begun = len(playing.batches)
    playing.now_ms += CLOCK_INTERVAL_MS - 1
    playing.source.tick()
    assert len(playing.batches) == begun
    playing.now_ms += 1
    playing.source.tick()
    assert playing.batches[-1].events == ()
    assert playing.log.time_ms == playing.now_ms - ALLOWED_LATENESS_MS


def test_no_orders_are_taken() -> None:
    source = Playing().source
    replies: list[Outcome] = []
    order = PlaceOrder(user="alice", symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, quantity=1, price=1)
    source.open_account("alice")
    source.submit(order, replies.append)
    source.submit(CancelOrder(user="alice", order_id="1"), replies.append)
    source.submit(CancelAllOrders(user="alice"), replies.append)
    source.submit(Credit(user="alice", currency="BTC", amount=1, reference="r"), replies.append)
    assert not source.trading
    refused, *others = replies
    assert isinstance(refused, Refused)
    assert refused.order.reject_reason is RejectReason.TRADING_DISABLED
    assert others == [NotFound(), Canceled(()), Done()]
