"""The venue of a gateway while an engine leads, and while none does."""

import asyncio
from collections.abc import Callable

import pytest

from cluster.venue_steps import START_MS, TIMEOUT_MS, Steps, order
from finalex.cluster.leadership import SILENT_MS_MAX, Leadership
from finalex.cluster.venue import PENDING_MAX
from finalex.cluster.wire import OpenAccount, OutcomeBatch, SentCommand, SentOutcome
from finalex.exchange.outcomes import Done, Failed, NotFound, Placed, Unavailable
from finalex.model.commands import CancelOrder


@pytest.fixture
def steps() -> Steps:
    return Steps()


# --- while an engine leads ------------------------------------------------------------------------------


def test_a_command_goes_to_the_writer_of_the_log_with_its_deadline(steps: Steps) -> None:
    steps.submit(order())

    assert steps.sent == [("first", SentCommand(1, START_MS + TIMEOUT_MS, order()))]


def test_an_outcome_is_handed_on_once_the_view_has_what_led_to_it(steps: Steps) -> None:
    outcomes = steps.submit(order())
    steps.venue.take(steps.carry_out(steps.sent[0][1]))
    assert outcomes == []

    steps.follow()
    assert [type(outcome) for outcome in outcomes] == [Placed]
    assert len(steps.venue) == 0


def test_an_outcome_of_what_the_view_has_is_handed_on_at_once(steps: Steps) -> None:
    outcomes = steps.submit(CancelOrder(user="alice", order_id="none"))
    answer = steps.carry_out(steps.sent[0][1])
    steps.follow()

    steps.venue.take(answer)
    assert outcomes == [NotFound()]


def test_outcomes_come_in_the_order_of_the_log(steps: Steps) -> None:
    told: list[str] = []
    steps.venue.submit(order("a"), lambda _: told.append("a"))
    steps.venue.submit(order("b"), lambda _: told.append("b"))
    answers = [steps.carry_out(sent) for _, sent in steps.sent]

    for answer in reversed(answers):
        steps.venue.take(answer)
    steps.follow()
    assert told == ["a", "b"]


def test_a_command_without_an_answer_fails_in_time_and_a_late_answer_means_nothing(steps: Steps) -> None:
    outcomes = steps.submit(order())
    steps.now_ms += TIMEOUT_MS - 1
    steps.venue.check()
    assert outcomes == []

    steps.now_ms += 1
    steps.venue.check()
    assert outcomes == [Failed()]

    steps.venue.take(steps.carry_out(steps.sent[0][1]))
    steps.follow()
    assert outcomes == [Failed()]


def test_an_answer_that_the_view_is_behind_of_is_handed_on_in_time(steps: Steps) -> None:
    outcomes = steps.submit(order())
    steps.venue.take(steps.carry_out(steps.sent[0][1]))
    steps.now_ms += TIMEOUT_MS
    steps.venue.check()

    assert [type(outcome) for outcome in outcomes] == [Placed]
    steps.follow()
    assert len(outcomes) == 1


def test_more_commands_than_may_be_under_way_are_refused_at_once(steps: Steps) -> None:
    for _ in range(PENDING_MAX):
        assert steps.submit(order()) == []

    assert steps.submit(order()) == [Unavailable()]
    assert len(steps.sent) == PENDING_MAX


def test_what_was_not_sent_at_all_is_unavailable(steps: Steps) -> None:
    outcomes = steps.submit(order())
    steps.venue.give_back([1])

    assert outcomes == [Unavailable()]


# --- while nobody leads ---------------------------------------------------------------------------------


def silence(steps: Steps) -> None:
    steps.silent_ms = SILENT_MS_MAX + 1


def leave(steps: Steps) -> None:
    steps.leadership.note("first", leaving=True)


def disconnect(steps: Steps) -> None:
    steps.connected = False


@pytest.mark.parametrize("lose", [silence, leave, disconnect])
def test_without_a_leader_commands_are_unavailable_at_once(steps: Steps, lose: Callable[[Steps], None]) -> None:
    lose(steps)

    assert steps.submit(order("a")) == [Unavailable()]
    assert steps.sent == []


def test_before_anybody_wrote_nobody_leads() -> None:
    assert Leadership(lambda: 0.0, lambda: True).leader is None


# --- accounts -------------------------------------------------------------------------------------------


def accounts_asked(steps: Steps) -> list[tuple[str, str]]:
    """Return who was asked to open whose account."""
    return [(writer, sent.command.user) for writer, sent in steps.sent if isinstance(sent.command, OpenAccount)]


def test_an_account_is_opened_once_and_not_where_there_is_one(steps: Steps) -> None:
    for user in ("alice", "bob", "bob"):
        steps.venue.open_account(user)

    assert accounts_asked(steps) == [("first", "bob")]


def test_an_account_that_nobody_could_open_is_as_soon_as_somebody_leads(steps: Steps) -> None:
    steps.silent_ms = SILENT_MS_MAX + 1
    steps.venue.open_account("bob")
    steps.venue.check()
    assert accounts_asked(steps) == []

    steps.silent_ms = 0
    steps.venue.check()
    assert accounts_asked(steps) == [("first", "bob")]


def test_an_account_under_way_at_a_takeover_is_asked_for_again(steps: Steps) -> None:
    steps.venue.open_account("bob")
    steps.lead("second")
    assert accounts_asked(steps) == [("first", "bob"), ("second", "bob")]

    steps.venue.take(OutcomeBatch(sequence=0, items=[SentOutcome(steps.sent[-1][1].number, Done())]))
    steps.venue.check()
    assert len(accounts_asked(steps)) == 2


# --- the end --------------------------------------------------------------------------------------------


async def test_draining_waits_for_what_is_under_way_and_for_nothing_that_comes_later(steps: Steps) -> None:
    first = steps.submit(order("a"))
    sent = steps.sent[0][1]
    draining = asyncio.create_task(steps.venue.drain())
    await asyncio.sleep(0)
    later = steps.submit(order("b"))
    steps.venue.take(steps.carry_out(sent))
    steps.follow()
    await draining

    assert len(first) == 1
    assert later == []
