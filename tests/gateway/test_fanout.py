"""Publications reach the members of their streams: once, in order, and in as few writes as can be."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from finalex.gateway.fanout import WAITING_BYTES_MAX, Fanout
from finalex.metrics import Metrics
from finalex.protocol.messages import Publication, TradeData, encode_publication
from finalex.protocol.streams import Stream
from support.sockets import split_frames

BTC, ETH, SOL = (Stream("trades", symbol) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT"))
NOW_MS = 1_700_000_000_000


def publication(number: int, *streams: Stream, padding: int = 0) -> Publication:
    """Return the `number`th publication, on some streams."""
    data = TradeData(
        symbol=streams[0].symbol, trade_id=str(number) + " " * padding, price="1", quantity="1", side="buy", timestamp=1
    )
    return Publication(streams, f"{number}", "trade", data)


class Listener:
    """A member that keeps what is written to it, one entry a write."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.on_write: Callable[[], None] = lambda: None

    def write(self, frames: bytes) -> None:
        self.writes.append([number_in(frame.payload) for frame in split_frames(frames)])
        self.on_write()

    @property
    def seen(self) -> list[int]:
        return [number for write in self.writes for number in write]


def number_in(payload: bytes) -> int:
    """Return which publication a message is."""
    return int(payload.split(b'"', 4)[3])


class Loop:
    """Collects what is to be called soon."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """Let the loop turn once."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class TestOneTick:
    def setup_method(self) -> None:
        self.loop = Loop()
        self.metrics = Metrics()
        self.fanout = Fanout(self.loop.call_soon, self.metrics)

    def join(self, *streams: Stream) -> Listener:
        listener = Listener()
        self.fanout.place(listener, frozenset(streams))
        return listener

    def publish(self, *publications: Publication) -> None:
        self.fanout.publish(publications, NOW_MS)

    def test_nothing_is_written_before_the_loop_turns(self) -> None:
        listener = self.join(BTC)
        self.publish(publication(1, BTC))
        assert listener.writes == []
        self.loop.turn()
        assert listener.writes == [[1]]

    def test_a_tick_is_one_write_in_the_order_of_the_log(self) -> None:
        listener = self.join(BTC, ETH)
        self.publish(publication(1, ETH), publication(2, BTC))
        self.publish(publication(3, SOL), publication(4, ETH))
        assert len(self.loop.soon) == 1
        self.loop.turn()
        assert listener.writes == [[1, 2, 4]]

    def test_the_next_tick_is_scheduled_anew(self) -> None:
        listener = self.join(BTC)
        for number in (1, 2):
            self.publish(publication(number, BTC))
            self.loop.turn()
        assert listener.writes == [[1], [2]]
        assert self.loop.soon == []

    def test_members_of_one_group_get_the_same_bytes(self) -> None:
        writes: list[bytes] = []

        class Keeper:
            def write(self, frames: bytes) -> None:
                writes.append(frames)

        for _ in range(3):
            self.fanout.place(Keeper(), frozenset({BTC}))
        self.publish(publication(1, BTC), publication(2, BTC))
        self.loop.turn()
        assert writes[0] is writes[1] is writes[2]

    def test_the_message_is_the_encoded_publication(self) -> None:
        writes: list[bytes] = []

        class Keeper:
            def write(self, frames: bytes) -> None:
                writes.append(frames)

        self.fanout.place(Keeper(), frozenset({BTC}))
        self.publish(publication(1, BTC))
        self.loop.turn()
        (frame,) = split_frames(writes[0])
        assert frame.payload == encode_publication(publication(1, BTC), NOW_MS)

    def test_a_publication_on_two_streams_of_a_member_comes_once(self) -> None:
        both, one = self.join(BTC, ETH), self.join(ETH)
        self.publish(publication(1, BTC, ETH))
        self.loop.turn()
        assert both.writes == one.writes == [[1]]

    def test_without_members_nothing_is_encoded_and_nothing_scheduled(self) -> None:
        self.join(ETH)
        self.publish(publication(1, BTC))
        assert self.loop.soon == []
        assert self.metrics.publications == 0

    def test_what_waits_is_bounded(self) -> None:
        listener = self.join(BTC)
        self.publish(publication(1, BTC, padding=WAITING_BYTES_MAX))
        assert listener.writes == [[1]]

    def test_a_newcomer_gets_nothing_published_before(self) -> None:
        old = self.join(BTC)
        self.publish(publication(1, BTC))
        new = self.join(BTC)
        self.publish(publication(2, BTC))
        self.loop.turn()
        assert old.writes == [[1], [2]]
        assert new.writes == [[2]]

    def test_settling_writes_what_waits_for_a_member_now(self) -> None:
        listener, other = self.join(BTC), self.join(ETH)
        self.publish(publication(1, BTC), publication(2, ETH))
        self.fanout.settle(listener)
        assert (listener.writes, other.writes) == ([[1]], [])
        self.loop.turn()
        assert (listener.writes, other.writes) == ([[1]], [[2]])

    def test_a_removed_member_gets_nothing_more(self) -> None:
        listener = self.join(BTC)
        self.publish(publication(1, BTC))
        self.fanout.remove(listener)
        self.fanout.remove(listener)
        self.loop.turn()
        assert listener.writes == []

    def test_streams_are_wanted_as_long_as_they_have_members(self) -> None:
        wanted = self.fanout.wanted
        listener, other = self.join(BTC, ETH), self.join(ETH)
        assert [stream in wanted for stream in (BTC, ETH, SOL)] == [True, True, False]
        self.fanout.remove(listener)
        assert [stream in wanted for stream in (BTC, ETH, SOL)] == [False, True, False]
        self.fanout.place(other, frozenset({SOL}))
        assert [stream in wanted for stream in (BTC, ETH, SOL)] == [False, False, True]

    def test_a_write_may_end_members(self) -> None:
        first, second = self.join(BTC), self.join(BTC)

        def end_both() -> None:
            self.fanout.remove(first)
            self.fanout.remove(second)

        first.on_write = end_both
        self.publish(publication(1, BTC))
        self.loop.turn()
        self.publish(publication(2, BTC))
        self.loop.turn()
        assert first.seen == [1]
        assert BTC not in self.fanout.wanted

    def test_a_newcomer_may_join_a_group_that_ends_as_it_comes(self) -> None:
        old, new = self.join(BTC), Listener()
        old.on_write = lambda: self.fanout.remove(old)
        self.publish(publication(1, BTC))
        self.fanout.place(new, frozenset({BTC}))
        self.publish(publication(2, BTC))
        self.loop.turn()
        assert (old.seen, new.seen) == ([1], [2])

    def test_it_counts_what_it_does(self) -> None:
        self.join(BTC, ETH)
        leaver = self.join(BTC)
        self.publish(publication(1, BTC), publication(2, ETH), publication(3, SOL))
        self.loop.turn()
        assert (self.metrics.publications, self.metrics.deliveries) == (2, 3)
        assert self.metrics.subscriptions["trades"] == 3
        self.fanout.remove(leaver)
        assert self.metrics.subscriptions["trades"] == 2


