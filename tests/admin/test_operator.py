"""The operator: accounts shown, credited and debited as events in the log; keys closed; status told."""

import asyncio

import pytest
from structlog.testing import capture_logs

from admin.desk import STATUS
from admin.office import Office, booked, error
from finalex.admin.messages import (
    AccountReply,
    BalanceText,
    BookedReply,
    ClosedReply,
    CloseKey,
    CloseToken,
    ErrorCode,
    ShowAccount,
    ShowStatus,
)
from finalex.exchange.accounts import FEES_USER, REFERENCES_MAX
from finalex.exchange.outcomes import DeclineReason, Failed, Unavailable
from finalex.model.commands import Credit, PlaceOrder
from finalex.model.events import Credited, Debited
from finalex.model.orders import OrderType, Side
from finalex.session.auth import Revocation

BTC = 10**8

# --- credits and debits ---


async def test_a_credit_says_what_was_done_and_what_the_account_has(office: Office) -> None:
    assert await office.credit(amount="1.5") == BookedReply(
        user="alice",
        amount="1.50000000",
        reference="r",
        earlier=False,
        balance=BalanceText(currency="BTC", available="1.50000000", locked="0.00000000", total="1.50000000"),
    )


async def test_changes_are_events_that_name_the_operator(office: Office) -> None:
    await office.credit(amount="3", reference="in")
    await office.debit(amount="1", reference="out")
    assert office.exchange.events == [
        Credited(user="alice", currency="BTC", amount=3 * BTC, reference="operator:in", time_ms=1),
        Debited(user="alice", currency="BTC", amount=BTC, reference="operator:out", time_ms=2),
    ]


async def test_a_debit_takes_what_is_available_and_no_more(office: Office) -> None:
    await office.credit(amount="2", reference="in")
    assert error(await office.debit(amount="2.00000001", reference="out")) == (
        ErrorCode.DECLINED,
        "Account 'alice' has 2.00000000 BTC available, not 2.00000001.",
    )
    assert booked(await office.debit(amount="2", reference="out")).balance.total == "0.00000000"


async def test_the_operators_references_never_meet_those_of_demo_balances(office: Office) -> None:
    office.exchange.submit(Credit(user="alice", currency="BTC", amount=1, reference="demo:alice:BTC"), lambda _: None)
    assert not booked(await office.credit(reference="demo:alice:BTC")).earlier
    assert office.available() == BTC + 1


async def test_a_repeated_reference_does_nothing_and_has_the_first_result(office: Office) -> None:
    first = booked(await office.credit(amount="1.5"))
    for _ in range(3):
        again = booked(await office.credit(amount="1.50"))
        assert again.earlier
        assert (again.amount, again.balance) == (first.amount, first.balance)
    assert len(office.exchange.events) == 1


async def test_a_reference_used_for_something_else_is_an_error_that_says_for_what(office: Office) -> None:
    await office.credit(amount="1.5")
    for reply in (
        await office.credit(amount="2"),
        await office.credit(currency="ETH"),
        await office.debit(amount="1.5"),
    ):
        assert error(reply) == (
            ErrorCode.DECLINED,
            "Reference 'r' was used for something else, a credit of 1.50000000 BTC: nothing was done.",
        )
    assert len(office.exchange.events) == 1


async def test_a_used_debit_reference_says_so_too(office: Office) -> None:
    await office.credit(reference="in")
    await office.debit(amount="0.1")
    assert "a debit of 0.10000000 BTC" in error(await office.debit(amount="0.2"))[1]


async def test_a_reference_belongs_to_its_account(office: Office) -> None:
    assert not booked(await office.credit("alice")).earlier
    assert not booked(await office.credit("bob")).earlier


async def test_requests_at_the_same_time_with_one_reference_are_done_once(office: Office) -> None:
    office.exchange.hold = True
    asked = [asyncio.ensure_future(office.credit()) for _ in range(3)]
    await office.exchange.taken()
    await asyncio.sleep(0)
    office.exchange.sync()
    replies = [booked(reply) for reply in await asyncio.gather(*asked)]
    assert sorted(reply.earlier for reply in replies) == [False, True, True]
    assert office.available() == BTC


async def test_the_balance_is_that_right_after_the_change(office: Office) -> None:
    office.exchange.hold = True
    asked = [asyncio.ensure_future(office.credit(reference=f"r{number}")) for number in range(3)]
    await office.exchange.taken()
    await asyncio.sleep(0)
    office.exchange.sync()
    replies = [booked(reply).balance.total for reply in await asyncio.gather(*asked)]
    assert replies == ["1.00000000", "2.00000000", "3.00000000"]


async def test_a_balance_that_cannot_be_counted_is_declined(office: Office) -> None:
    assert booked(await office.credit(amount="92233720368.54775807"))
    assert error(await office.credit(amount="0.00000001", reference="s")) == (
        ErrorCode.DECLINED,
        "Account 'alice' would have more BTC than can be counted.",
    )


