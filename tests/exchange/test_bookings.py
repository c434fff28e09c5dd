"""Credits and debits: what is booked, what is declined, and what a repeated reference does."""

from dataclasses import dataclass

import msgspec
import pytest

from exchange.scenario import check_play
from exchange.venue import Venue, replayed
from finalex.exchange.accounts import REFERENCES_MAX, Balance, Booking
from finalex.exchange.outcomes import Declined, DeclineReason, Done, Outcome
from finalex.exchange.state import SavedExchange
from finalex.model.commands import Credit, Debit
from finalex.model.decimals import UNITS_MAX
from finalex.model.events import Credited, Debited

BOOKED = Done()
BOOKED_EARLIER = Done(earlier=True)
REFERENCE_USED = Declined(DeclineReason.REFERENCE_USED)
INSUFFICIENT_FUNDS = Declined(DeclineReason.INSUFFICIENT_FUNDS)
BALANCE_TOO_LARGE = Declined(DeclineReason.BALANCE_TOO_LARGE)


@dataclass
class Operator:
    """Sends credits and debits."""

    venue: Venue

    def credit(self, reference: str, amount: int, currency: str = "BTC", user: str = "ann") -> Outcome:
        return self.venue.send(Credit(user=user, currency=currency, amount=amount, reference=reference))[1]

    def debit(self, reference: str, amount: int, currency: str = "BTC", user: str = "ann") -> Outcome:
        return self.venue.send(Debit(user=user, currency=currency, amount=amount, reference=reference))[1]

    def available(self, currency: str = "BTC", user: str = "ann") -> int:
        return self.venue.state.available(user, currency)


@pytest.fixture
def operator() -> Operator:
    return Operator(Venue())


def test_a_credit_makes_the_account(operator: Operator) -> None:
    assert not operator.venue.state.exists("ann")
    assert operator.credit("r", 5) == BOOKED
    assert operator.venue.state.exists("ann")
    assert operator.available() == 5


def test_a_debit_takes_from_what_is_available(operator: Operator) -> None:
    operator.credit("r", 5)
    assert operator.debit("s", 3) == BOOKED
    assert operator.available() == 2
    assert operator.venue.state.booking("ann", "s") == Booking("BTC", -3)


def test_credits_and_debits_are_events(operator: Operator) -> None:
    operator.credit("r", 5)
    operator.debit("s", 3)
    assert operator.venue.events == [
        Credited(user="ann", currency="BTC", amount=5, reference="r", time_ms=1001),
        Debited(user="ann", currency="BTC", amount=3, reference="s", time_ms=1002),
    ]
    operator.venue.check()


def test_all_that_is_available_can_be_debited_and_not_a_unit_more(operator: Operator) -> None:
    operator.credit("r", 5)
    assert operator.debit("s", 6) == INSUFFICIENT_FUNDS
    assert operator.available() == 5
    assert operator.debit("t", 5) == BOOKED
    assert operator.available() == 0


def test_what_open_orders_lock_cannot_be_debited() -> None:
    operator = Operator(check_play("credit ann 3 BTC\n ann s1 sell 2 @ 100 => new"))
    assert operator.debit("s", 10**8 + 1) == INSUFFICIENT_FUNDS
    assert operator.debit("t", 10**8) == BOOKED
    assert operator.venue.state.balance("ann", "BTC") == Balance(available=0, locked=2 * 10**8)
    operator.venue.check()


def test_nobody_without_an_account_is_debited_or_gets_one_by_it(operator: Operator) -> None:
    assert operator.debit("s", 1) == INSUFFICIENT_FUNDS
    assert not operator.venue.state.exists("ann")
    assert operator.venue.events == []


def test_a_credit_that_no_number_of_the_log_could_hold_is_declined(operator: Operator) -> None:
    assert operator.credit("r", UNITS_MAX) == BOOKED
    assert operator.credit("s", 1) == BALANCE_TOO_LARGE
    assert operator.available() == UNITS_MAX


def test_what_is_locked_counts_for_the_largest_balance() -> None:
    operator = Operator(check_play("credit ann 3 BTC\n ann s1 sell 3 @ 100 => new"))
    assert operator.credit("r", UNITS_MAX - 3 * 10**8 + 1) == BALANCE_TOO_LARGE
    assert operator.credit("r", UNITS_MAX - 3 * 10**8) == BOOKED


def test_a_reference_seen_before_has_its_first_result_and_does_nothing(operator: Operator) -> None:
    operator.credit("r", 5)
    operator.debit("s", 2)
    events = list(operator.venue.events)
    assert operator.credit("r", 5) == BOOKED_EARLIER
    assert operator.debit("s", 2) == BOOKED_EARLIER
    assert operator.available() == 3
    assert operator.venue.events == events


def test_a_debit_done_earlier_stays_done_when_the_funds_are_gone(operator: Operator) -> None:
    operator.credit("r", 5)
    operator.debit("s", 5)
    assert operator.debit("s", 5) == BOOKED_EARLIER


def test_a_reference_stands_for_one_amount_of_one_currency_in_one_direction(operator: Operator) -> None:
    operator.credit("r", 5)
    operator.credit("s", 5, "USDT")
    for repeated in (operator.credit("r", 6), operator.credit("r", 5, "USDT"), operator.debit("r", 5)):
        assert repeated == REFERENCE_USED
    assert (operator.available(), operator.available("USDT")) == (5, 5)


def test_what_was_declined_may_be_tried_again_with_its_reference(operator: Operator) -> None:
    assert operator.debit("s", 5) == INSUFFICIENT_FUNDS
    operator.credit("r", 5)
    assert operator.debit("s", 5) == BOOKED
    assert operator.available() == 0


def test_every_account_has_references_of_its_own(operator: Operator) -> None:
    assert [operator.credit("welcome", 5, user=user) for user in ("ann", "bob")] == [BOOKED, BOOKED]
    assert operator.available(user="bob") == 5


def test_a_reference_is_forgotten_when_enough_others_came_after_it(operator: Operator) -> None:
    for index in range(REFERENCES_MAX):
        operator.credit(f"r{index}", 1)
    assert operator.credit("r0", 1) == BOOKED_EARLIER
    operator.debit("one more", 1)
    assert operator.credit("r0", 1) == BOOKED
    assert operator.available() == REFERENCES_MAX


def test_the_hash_covers_what_a_reference_stands_for() -> None:
    hashes = set()
    for first, second in ((1, 4), (2, 3)):
        operator = Operator(Venue())
        operator.credit("r", first)
        operator.credit("s", second)
        hashes.add(operator.venue.state.state_hash())
        assert replayed(operator.venue.instruments, operator.venue.events).state_hash() in hashes
    assert len(hashes) == 2


def test_references_and_what_they_stand_for_are_part_of_what_is_saved(operator: Operator) -> None:
    operator.credit("r", 5)
    operator.debit("s", 2)
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(operator.venue.state.save()), type=SavedExchange)
    again = Operator(Venue())
    again.venue.state.load(saved)
    assert again.venue.state.state_hash() == operator.venue.state.state_hash()
    assert [again.credit("r", 5), again.debit("s", 2)] == [BOOKED_EARLIER, BOOKED_EARLIER]
    assert again.debit("r", 5) == REFERENCE_USED
    assert again.available() == 3


@pytest.mark.parametrize("kind", [Credit, Debit])
@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_must_be_positive(kind: type[Credit | Debit], amount: int) -> None:
    with pytest.raises(ValueError, match="not positive"):
        Venue().send(kind(user="ann", currency="BTC", amount=amount, reference="r"))
