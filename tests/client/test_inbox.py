"""Inboxes: what is kept, what is left out, and that it is counted."""

import pytest

from finalex.client.errors import Gap
from finalex.client.inbox import Inbox, Policy

GAP = Gap("trades", "BTC/USDT", "")


def contents(inbox: Inbox) -> list[object]:
    return [inbox.take() for _ in range(len(inbox))]


def filled(policy: Policy, *items: object) -> Inbox:
    inbox = Inbox(policy, 2)
    for item in items:
        inbox.put(item)
    return inbox


def test_blocking_loses_nothing_and_says_when_it_is_full() -> None:
    inbox = filled(Policy.BLOCK, 1)
    assert [inbox.blocks] == [False]
    inbox.put(2)
    assert [inbox.blocks] == [True]
    inbox.put(3)  # what was on its way already
    assert contents(inbox) == [1, 2, 3]
    assert inbox.dropped == 0


def test_dropping_leaves_out_the_oldest_and_counts_it() -> None:
    inbox = filled(Policy.DROP_OLDEST, 1, 2, 3, 4)
    assert not inbox.blocks
    assert inbox.dropped == 2
    assert contents(inbox) == [3, 4]


def test_the_latest_alone_is_kept_and_the_others_are_counted() -> None:
    inbox = filled(Policy.LATEST_ONLY, 1, 2, 3)
    assert inbox.dropped == 2
    assert contents(inbox) == [3]


@pytest.mark.parametrize(("policy", "kept"), [(Policy.DROP_OLDEST, [GAP, 3, 4]), (Policy.LATEST_ONLY, [GAP, 4])])
def test_a_gap_is_never_left_out(policy: Policy, kept: list[object]) -> None:
    inbox = filled(policy, 1, GAP, 2, GAP, 3, 4)
    assert contents(inbox) == kept
    assert inbox.dropped == 4 - (len(kept) - 1)


def test_an_inbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Inbox(Policy.BLOCK, 0)
