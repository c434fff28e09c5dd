"""How many orders a second an account may send, at the exact edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.exchange.outcomes import TooFast
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.session.order_rates import OrderRates
from finalex.session.orders import reply


def taken(rates: OrderRates, user: str, now_ms: int) -> bool:
    try:
        rates.take(user, now_ms)
    except RequestError as error:
        assert (error.code, error.reason) == (ErrorCode.ORDER_REJECTED, RejectReason.ORDER_RATE)
        return False
    return True


def test_a_full_bucket_holds_a_seconds_orders() -> None:
    rates = OrderRates(10)
    assert [taken(rates, "ann", 5000) for _ in range(11)] == [True] * 10 + [False]


def test_it_fills_again_one_order_at_a_time() -> None:
    rates = OrderRates(10)
    for _ in range(10):
        rates.take("ann", 5000)
    assert not taken(rates, "ann", 5099)
    assert taken(rates, "ann", 5100)
    assert not taken(rates, "ann", 5100)


def test_each_account_has_its_own() -> None:
    rates = OrderRates(1)
    assert [taken(rates, user, 0) for user in ("ann", "bob", "ann")] == [True, True, False]


def test_zero_means_any_number() -> None:
    rates = OrderRates()
    assert all(taken(rates, "ann", 0) for _ in range(10_000))


def test_accounts_that_are_quiet_are_forgotten() -> None:
    rates = OrderRates(1, accounts_max=2)
    for number in range(50):
        assert taken(rates, f"user-{number}", number * 1000)
    assert rates.accounts <= 3


def test_accounts_that_are_not_quiet_are_not_forgotten() -> None:
    rates = OrderRates(1, accounts_max=2)
    for number in range(5):
        rates.take(f"user-{number}", 0)
    with pytest.raises(RequestError):
        rates.take("user-0", 500)


@given(st.lists(st.integers(0, 400), max_size=200), st.integers(1, 20))
def test_no_second_holds_more_than_twice_the_rate(gaps_ms: list[int], per_second_max: int) -> None:
    rates, now_ms, times_ms = OrderRates(per_second_max), 0, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        if taken(rates, "ann", now_ms):
            times_ms.append(now_ms)
    for start_ms in times_ms:
        assert sum(start_ms <= time_ms < start_ms + 1000 for time_ms in times_ms) <= 2 * per_second_max


def test_an_order_above_the_rate_is_refused_alike_here_and_by_an_engine_elsewhere() -> None:
    rates = OrderRates(1)
    rates.take("ann", 0)
    with pytest.raises(RequestError) as here:
        rates.take("ann", 0)
    with pytest.raises(RequestError) as elsewhere:
        reply(TooFast(1), DEFAULT_INSTRUMENTS)
    assert vars(here.value) == vars(elsewhere.value)


def test_what_is_not_admitted_is_not_counted() -> None:
    rates = OrderRates(1)
    assert [rates.admits("ann", now_ms) for now_ms in (0, 500, 1000, 1999, 2000)] == [True, False, True, False, True]
