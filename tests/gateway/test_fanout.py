"""Publications reach the members of their streams: once, in order, and in as few writes as can be."""

from finalex.gateway.fanout import WAITING_BYTES_MAX, Fanout
from finalex.metrics import Metrics
from finalex.protocol.messages import Publication, encode_publication
from finalex.protocol.streams import Stream
from support.listeners import BTC, ETH, NOW_MS, SOL, Listener, Loop, publication
from support.sockets import split_frames


class TestOneTick:
    def setup_method(self) -> None:
        self.loop = Loop()
        self.metrics = Metrics()
        self.fanout = Fanout(self.loop.call_soon, self.metrics, lambda: NOW_MS)

    def join(self, *streams: Stream, deflates: bool = False) -> Listener:
        listener = Listener(deflates=deflates)
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
        first, second, third = (self.join(BTC) for _ in range(3))
        self.publish(publication(1, BTC), publication(2, BTC))
        self.loop.turn()
        assert first.bytes[0] is second.bytes[0] is third.bytes[0]

    def test_a_message_is_compressed_for_those_who_take_it_so_and_the_same_to_all_of_them(self) -> None:
        plain, first, second = (self.join(BTC, deflates=deflates) for deflates in (False, True, True))
        self.publish(publication(1, BTC))
        self.loop.turn()
        assert plain.seen == first.seen == second.seen == [1]
        assert first.bytes[0] is second.bytes[0]
        assert len(first.bytes[0]) < len(plain.bytes[0])

    def test_the_message_is_the_encoded_publication(self) -> None:
        listener = self.join(BTC)
        self.publish(publication(1, BTC))
        self.loop.turn()
        (frame,) = split_frames(listener.bytes[0])
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
        assert self.metrics.publications == {}

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

    def test_what_one_cannot_take_is_not_lost_to_the_others(self) -> None:
        first, second = self.join(BTC), self.join(BTC)

        def fail() -> None:
            raise OSError("broken")

        first.on_write = fail
        self.publish(publication(1, BTC))
        self.loop.turn()
        assert (first.dropped, second.dropped, second.seen) == (True, False, [1])
        assert self.metrics.failures == {"write": 1}

    def test_a_member_may_be_sent_to_in_another_way_from_now_on(self) -> None:
        member, other = self.join(BTC), Listener()
        self.publish(publication(1, BTC))
        self.loop.turn()
        member.send = other.send  # type: ignore[method-assign]
        self.fanout.exchange(member)
        self.publish(publication(2, BTC))
        self.loop.turn()
        assert (member.seen, other.seen) == ([1], [2])

    def test_how_old_a_message_is_counts_once_a_tick_from_its_oldest(self) -> None:
        self.join(BTC)
        self.fanout.publish([publication(1, BTC)], NOW_MS, NOW_MS - 7)
        self.fanout.publish([publication(2, BTC)], NOW_MS, NOW_MS)
        self.loop.turn()
        assert self.metrics.latency_s["trades"].sum == 0.014
        assert self.metrics.tick_messages.sum == 2

    def test_recordings_have_no_age(self) -> None:
        self.join(BTC)
        self.fanout.publish([publication(1, BTC)], NOW_MS)
        self.loop.turn()
        assert self.metrics.latency_s == {}

    def test_it_counts_what_it_does(self) -> None:
        self.join(BTC, ETH)
        leaver = self.join(BTC)
        self.publish(publication(1, BTC), publication(2, ETH), publication(3, SOL))
        self.loop.turn()
        assert (self.metrics.publications, self.metrics.deliveries) == ({"trades": 2}, {"trades": 3})
        assert self.metrics.subscriptions["trades"] == 3
        self.fanout.remove(leaver)
        assert self.metrics.subscriptions["trades"] == 2
