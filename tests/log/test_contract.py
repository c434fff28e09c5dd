"""What every event log does: each implementation is a parameter here."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from finalex.log.memory import MemoryLog
from finalex.log.port import Log, LogProblem, LogRefusedError, LogTrimmedError
from finalex.log.sqlite import SqliteLog
from finalex.model.events import (
    AnyEvent,
    Batch,
    BookReset,
    BookWithdrawn,
    Credited,
    Debited,
    LevelsChanged,
    MarketStateChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    PaperFilled,
    PaperRested,
    Traded,
)
from finalex.model.orders import EndReason, OrderType, Side, TimeInForce
from finalex.model.rejects import RejectReason
from finalex.model.states import MarketState
from finalex.testing import FailingLog
from log.jetstream.written import empty_log
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

EVENT = BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=7)
ORDER: dict[str, Any] = {
    "order": 5,
    "user": "alice",
    "symbol": "BTC/USDT",
    "side": Side.BUY,
    "type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "post_only": True,
    "price": 10**9,
    "quantity": 2**63 - 1,
    "client_order_id": None,
    "time_ms": 1_700_000_000_000,
}
EVENTS: list[AnyEvent] = [
    OrderAccepted(**ORDER, locked=7),
    OrderRejected(**ORDER, reason=RejectReason.NO_LIQUIDITY),
    OrderRested(order=5, symbol="BTC/USDT", side=Side.SELL, price=1, quantity=2, time_ms=3),
    OrderEnded(
        order=5,
        user="Zoë",
        symbol="BTC/USDT",
        side=Side.SELL,
        price=1,
        quantity=2,
        rested=False,
        reason=EndReason.UNFILLED,
        time_ms=3,
    ),
    Traded(symbol="BTC/USDT", trade=9, price=1, quantity=2, side=Side.BUY, time_ms=3, maker="bob", maker_fee=4),
    Credited(user="alice", currency="BTC", amount=5, reference="demo", time_ms=6),
    Debited(user="alice", currency="BTC", amount=5, reference="out", time_ms=6),
    BookReset(symbol="BTC/USDT", bids=[(2, 1)], asks=[(3, 1), (4, 1)], time_ms=6),
    LevelsChanged(symbol="BTC/USDT", changes=[(Side.BUY, 2, 0)], time_ms=6),
    MarketStateChanged(symbol="BTC/USDT", state=MarketState.HALTED, reason="news", time_ms=6),
    PaperRested(order=9, symbol="BTC/USDT", side=Side.BUY, price=1, quantity=2, ahead=3, time_ms=6),
    PaperFilled(
        symbol="BTC/USDT",
        trade=1,
        order=9,
        user="ann",
        side=Side.BUY,
        price=1,
        quantity=2,
        maker=True,
        fee=3,
        level=0,
        time_ms=6,
    ),
    EVENT,
]


async def make_memory(_request: pytest.FixtureRequest, _directory: Path) -> Log:
    return MemoryLog()


async def make_failing(_request: pytest.FixtureRequest, _directory: Path) -> Log:
    return FailingLog()


async def make_sqlite(_request: pytest.FixtureRequest, directory: Path) -> Log:
    return SqliteLog(directory, asyncio.get_running_loop().call_soon_threadsafe)


async def make_jetstream(request: pytest.FixtureRequest, directory: Path) -> Log:
    servers: NatsServers = request.getfixturevalue("one_nats")
    return await empty_log(servers.address, directory.name)


MAKERS = [make_memory, make_failing, make_sqlite, make_jetstream]


@pytest.fixture(params=MAKERS, ids=[make.__name__.removeprefix("make_") for make in MAKERS])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    make: Callable[[pytest.FixtureRequest, Path], Awaitable[Log]] = request.param
    log = await make(request, tmp_path)
    yield log
    log.close()


async def settled(log: Log) -> bool:
    """Wait until everything appended is durable and followed."""
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    log.when_durable(log.sequence, done.set_result)
    return await done


async def test_a_new_log_is_empty(log: Log) -> None:
    assert (log.sequence, log.time_ms, log.problem, list(log.read(after=0))) == (0, 0, None, [])
    assert await settled(log)


async def test_sequences_start_at_one_and_grow_by_one(log: Log) -> None:
    assert [log.append(events, 10).sequence for events in ([], [EVENT], [], [EVENT, EVENT])] == [1, 2, 3, 4]
    assert log.sequence == 4


async def test_the_clock_never_goes_back(log: Log) -> None:
    times_ms = [log.append(events, at_ms).time_ms for events, at_ms in (([], 10), ([EVENT], 5), ([], 11), ([], 2))]
    assert times_ms == [10, 10, 11, 11]
    assert log.time_ms == 11


async def test_followers_get_every_batch_in_order_from_when_they_follow(log: Log) -> None:
    early: list[Batch] = []
    late: list[Batch] = []
    log.follow(early.append)
    first = log.append([EVENT], 1)
    await settled(log)
    log.follow(late.append)
    rest = [log.append([EVENT], 2), log.append([], 3), log.append([EVENT], 4), log.append([], 5)]
    await settled(log)

    assert early == [first, *rest]
    assert late == rest


async def test_followers_and_callbacks_are_called_in_the_thread_of_the_log(log: Log) -> None:
    threads: set[int] = set()
    log.follow(lambda batch: threads.add(threading.get_ident()))
    log.append([EVENT], 1)
    log.when_durable(1, lambda durable: threads.add(threading.get_ident()))
    await settled(log)

    assert threads == {threading.get_ident()}


async def test_callbacks_come_after_all_followers_and_before_the_next_batch(log: Log) -> None:
    happened: list[str] = []

    def follow(batch: Batch) -> None:
        happened.append(f"follow {batch.sequence}")
        if batch.sequence == 1:
            log.when_durable(1, lambda durable: happened.append("asked in between"))

    log.follow(follow)
    log.follow(lambda batch: happened.append(f"also {batch.sequence}"))
    log.append([EVENT], 1)
    log.append([EVENT], 2)
    log.when_durable(2, lambda durable: happened.append(f"second {durable}"))
    await settled(log)

    assert happened == ["follow 1", "also 1", "asked in between", "follow 2", "also 2", "second True"]


async def test_callbacks_of_one_batch_come_in_their_order(log: Log) -> None:
    happened: list[str] = []
    log.follow(lambda batch: log.when_durable(1, lambda durable: happened.append("follower's")))
    log.follow(lambda batch: log.when_durable(1, lambda durable: happened.append("second follower's")))
    log.append([EVENT], 1)
    await settled(log)

    assert happened == ["follower's", "second follower's"]


async def test_a_callback_for_what_is_durable_comes_at_once(log: Log) -> None:
    log.append([EVENT], 1)
    await settled(log)
    told: list[bool] = []
    log.when_durable(1, told.append)
    log.when_durable(0, told.append)

    assert told == [True, True]


async def test_a_callback_may_append(log: Log) -> None:
    seen: list[Batch] = []
    log.follow(seen.append)
    log.append([EVENT], 1)
    done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def answer(durable: bool) -> None:
        log.append([EVENT, EVENT], 2)
        log.append([], 3)
        log.when_durable(3, done.set_result)

    log.when_durable(1, answer)
    assert await done
    assert [(batch.sequence, len(batch.events)) for batch in seen] == [(1, 1), (2, 2), (3, 0)]


async def test_nobody_can_wait_for_what_was_not_appended(log: Log) -> None:
    log.append([EVENT], 1)
    with pytest.raises(ValueError, match="no batch 2"):
        log.when_durable(2, lambda durable: None)


async def test_what_was_appended_can_be_read_from_any_point(log: Log) -> None:
    batches = [log.append([EVENT] * count, count) for count in (0, 1, 2, 0, 3)]
    await settled(log)

    for after in range(6):
        assert list(log.read(after)) == batches[after:]


async def test_every_kind_of_event_is_read_back_as_it_was(log: Log) -> None:
    assert {type(event) for event in EVENTS} == set(AnyEvent.__args__)
    batch = log.append(EVENTS, 1_700_000_000_000)
    await settled(log)

    assert list(log.read(0)) == [batch]


async def test_a_trimmed_log_keeps_its_end(log: Log) -> None:
    batches = [log.append([EVENT], number) for number in range(5)]
    await settled(log)
    log.trim(3)

    assert list(log.read(3)) == batches[3:]


async def test_a_closed_log_takes_nothing_and_has_given_everything(log: Log) -> None:
    seen: list[Batch] = []
    told: list[bool] = []
    log.follow(seen.append)
    batches = [log.append([EVENT], 1), log.append([], 2), log.append([EVENT], 3), log.append([], 4)]
    log.when_durable(4, told.append)
    log.close()
    log.close()

    assert seen == batches
    assert told == [True]
    assert log.problem is LogProblem.CLOSED
    for events in ([], [EVENT]):
        with pytest.raises(LogRefusedError):
            log.append(events, 5)


def test_reading_what_memory_no_longer_keeps_is_an_error() -> None:
    log = MemoryLog(batches_max=2)
    batches = [log.append([], time_ms) for time_ms in range(4)]
    assert list(log.read(after=2)) == batches[2:]
    with pytest.raises(LogTrimmedError, match="up to 2"):
        log.read(after=1)
