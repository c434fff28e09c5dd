"""The log on JetStream as its writer sees it: what the contract does not say."""

import itertools
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from finalex.log.jetstream.limits import RECORD_BYTES_MAX
from finalex.log.jetstream.log import JetStreamLog
from finalex.log.jetstream.stream import End, LogStream
from finalex.log.port import LogError, LogProblem, LogRefusedError
from finalex.model.events import Batch
from log.jetstream.line import Line
from log.jetstream.written import LIMITS, durable, noise, open_log, open_stream, stored, until
from log.opened import event
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"log-{number}" for number in itertools.count())
E = [event(1)]


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line(monkeypatch)
    yield line
    line.release()


@pytest.fixture
async def log(one_nats: NatsServers, stream: LogStream, line: Line) -> AsyncIterator[JetStreamLog]:
    log = await open_log(one_nats.address, stream)
    yield log
    line.release()
    log.close()


# --- going on -------------------------------------------------------------------------------------------


async def test_the_next_writer_goes_on_where_the_log_ended(one_nats: NatsServers, stream: LogStream) -> None:
    first = await open_log(one_nats.address, stream)
    batches = [first.append(events, 10) for events in (E, [], E)]
    first.close()
    second = await open_log(one_nats.address, stream, "second")
    batches.append(second.append(E, 5))
    second.close()

    assert [(batch.sequence, batch.time_ms) for batch in batches] == [(1, 10), (2, 10), (3, 10), (4, 10)]
    assert await stored(stream) == batches
    assert [each.writer for each in await stream.read(0)][-1] == "second"


async def test_a_writer_who_leaves_says_so_in_its_last_message(one_nats: NatsServers, stream: LogStream) -> None:
    log = await open_log(one_nats.address, stream)
    seen: list[Batch] = []
    log.follow(seen.append)
    log.append(E, 10)
    log.close(leaving=True)
    end = await stream.end()

    assert end == End(end.stream_sequence, 2, 10, "first", True, 0)
    assert await stored(stream) == seen
    assert [each.leaving for each in await stream.read(0)][:-1] == [False] * (end.stream_sequence - 1)


async def test_how_far_external_input_was_consumed_is_stored_with_what_came_of_it(
    one_nats: NatsServers, stream: LogStream, log: JetStreamLog, line: Line
) -> None:
    line.hold()
    log.append(E, 1)
    await line.until_held()
    log.position = 5
    log.append(E, 2)
    log.position = 7
    log.append([], 3)
    log.position = 8
    line.release()
    await durable(log)

    assert [each.position for each in await stream.read(0)] == [0, 7]
    assert (await open_log(one_nats.address, stream, "second")).position == 7


async def test_what_is_appended_while_a_message_is_under_way_goes_together(
    stream: LogStream, log: JetStreamLog, line: Line
) -> None:
    line.hold()
    batches = [log.append(E, 1)]
    await line.until_held()
    batches += [log.append(E, number) for number in range(2, 2000)]
    line.release()
    await durable(log)

    assert line.sent == [[1], list(range(2, 2000))]
    assert await stored(stream) == batches


async def test_time_that_waits_is_told_once(stream: LogStream, log: JetStreamLog, line: Line) -> None:
    seen: list[Batch] = []
    log.follow(seen.append)
    line.hold()
    log.append(E, 1)
    await line.until_held()
    times = [log.append([], time_ms) for time_ms in (10, 20, 30)]
    log.append(E, 31)
    log.append([], 40)
    line.release()
    await durable(log)

    assert [(batch.sequence, batch.time_ms) for batch in times] == [(2, 10), (2, 20), (2, 30)]
    assert [(batch.sequence, batch.time_ms) for batch in seen] == [(1, 1), (2, 30), (3, 31), (4, 40)]
    assert await stored(stream) == seen


# --- once and not twice ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("messages_lost", "answers_lost", "copies"), [(3, 0, 0), (0, 1, 0), (2, 2, 1), (0, 0, 2)])
async def test_what_the_line_loses_or_doubles_is_stored_once(
    stream: LogStream, log: JetStreamLog, line: Line, messages_lost: int, answers_lost: int, copies: int
) -> None:
    line.copies = copies
    batches: list[Batch] = []
    for number in range(5):
        line.messages_lost, line.answers_lost = messages_lost, answers_lost
        batches.append(log.append([event(number)], number))
        assert await durable(log)

    assert await stored(stream) == batches
    assert len(line.sent) == 5 * (messages_lost + 1)


# --- fenced ---------------------------------------------------------------------------------------------


