"""The recaller reads the log again: everything that is wanted, in turns, and never for long."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from finalex import recaller
from finalex.archive import Beginning, NoArchive
from finalex.channels.past import HoleError, Past
from finalex.channels.places import TradePlace
from finalex.channels.resumable import Want
from finalex.log.port import LogError
from finalex.model.events import Batch, Traded
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.protocol.streams import Stream
from finalex.recaller import LogRecaller
from finalex.testing import FailingLog

SYMBOL = "BTC/USDT"
TRADES = Stream("trades", SYMBOL)


def trading(count: int) -> FailingLog:
    """Return a log with so many trades, each in a batch of its own."""
    log = FailingLog()
    for number in range(1, count + 1):
        event = Traded(symbol=SYMBOL, trade=number, price=1, quantity=1, side=Side.BUY, time_ms=number)
        log.append([event], number)
    return log


def wants(after: int, until: int) -> list[Want]:
    return [Want(TRADES, TradePlace(SYMBOL, after), until, until)]


async def told(recaller: LogRecaller, wanted: Sequence[Want]) -> list[str]:
    """Return the ids of all that is told."""
    async with recaller.recall(wanted) as recollection:
        assert list(recollection.found) == [True] * len(wanted)
        return [publication.id async for piece in recollection.pieces() for publication in piece]


async def found(recaller: LogRecaller, wanted: Sequence[Want]) -> list[bool]:
    async with recaller.recall(wanted) as recollection:
        if not any(recollection.found):
            assert [piece async for piece in recollection.pieces()] == []
        return list(recollection.found)


def ids(first: int, last: int) -> list[str]:
    return [f"trades:{SYMBOL}:{number}" for number in range(first, last + 1)]


@pytest.mark.parametrize("chunk", [1, 2, 1000])
async def test_it_tells_all_that_followed(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recaller, "BATCHES_READ", chunk)
    log = trading(20)
    assert await told(LogRecaller(log, Beginning(), DEFAULT_INSTRUMENTS), wants(5, 18)) == ids(6, 18)


async def test_many_messages_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recaller, "PIECE_MESSAGES", 3)
    monkeypatch.setattr(recaller, "SLICE_S", 60.0)
    async with LogRecaller(trading(10), Beginning(), DEFAULT_INSTRUMENTS).recall(wants(0, 10)) as recollection:
        assert [len(piece) async for piece in recollection.pieces()] == [3, 3, 3, 1]


async def test_others_have_their_turn_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recaller, "SLICE_S", 0.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await told(LogRecaller(trading(50), Beginning(), DEFAULT_INSTRUMENTS), wants(0, 50))
    counting.cancel()
    assert turns >= 50


async def test_the_log_is_read_in_another_thread_a_little_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recaller, "BATCHES_READ", 4)

    class Watched(FailingLog):
        def read(self, after: int) -> Iterator[Batch]:
            reads.append((after, threading.current_thread() is threading.main_thread()))
            return super().read(after)

    reads: list[tuple[int, bool]] = []
    log = Watched(trading(10).read(0))
    await told(LogRecaller(log, Beginning(), DEFAULT_INSTRUMENTS), wants(0, 10))
    assert reads == [(0, False), (4, False), (8, False)]


async def test_where_nothing_is_known_nothing_is_found() -> None:
    assert await found(LogRecaller(trading(5), NoArchive(), DEFAULT_INSTRUMENTS), wants(1, 5)) == [False]


async def test_what_is_too_old_or_too_much_is_not_found_and_the_rest_is() -> None:
    class Known:
        async def past(self, user: str) -> Past:
            return Past(3, {SYMBOL: 3})

    log = trading(10)
    recaller = LogRecaller(log, Known(), DEFAULT_INSTRUMENTS, messages_max=6)
    assert [await found(recaller, wants(after, 10)) for after in (2, 3, 4)] == [[False], [False], [True]]
    both = [*wants(9, 10), Want(Stream("trades", "ETH/USDT"), TradePlace("ETH/USDT", 0), 10, 7)]
    async with recaller.recall(both) as recollection:
        assert list(recollection.found) == [True, False]
        assert [p.id async for piece in recollection.pieces() for p in piece] == ids(10, 10)


async def test_a_log_that_has_lost_its_beginning_has_nothing_to_tell() -> None:
    log = trading(5)
    log.trim(2)
    assert await found(LogRecaller(log, Beginning(), DEFAULT_INSTRUMENTS), wants(3, 5)) == [False]


async def test_a_log_that_cannot_be_read_is_an_error() -> None:
    log = trading(5)
    log.fail_reads(LogError("broken"))
    with pytest.raises(LogError):
        await found(LogRecaller(log, Beginning(), DEFAULT_INSTRUMENTS), wants(3, 5))


async def test_a_log_that_fails_in_the_middle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recaller, "BATCHES_READ", 2)
    log = trading(5)
    async with LogRecaller(log, Beginning(), DEFAULT_INSTRUMENTS).recall(wants(0, 5)) as recollection:
        log.fail_reads(LogError("broken"))
        pieces: list[str] = []
        with pytest.raises(LogError):
            pieces.extend([p.id async for piece in recollection.pieces() for p in piece])


async def test_a_log_that_ends_too_early_is_an_error() -> None:
    with pytest.raises(HoleError):
        await told(LogRecaller(trading(5), Beginning(), DEFAULT_INSTRUMENTS), wants(3, 6))


# --- turns ---


class Held:
    """A recall that keeps its place until it is let go."""

    def __init__(self, recaller: LogRecaller) -> None:
        self.found: list[bool] | None = None
        self._entered, self._go = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._run(recaller))

    async def _run(self, recaller: LogRecaller) -> None:
        async with recaller.recall(wants(0, 5)) as recollection:
            self.found = list(recollection.found)
            self._entered.set()
            await self._go.wait()

    async def entered(self) -> None:
        """Wait until it has its turn."""
        await self._entered.wait()

    async def end(self) -> None:
        self._go.set()
        await self.task


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_so_many_read_at_once_and_the_others_wait_their_turn() -> None:
    recaller = LogRecaller(trading(5), Beginning(), DEFAULT_INSTRUMENTS, at_once_max=2)
    first, second, third, fourth = (Held(recaller) for _ in range(4))
    await asyncio.gather(first.entered(), second.entered())
    await settle()
    assert (third.found, fourth.found, recaller.waiting) == (None, None, 2)
    await second.end()
    await third.entered()
    assert fourth.found is None
    for held in (first, third, fourth):
        await held.end()
    assert recaller.waiting == 0


async def test_one_too_many_finds_nothing_at_once() -> None:
    recaller = LogRecaller(trading(5), Beginning(), DEFAULT_INSTRUMENTS, at_once_max=1, waiting_max=1)
    first, second = Held(recaller), Held(recaller)
    await first.entered()
    await settle()
    assert await found(recaller, wants(0, 5)) == [False]
    await first.end()
    await second.end()
    assert await found(recaller, wants(0, 5)) == [True]


async def test_whoever_gives_up_makes_room() -> None:
    recaller = LogRecaller(trading(5), Beginning(), DEFAULT_INSTRUMENTS, at_once_max=1, waiting_max=1)
    first, second = Held(recaller), Held(recaller)
    await first.entered()
    await settle()
    second.task.cancel()
    await settle()
    assert recaller.waiting == 0
    first.task.cancel()
    await settle()
    assert await found(recaller, wants(0, 5)) == [True]
