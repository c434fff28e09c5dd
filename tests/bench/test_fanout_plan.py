"""Plans and frames of the fan-out benchmark."""

from collections import Counter

import pytest
from bench.fanout import workloads
from bench.fanout.ours import Finalex
from bench.fanout.plan import Course, Kind, Server, encode_plan
from bench.fanout.target import Nats, Nchan, Small, numbered_message, text_frame
from bench.fanout.workloads import Audience

TICKS = (((0, 40), (1, 50)), ((1, 60),))
SERVER = Server(port=1, trigger_port=2, processes=(3, 4))


@pytest.mark.parametrize(("size", "header"), [(125, b"\x81\xfd"), (126, b"\x81\xfe\x00\x7e"), (70_000, b"\x81\xff")])
def test_a_frame_has_the_shortest_header_for_its_text(size: int, header: bytes) -> None:
    frame = text_frame(b"x" * size)

    assert frame.startswith(header)
    assert frame.endswith(bytes(4) + b"x" * size)


def test_a_numbered_message_has_exactly_its_size_and_room_for_the_number() -> None:
    message, offset = numbered_message(7, 60)

    assert len(message) == 60
    assert message.startswith(b'{"id":"s7:0000000000","pad":"xx')
    assert message[offset : offset + 10] == b"0000000000"


def test_a_message_too_short_for_its_number_is_refused() -> None:
    with pytest.raises(ValueError, match="as short as 20"):
        numbered_message(0, 20)


def test_a_small_trigger_names_stream_and_length_of_every_message() -> None:
    assert Small(TICKS).trigger(0).data == text_frame(b"t 0 40 1 50")


@pytest.mark.parametrize("speech", [Nats(TICKS), Nchan(TICKS)])
def test_triggers_that_carry_messages_are_patched_where_the_numbers_are(speech: Small) -> None:
    trigger = speech.trigger(0)

    assert [stream for stream, _ in trigger.patches] == [0, 1]
    assert all(trigger.data[offset : offset + 10] == b"0" * 10 for _, offset in trigger.patches)


def test_a_plan_says_who_connects_and_what_each_tick_causes() -> None:
    plan = encode_plan(Small(TICKS), [Audience(8, (0, 1))], TICKS, SERVER, Course(0.1, (1.0,)))
    lines = plan.split(b"\n")

    assert plan.startswith(b"finalex-load 1\nhost 127.0.0.1\nports 1 2\n")
    assert b"processes 2 3 4" in lines
    assert b"1 s1:" in lines
    assert any(line.startswith(b"8 %d 1 2 0 1 " % Kind.STEADY) for line in lines)
    assert b"0 0 1 1 %d" % len(text_frame(b"t 0 40 1 50")) in lines


def test_a_share_of_the_clients_can_be_slow_or_come_and_go() -> None:
    slow = Course(0.1, (1.0,), special_share=0.25, slow_from_s=0.2, slow_to_s=0.6)
    churning = Course(0.1, (1.0,), special_share=0.25, churn_per_s=5)
    plans = [encode_plan(Small(TICKS), [Audience(8, (0,))], TICKS, SERVER, course) for course in (slow, churning)]

    assert [b"\n6 0 1 1 0 " in plan for plan in plans] == [True, True]
    assert [b"\n2 %d 1 1 0 " % kind in plans[place] for place, kind in enumerate((Kind.SLOW, Kind.CHURNING))] == [
        True
    ] * 2


def test_ticks_of_one_market_have_eight_messages_on_average() -> None:
    workload = workloads.ticks(3)
    channels = [Counter(workload.subscriptions[stream].channel for stream, _ in tick) for tick in workload.ticks]

    assert channels == [{"orderbook": 4, "ticker": 1}, {"orderbook": 4, "trades": 4, "ticker": 1, "kline": 2}]


def test_single_ticks_have_one_message() -> None:
    assert [len(tick) for tick in workloads.single(3).ticks] == [1, 1]


def test_mixed_clients_have_sets_of_their_own() -> None:
    audiences = workloads.mixed(20).audiences

    assert {audience.clients for audience in audiences} == {1}
    assert {len(set(audience.streams)) for audience in audiences} == {workloads.MIXED_STREAMS}
    assert len({audience.streams for audience in audiences}) == 20


def test_our_streams_are_told_apart_by_how_ids_begin() -> None:
    speech = Finalex(workloads.ticks(1))
    streams = range(len(speech.workload.subscriptions))

    assert [speech.prefix(stream).partition(":")[0] for stream in streams if speech.contiguous(stream)] == [
        "trades",
        "orderbook",
    ]
    assert speech.prefix(1) == "orderbook:C00/USDT:20:"
