"""The message rate, at its exact edges."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from finalex.session.limits import WINDOW_MS, MessageRate, Verdict


def test_the_1000th_message_is_accepted_and_the_1001st_refused_once() -> None:
    rate = MessageRate(1000)
    assert [rate.take(5) for _ in range(1000)] == [Verdict.ACCEPT] * 1000
    assert [rate.take(5) for _ in range(3)] == [Verdict.REFUSE, Verdict.DROP, Verdict.DROP]


def test_a_place_is_free_again_exactly_a_minute_later() -> None:
    rate = MessageRate(2)
    assert [rate.take(0), rate.take(1)] == [Verdict.ACCEPT] * 2
    assert rate.take(WINDOW_MS - 1) is Verdict.REFUSE
    assert rate.take(WINDOW_MS) is Verdict.ACCEPT
    assert rate.take(WINDOW_MS) is Verdict.DROP
    assert rate.take(WINDOW_MS + 1) is Verdict.ACCEPT


def test_more_than_twice_the_limit_is_a_flood() -> None:
    rate = MessageRate(1000)
    verdicts = [rate.take(0) for _ in range(2001)]
    assert verdicts[1999] is Verdict.DROP
    assert verdicts[2000] is Verdict.FLOOD


def test_the_refusal_is_said_again_after_a_minute() -> None:
    rate = MessageRate(1)
    assert [rate.take(0), rate.take(0)] == [Verdict.ACCEPT, Verdict.REFUSE]
    assert [rate.take(WINDOW_MS), rate.take(WINDOW_MS)] == [Verdict.ACCEPT, Verdict.REFUSE]


@given(st.lists(st.integers(0, 9_000), max_size=200), st.integers(1, 6))
def test_no_minute_holds_more_accepted_messages_than_the_limit(gaps_ms: list[int], limit: int) -> None:
    rate, now_ms = MessageRate(limit), 0
    accepted: deque[int] = deque()
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        recent = sum(1 for time_ms in accepted if time_ms > now_ms - WINDOW_MS)
        taken = rate.take(now_ms) is Verdict.ACCEPT
        assert taken == (recent < limit)
        if taken:
            accepted.append(now_ms)
