"""The command intake: commands in order, nothing after its deadline, and no answer before it is certain."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from cluster.intakes import REPLY_TO, START_MS, Desk, order, settled
from finalex.cluster import command_intake
from finalex.cluster.answers import ORDERS_PER_MESSAGE_MAX
from finalex.cluster.wire import CommandBatch, OpenAccount, SentCommand, encode_commands
from finalex.exchange.outcomes import Canceled, Done, NotFound, Placed, TooFast, Unavailable
from finalex.log.port import LogProblem
from finalex.model.commands import CancelAllOrders, CancelOrder, Credit


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.intake.listen()
    desk.intake.begin(desk.source, desk.log, desk.state.instruments)
    yield desk
    await desk.intake.stop()
    await desk.intake.finish()


async def test_commands_are_carried_out_in_their_order_and_answered_together(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"), order(), CancelAllOrders(user="ann"))

    assert len(desk.line.published) == 1
    [(number, opened), (placed_number, placed), (canceled_number, canceled)] = desk.answered()
    assert (number, placed_number, canceled_number) == (1, 2, 3)
    assert opened == Done()
    assert isinstance(placed, Placed)
    assert isinstance(canceled, Canceled)
    assert [order.id for order in canceled.orders] == [placed.order.id]
    assert desk.counts["commands"] == 3


async def test_an_order_for_a_market_that_only_gateways_know_yet_changes_nothing(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    before = desk.log.sequence
    await desk.send(msgspec.structs.replace(order(), symbol="NEW/USDT"))

    assert desk.answered() == [(1, Unavailable())]
    assert desk.log.sequence == before


async def test_an_answer_waits_until_it_is_durable_and_names_the_batch(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    desk.log.hold()
    await desk.send(order())
    assert desk.line.published == []

    desk.log.heal()
    await settled()
    [(subject, batch)] = desk.line.published
    assert (subject, batch.sequence) == (REPLY_TO, desk.log.sequence)
    assert isinstance(batch.items[0].outcome, Placed)


async def test_an_answer_without_events_waits_for_a_batch_that_is_appended_after_it(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    before = desk.log.sequence
    desk.log.hold()
    await desk.send(CancelOrder(user="ann", order_id="unknown"))

    assert desk.line.published == []
    assert desk.log.sequence == before + 1

    desk.log.heal()
    await settled()
    assert desk.answered() == [(1, NotFound())]


async def test_what_was_decided_after_somebody_else_took_over_is_never_answered(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    desk.log.hold()
    await desk.send(order(), CancelOrder(user="ann", order_id="unknown"))
    desk.log.fail(LogProblem.FENCED)
    await desk.send(order(), CancelAllOrders(user="ann"), deadline_ms=START_MS - 1)
    await desk.send(order())
    desk.log.close()
    await settled()

    assert desk.answered() == []


async def test_a_command_past_its_deadline_does_nothing(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    desk.now_ms = START_MS + 5001
    await desk.send(order(), deadline_ms=START_MS + 5000)

    assert desk.answered() == [(1, Unavailable())]
    assert desk.state.open_orders("ann") == []
    assert desk.counts["late"] == 1


async def test_a_command_at_its_deadline_is_carried_out(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"), order(), deadline_ms=START_MS)
    assert [type(outcome) for _, outcome in desk.answered()] == [Done, Placed]


async def test_the_rate_of_an_account_holds_over_all_gateways(desk: Desk) -> None:
    desk = Desk(orders_per_second_max=2)
    await desk.intake.listen()
    desk.intake.begin(desk.source, desk.log, desk.state.instruments)
    await desk.send(OpenAccount(user="ann"), order())
    await desk.send(order(), order(), CancelAllOrders(user="ann"), OpenAccount(user="bob"), order("bob"))

    outcomes = [outcome for _, outcome in desk.answered()]
    assert [type(outcome) for outcome in outcomes] == [Done, Placed, Placed, TooFast, Canceled, Done, Placed]
    assert outcomes[3] == TooFast(2)
    desk.now_ms += 500
    await desk.send(order())
    assert [type(outcome) for _, outcome in desk.answered()] == [Placed]
    await desk.intake.finish()


async def test_while_the_log_takes_nothing_everything_is_unavailable_at_once(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    desk.log.fail(LogProblem.DISK_FULL)
    await desk.send(order(), OpenAccount(user="bob"), CancelAllOrders(user="ann"))
    assert desk.answered() == [(1, Unavailable()), (2, Unavailable()), (3, Unavailable())]


async def test_too_many_commands_that_wait_for_the_log_are_too_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_intake, "COMMANDS_UNANSWERED_MAX", 2)
    desk.log.hold()
    await desk.send(OpenAccount(user="ann"), OpenAccount(user="bob"), order())
    assert desk.answered() == [(3, Unavailable())]
    desk.log.heal()
    await settled()
    assert desk.answered() == [(1, Done()), (2, Done())]
    await desk.send(order())
    assert isinstance(desk.answered()[0][1], Placed)


async def test_what_is_no_message_of_ours_is_counted_and_does_no_harm(desk: Desk) -> None:
    for data in (b"", b"nonsense", b"\xff\xfe", b"[" * 100_000, b"{}"):
        await desk.deliver(data)

    assert desk.counts["malformed"] == 5
    await desk.send(OpenAccount(user="ann"))
    assert desk.answered() == [(1, Done())]


async def test_commands_of_a_later_release_are_answered_as_far_as_they_say_where(desk: Desk) -> None:
    message = {"gateway": "g", "reply_to": REPLY_TO, "items": [[7, START_MS, {"command": "MakeCoffee", "user": "ann"}]]}
    await desk.deliver(msgspec.json.encode(message))
    assert desk.answered() == [(7, Unavailable())]


@pytest.mark.parametrize(
    "reply_to",
    [
        *("finalex.test.log", "", "finalex.test.replies.", "finalex.test.replies.*", "finalex.test.replies.a b"),
        *("finalex.test.replies.g\r\nPUB finalex.test.log 0\r\n\r\n", "finalex.other.replies.g"),
    ],
)
async def test_nothing_is_answered_where_no_gateway_is(desk: Desk, reply_to: str) -> None:
    items = [SentCommand(1, START_MS + 5000, OpenAccount(user="ann"))]
    await desk.deliver(encode_commands(CommandBatch(gateway="g", reply_to=reply_to, items=items)))
    assert desk.line.published == []
    assert not desk.state.exists("ann")
    assert desk.counts["malformed"] == 1


async def test_no_gateway_books_money(desk: Desk) -> None:
    await desk.send(Credit(user="ann", currency="BTC", amount=10**8, reference="r"))
    assert desk.answered() == [(1, Unavailable())]
    assert not desk.state.exists("ann")


async def test_what_comes_before_the_source_is_there_is_held() -> None:
    desk = Desk()
    await desk.intake.listen()
    await desk.send(OpenAccount(user="ann"))
    assert desk.line.published == []

    desk.intake.begin(desk.source, desk.log, desk.state.instruments)
    await settled()
    assert desk.answered() == [(1, Done())]
    await desk.intake.stop()
    await desk.intake.finish()


async def test_what_is_held_when_it_stops_is_dropped() -> None:
    desk = Desk()
    await desk.intake.listen()
    await desk.send(OpenAccount(user="ann"))
    await desk.intake.stop()
    desk.intake.begin(desk.source, desk.log, desk.state.instruments)
    await settled()
    assert not desk.state.exists("ann")
    await desk.intake.finish()


async def test_what_is_decided_when_it_stops_is_answered_once_the_log_is_closed(desk: Desk) -> None:
    await desk.send(OpenAccount(user="ann"))
    desk.answered()
    desk.log.hold()
    await desk.send(order())
    await desk.intake.stop()
    desk.log.heal()
    desk.log.close()
    await desk.intake.finish()
    assert [type(outcome) for _, outcome in desk.answered()] == [Placed]


async def test_many_outcomes_come_as_several_messages(desk: Desk) -> None:
    await desk.send(*[CancelOrder(user="ann", order_id="unknown")] * (ORDERS_PER_MESSAGE_MAX + 1))
    assert [len(batch.items) for _, batch in desk.line.published] == [ORDERS_PER_MESSAGE_MAX, 1]
    assert [number for number, _ in desk.answered()] == list(range(1, ORDERS_PER_MESSAGE_MAX + 2))
