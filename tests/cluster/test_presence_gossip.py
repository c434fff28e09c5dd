"""What gateways tell each other, hear of each other, and conclude from it, message by message."""

from collections.abc import Iterable

import pytest

from finalex.cluster import presence_gossip, presence_peers
from finalex.cluster.presence_gossip import Gossip
from finalex.cluster.presence_messages import (
    KEYS_PER_MESSAGE_MAX,
    Changes,
    Message,
    Piece,
    account_key,
    address_key,
    decode,
    encode,
)
from finalex.cluster.presence_peers import SILENT_MS

HERE, THERE = address_key("192.0.2.1"), address_key("192.0.2.2")
ANN = account_key("ann")


def hear(listener: Gossip, messages: Iterable[Message], now_ms: float = 0) -> None:
    for message in messages:
        listener.take(decode(encode(message)), now_ms)


def pair() -> tuple[Gossip, Gossip]:
    return Gossip("a", 1), Gossip("b", 1)


# --- telling and hearing --------------------------------------------------------------------------------


def test_a_change_is_heard_and_counts_for_others_only() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    a.tell(ANN, 2, 1000)
    hear(b, a.changes())
    assert (b.peers.count(HERE), b.peers.count(ANN), b.peers.connections, a.peers.count(HERE)) == (3, 2, 3, 0)


def test_nobody_left_is_nothing_remembered() -> None:
    a, b = pair()
    for count in (1, 2, 0):
        a.tell(HERE, count, 1000)
        hear(b, a.changes())
    assert (a.own, b.peers.count(HERE), b.peers.connections, b.peers.latest(HERE)) == ({}, 0, 0, (0, ""))


def test_what_changes_to_and_fro_before_it_is_told_is_told_once() -> None:
    a, _ = pair()
    for count in (1, 2, 1, 0, 1):
        a.tell(HERE, count, 1000)
    assert [message.counts for message in a.changes()] == [{HERE: (1, 1000)}]
    assert a.changes() == []


def test_a_listener_from_the_beginning_needs_to_ask_nothing() -> None:
    a, b = pair()
    hear(b, [a.beat(), a.beat()])
    assert (b.peers.unsure(), len(b.peers)) == ([], 1)


def test_who_comes_late_asks_and_hears_everything() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    a.changes()
    hear(b, [a.beat()])
    assert b.peers.unsure() == ["a"]
    hear(a, [b.ask(b.peers.unsure())])
    assert a.asked
    hear(b, a.pieces())
    assert (b.peers.count(HERE), b.peers.connections, b.peers.unsure(), a.asked) == (3, 3, [], False)


def test_one_may_ask_all_and_is_not_asked_for_another() -> None:
    a, b = pair()
    hear(a, [b.ask(["c"])])
    assert not a.asked
    hear(a, [b.ask()])
    assert a.asked


def test_a_lost_message_is_missed() -> None:
    a, b = pair()
    hear(b, [a.beat()])
    a.tell(HERE, 3, 1000)
    a.changes()
    hear(b, [a.beat()])
    assert b.peers.unsure() == ["a"]
    hear(b, a.pieces())
    assert b.peers.count(HERE) == 3


def test_what_was_never_sent_is_missed_too() -> None:
    a, b = pair()
    hear(b, [a.beat()])
    a.tell(HERE, 3, 1000)
    a.skip()
    hear(b, [*a.changes(), a.beat()])
    assert b.peers.unsure() == ["a"]


def test_everything_comes_in_pieces_that_fit_into_a_message() -> None:
    a, b = pair()
    for number in range(2 * KEYS_PER_MESSAGE_MAX + 1):
        a.tell(address_key(str(number)), 1, number)
    assert [len(message.counts) for message in a.changes()] == [KEYS_PER_MESSAGE_MAX, KEYS_PER_MESSAGE_MAX, 1]
    pieces = a.pieces()
    assert [(piece.part, piece.parts, len(piece.counts)) for piece in pieces] == [
        (0, 3, KEYS_PER_MESSAGE_MAX),
        (1, 3, KEYS_PER_MESSAGE_MAX),
        (2, 3, 1),
    ]
    hear(b, pieces[:2])
    assert (b.peers.connections, b.peers.unsure()) == (0, [])
    hear(b, pieces[2:])
    assert b.peers.connections == 2 * KEYS_PER_MESSAGE_MAX + 1


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_piece_that_is_lost_makes_the_others_worthless(lost: int) -> None:
    a, b = pair()
    for number in range(2 * KEYS_PER_MESSAGE_MAX + 1):
        a.tell(address_key(str(number)), 1, number)
    a.changes()
    hear(b, [piece for piece in a.pieces() if piece.part != lost])
    hear(b, [a.beat()])
    assert (b.peers.connections, b.peers.unsure()) == (0, ["a"])
    hear(b, a.pieces())
    assert b.peers.connections == 2 * KEYS_PER_MESSAGE_MAX + 1


@pytest.mark.parametrize(
    "between",
    [[Changes("a", 1, 12, {THERE: (1, 1000)}), Piece("a", 1, 13, 1, 2, {})], [Piece("a", 1, 12, 2, 3, {})]],
    ids=["a change", "another part"],
)
def test_pieces_that_do_not_follow_each_other_are_not_taken(between: list[Message]) -> None:
    _, b = pair()
    hear(b, [Piece("a", 1, 11, 0, 2, {HERE: (1, 1000)}), *between])
    assert (b.peers.count(HERE), b.peers.unsure()) == (0, ["a"])


