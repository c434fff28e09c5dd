"""An external engine as the source: everything it says once, in order, whatever happens."""

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finalex.log.port import LogProblem
from finalex.model.events import Credited
from finalex.sources import external as module
from finalex.sources.external import AHEAD_MS_MAX, ALLOWED_LATENESS_MS
from finalex.sources.external_port import InputAwayError, InputMissingError
from support.external import PositionedLog, StoredMessages, message
from support.external_node import (
    NOW_MS,
    Node,
    credit,
    leading,
    running,
)


async def test_each_message_becomes_one_batch_with_its_position() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1), credit(2)], NOW_MS - 5))
        node.stream.publish(message([credit(3)], NOW_MS))
        await node.looked_at(2)

    first, second = node.log.happened
    assert [event.reference for event in (*first, *second) if isinstance(event, Credited)] == [
        *("ann-USDT-1", "ann-USDT-2", "ann-USDT-3")
    ]
    assert [node.log.positions[batch.sequence] for batch in node.log.read(0) if batch.events] == [1, 2]
    assert [batch.time_ms for batch in node.log.read(0) if batch.events] == [NOW_MS - 5, NOW_MS]


async def test_a_bad_message_is_set_aside_whole_and_the_next_is_taken() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1)], NOW_MS))
        node.stream.publish(message([credit(2), credit(1)], NOW_MS))
        node.stream.publish(b"nonsense")
        node.stream.publish(message([credit(2)], NOW_MS))
        await node.looked_at(4)

    assert [len(events) for events in node.log.happened] == [1, 1]
    assert list(node.stream.dead) == [2, 3]
    assert node.stream.dead[2] == "events[1] (credited): ann has had a booking with this reference"
    assert (node.source.taken, node.source.refused) == (2, 2)


async def test_a_time_too_far_ahead_is_refused_and_one_that_is_over_raised() -> None:
    async with leading() as node:
        node.stream.publish(message([credit(1)], NOW_MS + AHEAD_MS_MAX + 1))
        node.stream.publish(message([credit(2)], NOW_MS + AHEAD_MS_MAX))
        node.stream.publish(message([credit(3)], NOW_MS - 60_000))
        await node.looked_at(3)

    times_ms = [batch.time_ms for batch in node.log.read(0) if batch.events]
    assert times_ms == [NOW_MS + AHEAD_MS_MAX] * 2
    assert node.log.happened[1][0].time_ms == NOW_MS + AHEAD_MS_MAX
    assert "in the future" in node.stream.dead[1]


async def test_the_clock_waits_for_messages_that_are_still_to_be_read_and_then_goes_on() -> None:
    node = Node(PositionedLog(), StoredMessages(piece=1))
    for number in range(3):
        node.stream.publish(message([credit(number)], NOW_MS - 60_000 + number))
    node.source.tick()
    assert node.log.time_ms == 0
    async with running(node):
        await node.looked_at(3)
        assert [batch.time_ms for batch in node.log.read(0) if batch.events] == [NOW_MS - 60_000 + n for n in range(3)]
        await asyncio.sleep(0)
        node.now_ms += 1_000
        node.source.tick()

    assert node.log.time_ms == NOW_MS + 1_000 - ALLOWED_LATENESS_MS


async def test_while_the_log_takes_nothing_messages_wait() -> None:
    async with leading() as node:
        node.log.refuse(LogProblem.DISK_FULL)
        node.stream.publish(message([credit(1)], NOW_MS))
        for _ in range(20):
            await asyncio.sleep(0)
        assert node.source.position == 0
        node.log.heal()
        await node.looked_at(1)

    assert len(node.log.happened) == 1


async def test_storage_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0)
    async with leading() as node:
        node.stream.failures = [InputAwayError("no leader")] * 3
        node.stream.publish(b"nonsense")
        node.stream.publish(message([credit(1)], NOW_MS))
        await node.looked_at(2)

    assert list(node.stream.dead) == [1]
    assert len(node.log.happened) == 1


async def test_messages_that_are_gone_end_the_source_with_a_reason() -> None:
    node = Node(PositionedLog(), StoredMessages())
    node.stream.publish(message([credit(1)], NOW_MS))
    node.stream.publish(message([credit(2)], NOW_MS))
    del node.stream.messages[0]
    node.stream.publish(message([credit(3)], NOW_MS))

    with pytest.raises(InputMissingError, match="next message of the external engine is 2, but 1 was never"):
        await node.source.run()


async def test_what_is_long_taken_in_may_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_MESSAGES", 3)
    async with leading() as node:
        for number in range(9):
            node.stream.publish(message([credit(number)], NOW_MS))
        while node.stream.forgotten < 3:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0)
        assert node.stream.forgotten <= 6


class Story(msgspec.Struct):
    """What happens to a cluster: messages that are good or not, and engines that die."""

    steps: list[str]


stories = st.lists(st.sampled_from(["good", "good", "bad", "run", "hold", "heal", "crash"]), max_size=40).map(Story)


@given(stories)
@settings(max_examples=150)
def test_whenever_engines_die_everything_is_in_the_log_once_and_in_order(story: Story) -> None:
    asyncio.run(_check_exactly_once(story))


async def _check_exactly_once(story: Story) -> None:
    stream, log = StoredMessages(piece=2), PositionedLog()
    references: list[str] = []
    bad: list[int] = []
    steps = iter([*story.steps, "heal", "crash", "finish"])
    while True:
        node = Node(log, stream)
        async with running(node):
            for step in steps:
                if step == "crash":
                    break
                await _take_step(step, node, references, bad)
            else:
                break
        log = node.log.crashed()
    taken = [event.reference for events in log.happened for event in events if isinstance(event, Credited)]
    assert taken == references
    assert list(stream.dead) == bad
    assert log.position == len(stream.messages)


async def _take_step(step: str, node: Node, references: list[str], bad: list[int]) -> None:
    if step == "good":
        event = credit(len(node.stream.messages))
        node.stream.publish(message([event], NOW_MS))
        references.append(event["reference"])
    elif step == "bad":
        bad.append(node.stream.publish(b"{}"))
    elif step == "run":
        for _ in range(5):
            await asyncio.sleep(0)
    elif step == "hold":
        node.log.hold()
    elif step == "heal":
        node.log.heal()
    else:
        await node.looked_at(len(node.stream.messages))
        node.now_ms += 1_000
        node.source.tick()
