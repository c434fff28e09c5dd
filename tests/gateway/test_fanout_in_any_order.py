"""Whatever happens to a fan-out in whatever order, everybody gets exactly what is theirs."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from finalex.gateway.fanout import Fanout
from finalex.metrics import Metrics
from finalex.protocol.streams import Stream
from support.listeners import BTC, ETH, NOW_MS, SOL, Listener, Loop, publication

STREAMS = st.frozensets(st.sampled_from([BTC, ETH, SOL]))
MEMBERS = st.integers(0, 5)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: everybody gets what was published on its streams while it had them."""

    @initialize()
    def begin(self) -> None:
        self.loop = Loop()
        self.fanout = Fanout(self.loop.call_soon, Metrics(), lambda: NOW_MS)
        self.members = [Listener(deflates=number % 2 == 0) for number in range(6)]
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