async def test_a_failed_exchange_leaves_the_outcome_open(office: Office) -> None:
    office.exchange.failure = Failed()
    assert error(await office.credit()) == (
        ErrorCode.FAILED,
        "The exchange failed: whether it was done is not known.",
    )


async def test_while_the_log_takes_no_events_nothing_is_done(office: Office) -> None:
    office.exchange.failure = Unavailable()
    assert error(await office.credit()) == (
        ErrorCode.DECLINED,
        "The exchange takes no changes at the moment: nothing was done.",
    )


async def test_every_change_asked_for_is_in_the_servers_log_of_messages(office: Office) -> None:
    with capture_logs() as entries:
        await office.credit(amount="2", reference="gift")
        await office.debit(amount="3", reference="fee")
    change = {"event": "operator_changed_account", "log_level": "info", "user": "alice", "currency": "BTC"}
    done, declined = "Done(earlier=False)", f"Declined(reason={DeclineReason.INSUFFICIENT_FUNDS!r})"
    assert entries == [
        {**change, "command": "Credit", "amount": "2.00000000", "reference": "gift", "outcome": done},
        {**change, "command": "Debit", "amount": "3.00000000", "reference": "fee", "outcome": declined},
    ]


# --- accounts shown ---


async def test_an_account_is_shown_with_what_is_locked_and_its_open_orders(office: Office) -> None:
    await office.credit(amount="3", reference="r1")
    await office.credit(currency="USDT", amount="100", reference="r2")
    order = PlaceOrder(
        user="alice", symbol="BTC/USDT", side=Side.SELL, type=OrderType.LIMIT, quantity=BTC, price=50_000_00
    )
    office.exchange.submit(order, lambda _: None)
    assert await office.ask(ShowAccount(user="alice")) == AccountReply(
        user="alice",
        balances=(
            BalanceText(currency="BTC", available="2.00000000", locked="1.00000000", total="3.00000000"),
            BalanceText(currency="USDT", available="100.00000000", locked="0.00000000", total="100.00000000"),
        ),
        open_orders=1,
    )


async def test_the_exchanges_own_accounts_can_be_shown(office: Office) -> None:
    office.exchange.submit(Credit(user=FEES_USER, currency="BTC", amount=5, reference="r"), lambda _: None)
    reply = await office.ask(ShowAccount(user=FEES_USER))
    assert isinstance(reply, AccountReply)
    assert reply.balances[0].total == "0.00000005"


@pytest.mark.parametrize("user", ["nobody", "", "x" * 1000, "\x1b[31m"])
async def test_an_account_that_does_not_exist_is_not_found(office: Office, user: str) -> None:
    assert error(await office.ask(ShowAccount(user=user))) == (
        ErrorCode.NOT_FOUND,
        f"There is no account {user[:64]!r}.",
    )


# --- keys and status ---


async def test_the_connections_of_a_key_are_closed(office: Office) -> None:
    assert await office.ask(CloseKey(key="pk_live_1a2B3c4D")) == ClosedReply(connections=1)
    assert office.closed == [Revocation(key_id="pk_live_1a2B3c4D")]


async def test_a_key_may_end_later(office: Office) -> None:
    await office.ask(CloseKey(key="pk_live_1a2B3c4D", from_ms=5))
    assert office.closed == [Revocation(key_id="pk_live_1a2B3c4D", from_ms=5)]


async def test_the_connections_of_a_token_or_of_a_users_tokens_are_closed(office: Office) -> None:
    assert await office.ask(CloseToken(token="one")) == ClosedReply(connections=1)
    assert await office.ask(CloseToken(user="alice", issued_until_ms=7)) == ClosedReply(connections=2)
    assert office.closed == [Revocation(token_id="one"), Revocation(user="alice", issued_until_ms=7)]


async def test_what_the_operator_does_is_recorded_with_what_became_of_it(office: Office) -> None:
    await office.credit(amount="1.5", reference="gift")
    await office.debit(amount="2", reference="fee")
    await office.ask(CloseKey(key="pk_live_1a2B3c4D"))
    await office.ask(CloseToken(user="alice", issued_until_ms=7))
    await office.ask(ShowStatus())

    events = [(event, fields.get("amount") or fields.get("connections")) for event, fields in office.audited]
    assert events == [
        *(("account_changed", "1.50000000"), ("account_changed", "2.00000000")),
        *(("connections_closed", 1), ("connections_closed", 2)),
    ]
    outcomes = [str(fields["outcome"]) for _, fields in office.audited[:2]]
    assert ["Done" in outcomes[0], "Declined" in outcomes[1]] == [True, True]


async def test_the_status_is_told(office: Office) -> None:
    assert await office.ask(ShowStatus()) == STATUS


async def test_references_are_remembered_for_a_named_number_of_changes(office: Office) -> None:
    await office.credit(reference="first")
    for number in range(REFERENCES_MAX - 1):
        command = Credit(user="alice", currency="BTC", amount=1, reference=f"operator:{number}")
        office.exchange.submit(command, lambda _: None)
    assert booked(await office.credit(reference="first")).earlier