STREAMS = st.frozensets(st.sampled_from([BTC, ETH, SOL]))
MEMBERS = st.integers(0, 5)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: everybody gets what was published on its streams while it had them."""

    @initialize()
    def begin(self) -> None:
        self.loop = Loop()
        self.fanout = Fanout(self.loop.call_soon, Metrics())
        self.members = [Listener() for _ in range(6)]
        self.streams: list[frozenset[Stream]] = [frozenset()] * 6
        self.expected: list[list[int]] = [[] for _ in self.members]
        self.number = 0

    @rule(streams=st.lists(st.sampled_from([BTC, ETH, SOL]), min_size=1, max_size=3, unique=True))
    def publish(self, streams: list[Stream]) -> None:
        self.number += 1
        self.fanout.publish([publication(self.number, *streams)], NOW_MS)
        for expected, own in zip(self.expected, self.streams, strict=True):
            if own.intersection(streams):
                expected.append(self.number)

    @rule(member=MEMBERS, streams=STREAMS)
    def place(self, member: int, streams: frozenset[Stream]) -> None:
        self.fanout.settle(self.members[member])
        assert self.members[member].seen == self.expected[member]
        self.fanout.place(self.members[member], streams)
        self.streams[member] = streams

    @rule(member=MEMBERS)
    def settle(self, member: int) -> None:
        self.fanout.settle(self.members[member])
        assert self.members[member].seen == self.expected[member]

    @rule()
    def turn(self) -> None:
        self.loop.turn()
        assert [member.seen for member in self.members] == self.expected

    @invariant()
    def nothing_is_early_or_out_of_order(self) -> None:
        for member, expected, streams in zip(self.members, self.expected, self.streams, strict=True):
            assert member.seen == expected[: len(member.seen)]
            assert self.fanout.streams(member) == streams

    @invariant()
    def what_is_wanted_is_what_somebody_has(self) -> None:
        having: set[Any] = set().union(*self.streams)
        assert {stream for stream in (BTC, ETH, SOL) if stream in self.fanout.wanted} == having


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