def test_what_comes_twice_counts_once() -> None:
    a, b = pair()
    a.tell(HERE, 1, 1000)
    first = a.changes()
    a.tell(HERE, 2, 1001)
    hear(b, [*first, *a.changes(), *first])
    assert (b.peers.count(HERE), b.peers.unsure()) == (2, [])


# --- the others' lives ----------------------------------------------------------------------------------


def test_who_is_silent_for_too_long_is_forgotten() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    hear(b, a.changes(), 10.0)
    b.peers.forget_silent(10.0 + SILENT_MS - 1)
    assert b.peers.count(HERE) == 3
    b.peers.forget_silent(10.0 + SILENT_MS)
    assert (b.peers.count(HERE), len(b.peers)) == (0, 0)


def test_a_sign_of_life_keeps_what_is_known() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    hear(b, a.changes(), 0)
    hear(b, [a.beat()], SILENT_MS - 1)
    b.peers.forget_silent(SILENT_MS)
    assert b.peers.count(HERE) == 3


def test_who_says_goodbye_is_forgotten_at_once() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    hear(b, [*a.changes(), a.leave()])
    assert len(b.peers) == 0


def test_who_is_started_again_replaces_what_was_and_hears_no_old_goodbye() -> None:
    a, b = pair()
    a.tell(HERE, 3, 1000)
    hear(b, a.changes())
    again = Gossip("a", 2)
    again.tell(THERE, 1, 2000)
    hear(b, [*again.changes(), a.beat(), a.leave()])
    assert (b.peers.count(HERE), b.peers.count(THERE), b.peers.connections, len(b.peers)) == (0, 1, 1, 1)


def test_another_with_the_same_name_is_noticed_and_ones_own_echo_is_not() -> None:
    a = Gossip("a", 1)
    hear(a, [a.beat(), a.ask()])
    assert (a.twins, len(a.peers), a.asked) == (0, 0, False)
    hear(a, [Gossip("a", 2).beat()])
    assert (a.twins, len(a.peers)) == (1, 0)


# --- who has to go --------------------------------------------------------------------------------------


def test_those_to_whom_the_last_one_came_have_the_excess() -> None:
    a, b = pair()
    a.tell(HERE, 6, 1000)
    b.tell(HERE, 5, 1001)
    news = a.changes(), b.changes()
    hear(b, news[0])
    hear(a, news[1])
    assert (a.excess(HERE, 10), b.excess(HERE, 10)) == (1, 1)
    assert (a.is_latest(HERE), b.is_latest(HERE)) == (False, True)


def test_at_the_same_time_the_name_decides() -> None:
    a, b = pair()
    for gossip in (a, b):
        gossip.tell(HERE, 6, 1000)
    news = a.changes(), b.changes()
    hear(b, news[0])
    hear(a, news[1])
    assert (a.is_latest(HERE), b.is_latest(HERE)) == (False, True)


def test_one_that_leaves_makes_nobody_later() -> None:
    a, _ = pair()
    a.tell(HERE, 6, 1000)
    a.tell(HERE, 5, 2000)
    assert a.own[HERE] == (5, 1000)
    a.tell(HERE, 6, 3000)
    assert a.own[HERE] == (6, 3000)


def test_nobody_here_is_no_excess_here() -> None:
    a, b = pair()
    a.tell(HERE, 11, 1000)
    hear(b, a.changes())
    assert b.excess(HERE, 10) == 0
    assert not b.is_latest(HERE)


# --- limits of memory -----------------------------------------------------------------------------------


def test_only_so_many_keys_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_gossip, "KEYS_PER_NODE_MAX", 1)
    a, _ = pair()
    a.tell(HERE, 1, 1000)
    a.tell(THERE, 1, 1000)
    assert a.own == {HERE: (1, 1000)}
    a.tell(THERE, 0, 1000)
    a.tell(HERE, 0, 1000)
    a.tell(THERE, 2, 2000)
    assert a.own == {THERE: (2, 2000)}


@pytest.mark.parametrize("limit", ["KEYS_PER_NODE_MAX", "KEYS_MAX"])
@pytest.mark.parametrize("whole", [False, True])
def test_only_so_many_keys_are_remembered(monkeypatch: pytest.MonkeyPatch, limit: str, whole: bool) -> None:
    monkeypatch.setattr(presence_peers, limit, 1)
    a, b = pair()
    a.tell(HERE, 1, 1000)
    a.tell(THERE, 1, 1000)
    if whole:
        a.changes()
    hear(b, a.pieces() if whole else a.changes())
    assert (b.peers.count(HERE), b.peers.count(THERE), b.peers.connections, b.peers.unsure()) == (1, 0, 1, [])
    a.tell(HERE, 2, 1001)
    hear(b, a.changes())
    assert b.peers.count(HERE) == 2


def test_only_so_many_gateways_are_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_peers, "NODES_MAX", 1)
    a, b = pair()
    hear(b, [a.beat(), Gossip("c", 1).beat(), Gossip("a", 2).beat()])
    assert len(b.peers) == 1
