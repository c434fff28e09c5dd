"""The stream: what each step does, and that nothing gets in twice, or from a writer who is no longer the one."""

import itertools
import random
from collections.abc import AsyncIterator

import pytest
from nats.js.api import DiscardPolicy, RePublish, StorageType
from nats.js.errors import APIError

from finalex.bus.connection import connect
from finalex.bus.names import Names
from finalex.log.jetstream import envelope as envelopes
from finalex.log.jetstream.answers import FencedError, StreamAwayError, StreamFullError
from finalex.log.jetstream.stream import EXPECTED_HEADER, End, LogStream
from finalex.log.port import LogDamagedError, LogError, LogTrimmedError
from log.jetstream.written import BYTES_MAX, message, open_stream
from log.opened import event
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

CLUSTERS = (f"stream-{number}" for number in itertools.count())
E = [event(1)]


@pytest.fixture
async def stream(one_nats: NatsServers) -> AsyncIterator[LogStream]:
    async with open_stream(one_nats.address, next(CLUSTERS)) as stream:
        yield stream


async def contents(stream: LogStream) -> list[tuple[int, str, list[int]]]:
    return [
        (stored.stream_sequence, stored.writer, [batch.sequence for batch in stored.batches])
        for stored in await stream.read(0)
    ]


# --- making it ------------------------------------------------------------------------------------------


async def test_a_new_log_is_empty(stream: LogStream) -> None:
    assert await stream.end() == End(0, 0, 0, "", False, 0)
    assert (await stream.read(0), await stream.get(1), await stream.place(0), await stream.place(9)) == ([], None, 0, 0)


async def test_a_log_that_is_there_is_taken_and_gets_the_new_size(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    await stream.prepare(1, 2 * BYTES_MAX)

    assert (await stream.held()).bytes_max == 2 * BYTES_MAX
    assert (await stream.end()).sequence == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("storage", StorageType.MEMORY),
        ("discard", DiscardPolicy.OLD),
        ("republish", None),
        ("max_age", 60),
        ("max_msgs", 5),
        ("deny_delete", False),
    ],
)
async def test_a_stream_that_could_lose_something_is_no_log(stream: LogStream, setting: str, value: object) -> None:
    jetstream = stream.client.jetstream()
    names = Names(next(CLUSTERS))
    good = (await jetstream.stream_info(stream.names.log_stream)).config.evolve(
        name=names.log_stream,
        subjects=[names.log],
        republish=RePublish(src=names.log, dest=names.live),
        duplicate_window=0,
    )
    await jetstream.add_stream(good.evolve(**{setting: value}))

    with pytest.raises(LogError, match=rf"cannot be a log: its settings differ \({setting}\)"):
        await LogStream(stream.client, names).prepare(1, BYTES_MAX)


async def test_more_replicas_than_servers_are_refused(stream: LogStream) -> None:
    with pytest.raises(LogError, match=r"cannot be made: .*replicas"):
        await LogStream(stream.client, Names(next(CLUSTERS))).prepare(3, BYTES_MAX)


async def test_servers_that_take_small_messages_only_are_refused(stream: LogStream) -> None:
    stream.client._max_payload = 1000
    with pytest.raises(LogError, match=r"messages of up to 1000 bytes; set its max_payload to 1\d{6}"):
        await stream.prepare(1, BYTES_MAX)


async def test_without_a_stream_nothing_can_be_known(stream: LogStream) -> None:
    missing = LogStream(stream.client, Names(next(CLUSTERS)))
    with pytest.raises(StreamAwayError, match="There is no stream"):
        await missing.end()
    with pytest.raises(StreamAwayError):
        await missing.read(0)
    with pytest.raises(StreamAwayError):
        await missing.append(message(0, E), 0)


async def test_without_a_connection_nothing_is_sent_later(one_nats: NatsServers, stream: LogStream) -> None:
    client = await connect(one_nats.address, "test")
    cut_off = LogStream(client, stream.names)
    await client.close()
    for step in (cut_off.append(message(0, E), 0), cut_off.read(0), cut_off.end()):
        with pytest.raises(StreamAwayError):
            await step

    assert await stream.end() == End()


# --- appending ------------------------------------------------------------------------------------------