async def test_a_writer_that_was_held_up_stores_nothing_after_another_began(
    one_nats: NatsServers, stream: LogStream, line: Line
) -> None:
    fenced: list[LogProblem | None] = []
    old = await open_log(one_nats.address, stream, on_fenced=lambda: fenced.append(old.problem))
    old.append(E, 1)
    await durable(old)
    line.hold()
    old.append([event(66)], 2)
    await line.until_held()
    new = await open_log(one_nats.address, stream, "second")
    new.append([], 3)
    await durable(new)
    line.release()
    told: list[bool] = []
    old.when_durable(2, told.append)
    await until(lambda: fenced)

    with pytest.raises(LogRefusedError):
        old.append(E, 4)
    assert [old.append([], time_ms).sequence for time_ms in (5, 6, 7)] == [3, 3, 3]
    old.close(leaving=True)
    new.append(E, 8)
    assert await durable(new)
    assert (fenced, told) == ([LogProblem.FENCED], [False])
    assert {each.writer: each.sequence for each in await stream.read(0)} == {"first": 1, "second": 3}
    new.close()


async def test_of_two_who_begin_at_one_place_one_is_fenced(one_nats: NatsServers, stream: LogStream) -> None:
    logs = [await open_log(one_nats.address, stream, writer) for writer in ("first", "second")]
    for log in logs:
        log.append([], 1)
    await until(lambda: LogProblem.FENCED in [log.problem for log in logs])
    winner = next(log for log in logs if log.problem is None)
    winner.append(E, 2)

    assert await durable(winner)
    for log in logs:
        log.close()
    assert len({each.writer for each in await stream.read(0)}) == 1


# --- storage that fails ---------------------------------------------------------------------------------


async def test_while_nothing_arrives_events_are_refused_and_time_waits(
    one_nats: NatsServers, stream: LogStream, line: Line
) -> None:
    log = await open_log(one_nats.address, stream, limits=msgspec.structs.replace(LIMITS, failed_ms=0))
    seen: list[Batch] = []
    log.follow(seen.append)
    line.messages_lost = 1_000_000
    log.append(E, 1)
    await until(lambda: log.problem is LogProblem.STORAGE_FAILED)
    with pytest.raises(LogRefusedError):
        log.append(E, 2)
    assert [log.append([], time_ms).sequence for time_ms in (3, 4, 5)] == [2, 2, 2]
    assert seen == []

    line.messages_lost = 0
    await until(lambda: log.problem is None)
    log.append(E, 6)
    log.close()
    assert [(batch.sequence, batch.time_ms) for batch in seen] == [(1, 1), (2, 5), (3, 6)]
    assert await stored(stream) == seen


async def test_more_than_may_wait_is_a_problem_until_it_is_stored(
    one_nats: NatsServers, stream: LogStream, line: Line
) -> None:
    log = await open_log(one_nats.address, stream, limits=msgspec.structs.replace(LIMITS, pending_bytes_max=100))
    line.hold()
    log.append(noise(60), 1)
    assert [log.problem] == [LogProblem.STORAGE_SLOW]
    with pytest.raises(LogRefusedError):
        log.append(E, 2)
    line.release()
    await durable(log)

    assert [log.problem] == [None]
    log.close()


async def test_a_batch_that_no_message_can_hold_is_refused_and_nothing_else(
    stream: LogStream, log: JetStreamLog
) -> None:
    log.append(E, 1)
    with pytest.raises(ValueError, match="one batch would need a message of 2"):
        log.append(noise(2_000_000), 2)
    batch = log.append([event(3, "x" * 4_000_000)], 3)
    log.append(noise(RECORD_BYTES_MAX), 3)
    assert batch.sequence == 2
    assert await durable(log)

    assert [each.sequence for each in await stored(stream)] == [1, 2, 3]


async def test_a_log_may_be_opened_before_there_is_a_server(one_nats: NatsServers, stream: LogStream) -> None:
    address = msgspec.structs.replace(one_nats.address, servers=("nats://127.0.0.1:1",))
    limits = msgspec.structs.replace(LIMITS, failed_ms=0, close_timeout_ms=5000)
    log = JetStreamLog(address, stream.names, writer="w", after=End(), call_soon=lambda call: call(), limits=limits)
    told: list[bool] = []
    log.append(E, 1)
    log.when_durable(1, told.append)
    await until(lambda: log.problem is LogProblem.STORAGE_FAILED)
    log.close()

    assert told == [False]
    with pytest.raises(LogError, match="cannot be read"):
        log.read(0)


async def test_a_loop_that_is_gone_does_not_stop_the_writer(one_nats: NatsServers, stream: LogStream) -> None:
    def call_soon(callback: object) -> None:
        raise RuntimeError("Event loop is closed")

    log = JetStreamLog(one_nats.address, stream.names, writer="w", after=End(), call_soon=call_soon)
    log.append(E, 1)
    log.close()
    assert [batch.sequence for batch in await stored(stream)] == [1]
