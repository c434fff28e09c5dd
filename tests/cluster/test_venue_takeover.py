"""What is under way when another engine takes over has an outcome that is true, or `Failed`."""

import pytest

from cluster.venue_steps import START_MS, TIMEOUT_MS, Steps, order, placed
from finalex.cluster.wire import OutcomeBatch, SentOutcome
from finalex.exchange.outcomes import Canceled, Failed, NotFound, Placed, Unavailable
from finalex.model.commands import CancelAllOrders, CancelOrder


@pytest.fixture
def steps() -> Steps:
    return Steps()


def test_an_order_with_an_id_is_sent_to_the_new_leader_and_has_the_first_outcome(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.execute(order("a"))  # accepted, and the answer lost
    steps.follow()
    steps.lead("second")

    writer, again = steps.sent[-1]
    assert (writer, again.command, again.deadline_ms) == ("second", order("a"), START_MS + TIMEOUT_MS)
    steps.venue.take(steps.carry_out(again))
    steps.follow()
    (outcome,) = outcomes
    assert isinstance(outcome, Placed)
    assert steps.view.open_orders("alice") == [outcome.order]


def test_an_answer_of_the_old_engine_means_nothing_once_a_command_was_sent_again(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.lead("second")

    steps.venue.take(OutcomeBatch(sequence=0, items=[SentOutcome(1, Unavailable())]))
    assert outcomes == []


def test_an_answer_that_came_before_the_takeover_is_not_asked_for_again(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.venue.take(steps.carry_out(steps.sent[0][1]))
    steps.follow()
    steps.lead("second")

    assert len(steps.sent) == 1
    assert len(outcomes) == 1


@pytest.mark.parametrize("named", ["id", "client_order_id"])
def test_a_cancel_that_was_carried_out_before_the_takeover_answers_what_it_canceled(steps: Steps, named: str) -> None:
    order_id = placed(steps, "a")
    cancel = CancelOrder(user="alice", order_id=order_id)
    if named == "client_order_id":
        cancel = CancelOrder(user="alice", client_order_id="a")
    outcomes = steps.submit(cancel)
    steps.execute(cancel)
    steps.follow()
    steps.lead("second")

    answer = steps.carry_out(steps.sent[-1][1])
    assert answer.items[0].outcome == NotFound()
    steps.venue.take(answer)
    steps.follow()
    (outcome,) = outcomes
    assert isinstance(outcome, Canceled)
    assert [order.id for order in outcome.orders] == [order_id]


def test_a_cancel_that_was_not_carried_out_is_by_the_new_leader(steps: Steps) -> None:
    order_id = placed(steps)
    outcomes = steps.submit(CancelOrder(user="alice", order_id=order_id))
    steps.lead("second")
    steps.venue.take(steps.carry_out(steps.sent[-1][1]))
    steps.follow()

    (outcome,) = outcomes
    assert isinstance(outcome, Canceled)
    assert steps.view.open_orders("alice") == []


def test_a_cancel_of_an_order_that_was_never_there_is_not_found_the_second_time_either(steps: Steps) -> None:
    placed(steps)
    outcomes = steps.submit(CancelOrder(user="alice", order_id="none"))
    steps.execute(CancelAllOrders(user="alice"))
    steps.follow()
    steps.lead("second")
    steps.venue.take(steps.carry_out(steps.sent[-1][1]))
    steps.follow()

    assert outcomes == [NotFound()]


def test_all_orders_that_either_try_canceled_are_in_the_answer(steps: Steps) -> None:
    cancel = CancelAllOrders(user="alice", symbol="BTC/USDT")
    first = placed(steps)
    outcomes = steps.submit(cancel)
    steps.execute(cancel)
    second = placed(steps)
    steps.lead("second")
    steps.venue.take(steps.carry_out(steps.sent[-1][1]))
    steps.follow()

    (outcome,) = outcomes
    assert isinstance(outcome, Canceled)
    assert [order.id for order in outcome.orders] == [first, second]


def test_an_order_that_was_placed_and_canceled_in_one_batch_counts_as_canceled(steps: Steps) -> None:
    cancel = CancelOrder(user="alice", client_order_id="a")
    steps.submit(order("a"))
    outcomes = steps.submit(cancel)
    steps.execute(order("a"), cancel)
    steps.follow()
    steps.lead("second")
    for _, sent in steps.sent[2:]:
        steps.venue.take(steps.carry_out(sent))
    steps.follow()

    (outcome,) = outcomes
    assert isinstance(outcome, Canceled)
    assert [canceled.client_order_id for canceled in outcome.orders] == ["a"]


def test_of_an_order_without_an_id_that_is_not_in_the_log_nothing_happened(steps: Steps) -> None:
    outcomes = steps.submit(order())
    steps.execute(order(price=44_000_00), order("a"), order(quantity=100_001))  # none of them is it
    steps.follow()
    steps.lead("second")

    assert outcomes == [Unavailable()]
    assert len(steps.sent) == 1


@pytest.mark.parametrize("quantity", [100_000, 10**12])
def test_of_an_order_without_an_id_that_may_be_in_the_log_nobody_knows(steps: Steps, quantity: int) -> None:
    outcomes = steps.submit(order(quantity=quantity))
    steps.execute(order(quantity=quantity))  # accepted, or rejected for want of money
    steps.follow()
    steps.lead("second")

    assert outcomes == [Failed()]


def test_what_has_no_answer_of_the_new_leader_either_fails_in_the_same_time(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.now_ms += TIMEOUT_MS - 1
    steps.lead("second")
    steps.now_ms += 1
    steps.venue.check()

    assert outcomes == [Failed()]


def test_what_was_sent_once_and_then_could_not_be_again_is_not_known(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.lead("second")
    steps.venue.give_back([steps.sent[-1][1].number])

    assert outcomes == [Failed()]


def test_after_a_lost_connection_what_may_be_repeated_is_sent_again_to_the_same_leader(steps: Steps) -> None:
    outcomes = steps.submit(order("a"))
    steps.submit(order())
    steps.venue.repeat()

    assert [(writer, sent.command) for writer, sent in steps.sent[2:]] == [("first", order("a"))]
    steps.venue.take(steps.carry_out(steps.sent[2][1]))
    steps.follow()
    assert [type(outcome) for outcome in outcomes] == [Placed]
