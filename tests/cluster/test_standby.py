"""A standby: the state goes on with the log, and nobody leads only when nobody does."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from finalex.cluster.standby import LogLostError, Standby, UnknownMarketError
from finalex.ending import end_tasks
from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.stream import LogStream
from finalex.log.port import LogDamagedError, LogTrimmedError
from finalex.model.events import AnyEvent, BookReset, Credited, Debited
from finalex.model.markets import DEFAULT_INSTRUMENTS
from log.jetstream.written import message, open_stream, until
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"standby-{number}" for number in itertools.count())
LONG_MS, SHORT_MS = 600_000.0, 50.0


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


class Watch:
    """A standby that runs and waits for its turn."""

    def __init__(self, stream: LogStream, sequence: int = 0, silence_ms: float = LONG_MS) -> None:
        self.standby = Standby(stream, ExchangeState(DEFAULT_INSTRUMENTS), sequence)
        self.running = asyncio.create_task(self.standby.run())
        self.vacancy = asyncio.create_task(self.standby.vacancy(silence_ms))

    async def until(self, sequence: int) -> None:
        await until(lambda: self.running.done() or (self.standby.following and self.standby.sequence >= sequence))

    async def __aenter__(self) -> "Watch":
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_tasks(self.running, self.vacancy)


async def write(stream: LogStream, *events: AnyEvent, leaving: bool = False) -> int:
    """Append one message with one batch, and return its sequence."""
    end = await stream.end()
    await stream.append(message(end.sequence, events, leaving=leaving), end.stream_sequence)
    return end.sequence + 1


def credit(amount: int) -> Credited:
    return Credited(user="ann", currency="BTC", amount=amount, reference=str(amount), time_ms=1)


async def test_what_is_stored_becomes_its_state(stream: LogStream) -> None:
    await write(stream, credit(1))
    async with Watch(stream) as watch:
        await watch.until(1)
        await write(stream, credit(2))
        await watch.until(await write(stream, credit(4)))
        assert watch.standby.state.balance("ann", "BTC").total == 7
        assert watch.standby.lag == 0


async def test_nobody_leads_an_empty_log(stream: LogStream) -> None:
    async with Watch(stream) as watch:
        assert (await watch.vacancy).sequence == 0


async def test_somebody_leads_while_the_log_is_not_silent(stream: LogStream) -> None:
    await write(stream)
    async with Watch(stream) as watch:
        await watch.until(1)
        for _ in range(3):
            await watch.until(await write(stream))
            assert not watch.vacancy.done()


async def test_nobody_leads_once_the_writer_has_left(stream: LogStream) -> None:
    await write(stream)
    async with Watch(stream) as watch:
        await watch.until(1)
        left = await write(stream, leaving=True)
        end = await watch.vacancy
        assert (end.sequence, end.leaving) == (left, True)
        assert watch.standby.sequence == left


async def test_that_the_writer_had_left_before_counts_too(stream: LogStream) -> None:
    left = await write(stream, leaving=True)
    async with Watch(stream) as watch:
        assert (await watch.vacancy).sequence == left
    async with Watch(stream, sequence=left) as watch:  # a snapshot has everything
        assert (await watch.vacancy).sequence == left


async def test_a_writer_after_the_one_that_left_leads(stream: LogStream) -> None:
    await write(stream, leaving=True)
    last = await write(stream)
    async with Watch(stream) as watch:
        await watch.until(last)
        assert not watch.vacancy.done()


async def test_nobody_leads_after_a_silence(stream: LogStream) -> None:
    last = await write(stream, credit(1))
    async with Watch(stream, silence_ms=SHORT_MS) as watch:
        assert (await watch.vacancy).sequence == last
        assert watch.standby.state.balance("ann", "BTC").total == 1


async def test_a_log_that_ends_before_the_snapshot_is_lost(stream: LogStream) -> None:
    await write(stream)
    async with Watch(stream, sequence=7) as watch:
        with pytest.raises(LogLostError, match="of batch 7, but the log on JetStream ends at batch 1"):
            await watch.running


async def test_a_log_that_begins_after_the_snapshot_is_trimmed(stream: LogStream) -> None:
    for _ in range(3):
        await write(stream)
    await stream.purge(2)
    async with Watch(stream) as watch:
        with pytest.raises(LogTrimmedError):
            await watch.running


async def test_a_market_that_is_not_configured_is_named(stream: LogStream) -> None:
    await write(stream, BookReset(symbol="DOGE/USDT", bids=[], asks=[], time_ms=1))
    async with Watch(stream) as watch:
        with pytest.raises(UnknownMarketError, match="DOGE/USDT"):
            await watch.running


async def test_what_cannot_follow_is_damage(stream: LogStream) -> None:
    await write(stream, Debited(user="nobody", currency="BTC", amount=1, reference="r", time_ms=1))
    async with Watch(stream) as watch:
        with pytest.raises(LogDamagedError, match="batch 1 cannot follow"):
            await watch.running