async def test_a_message_sent_twice_is_stored_once(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    await stream.append(message(0, E), 0)
    await stream.append(message(1, E, []), 1)

    assert await contents(stream) == [(1, "other", [1]), (2, "other", [2, 3])]
    assert await stream.end() == End(2, 3, 3, "other", False, 0)


async def test_a_copy_that_arrives_late_changes_nothing(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    await stream.append(message(1, E), 1)
    with pytest.raises(APIError, match="wrong last sequence"):
        await stream.client.jetstream().publish(stream.names.log, message(0, E), headers={EXPECTED_HEADER: "0"})

    assert [sequences for _, _, sequences in await contents(stream)] == [[1], [2]]


async def test_the_writer_who_comes_second_is_fenced_and_the_first_goes_on(stream: LogStream) -> None:
    await stream.append(message(0, E, writer="old"), 0)
    await stream.append(message(1, [], writer="new"), 1)
    with pytest.raises(FencedError, match="Another writer, 'new', appended to the log after message 1"):
        await stream.append(message(1, E, writer="old"), 1)
    await stream.append(message(2, E, writer="new"), 2)
    with pytest.raises(FencedError):
        await stream.append(message(1, E, E, writer="old"), 1)

    assert [writer for _, writer, _ in await contents(stream)] == ["old", "new", "new"]


async def test_a_writer_is_fenced_by_a_newer_release(stream: LogStream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "VERSION", 2)
    newer = message(0, [], writer="new")
    monkeypatch.setattr(envelopes, "VERSION", 1)
    await stream.append(newer, 0)
    with pytest.raises(FencedError):
        await stream.append(message(0, E, writer="old"), 0)


@pytest.mark.parametrize("question", ["held", "_leaders"])
async def test_a_message_that_arrives_while_it_is_asked_for_fences_nobody(
    stream: LogStream, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    ask, publish, content = getattr(stream, question), stream._publish, message(0, E)
    lost = [True]

    async def asked(*given: object) -> object:
        answer = await ask(*given)
        if (await ask_end()).last == 0:
            await publish(content, 0)
        return answer

    async def lose(content: bytes, expected: int) -> None:
        if lost:
            lost.pop()
            raise StreamAwayError("The message takes its time.")
        await publish(content, expected)

    ask_end = stream.held
    monkeypatch.setattr(stream, question, asked)
    monkeypatch.setattr(stream, "_publish", lose)
    with pytest.raises(StreamAwayError, match="was not stored"):
        await stream.append(content, 0)
    await stream.append(content, 0)

    assert [sequences for _, _, sequences in await contents(stream)] == [[1]]


async def test_a_writer_is_fenced_by_what_is_no_longer_kept(stream: LogStream) -> None:
    for number in range(4):
        await stream.append(message(number, E), number)
    await stream.purge(3)
    with pytest.raises(FencedError):
        await stream.append(message(1, E, writer="old"), 1)


async def test_a_log_that_ends_too_early_fences_nobody(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    with pytest.raises(StreamAwayError, match="ends at message 1: its end, up to message 5, is missing"):
        await stream.append(message(5, E), 5)


async def test_a_full_stream_says_so_until_something_is_deleted(stream: LogStream) -> None:
    await stream.prepare(1, 300_000)
    noise = [event(1, random.Random(1).randbytes(50_000).hex())]
    for number in range(5):
        await stream.append(message(number, noise), number)
    with pytest.raises(StreamFullError, match="The log on JetStream is full: maximum bytes exceeded"):
        await stream.append(message(5, noise), 5)
    assert (await stream.end()).sequence == 5

    await stream.purge(2)
    await stream.append(message(5, noise), 5)
    assert (await stream.end()).sequence == 6


# --- reading --------------------------------------------------------------------------------------------


async def test_a_place_is_right_before_what_is_wanted(stream: LogStream) -> None:
    previous = 0
    for number, count in enumerate((1, 3, 1, 2, 5, 1)):
        await stream.append(message(previous, *[E] * count), number)
        previous += count
    messages = await stream.read(0)

    for sequence in range(previous + 3):
        place = await stream.place(sequence)
        assert [stored.sequence > sequence for stored in messages] == [number >= place for number in range(6)]


async def test_what_is_no_longer_kept_is_told_from_what_is(stream: LogStream) -> None:
    for number in range(6):
        await stream.append(message(2 * number, E, E), number)
    await stream.purge(3)

    assert (await stream.place(6), await stream.place(7)) == (3, 3)
    assert [stored.sequence for stored in await stream.read(3)] == [8, 10, 12]
    with pytest.raises(LogTrimmedError, match="Batches up to 6 are no longer kept"):
        await stream.place(5)
    with pytest.raises(LogTrimmedError, match="no longer keeps message 3"):
        await stream.read(2)


async def test_a_log_is_read_in_pieces(stream: LogStream) -> None:
    for number in range(600):
        await stream.append(message(number, []), number)
    sizes, after = [], 0
    while piece := await stream.read(after):
        assert [stored.stream_sequence for stored in piece] == list(range(after + 1, after + 1 + len(piece)))
        sizes.append(len(piece))
        after = piece[-1].stream_sequence

    assert (after, len(sizes)) == (600, 3)


async def test_large_messages_come_few_at_a_time(stream: LogStream) -> None:
    noise = [event(1, random.Random(1).randbytes(400_000).hex())]
    for number in range(14):
        await stream.append(message(number, noise), number)

    assert 5 < len(await stream.read(0)) < 14


async def test_a_damaged_message_is_read_by_nobody(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    data = bytearray(message(1, E))
    data[-5] ^= 1
    await stream.append(bytes(data), 1)

    for reading in (stream.read(1), stream.end(), stream.get(2)):
        with pytest.raises(LogDamagedError, match="damaged at message 2: a checksum is wrong"):
            await reading


async def test_an_emptied_stream_is_no_new_log(stream: LogStream) -> None:
    await stream.append(message(0, E), 0)
    await stream.purge(1)
    with pytest.raises(LogDamagedError, match="all 1 messages have been deleted"):
        await stream.end()
