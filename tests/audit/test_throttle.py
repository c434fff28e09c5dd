"""How many entries clients can cause."""

from finalex.audit.throttle import ADDRESSES_MAX, PER_ADDRESS_MAX, TOTAL_MAX, Throttle


def test_an_address_is_recorded_so_often_in_a_minute_and_others_are_not_affected() -> None:
    throttle = Throttle()

    taken = [throttle.take("one", 1_000)[0] for _ in range(PER_ADDRESS_MAX + 5)]

    assert taken == [True] * PER_ADDRESS_MAX + [False] * 5
    assert throttle.take("two", 1_000) == (True, 0)


def test_what_was_left_out_is_told_once_in_the_next_minute() -> None:
    throttle = Throttle()
    for _ in range(PER_ADDRESS_MAX + 5):
        throttle.take("one", 1_000)

    assert throttle.take("one", 60_999) == (False, 0)
    assert throttle.take("one", 61_000) == (True, 6)
    assert throttle.take("one", 61_000) == (True, 0)


def test_many_addresses_together_have_a_limit_too() -> None:
    throttle = Throttle()

    taken = [throttle.take(f"address {number}", 1_000)[0] for number in range(TOTAL_MAX + 5)]

    assert taken.count(True) == TOTAL_MAX


def test_no_more_addresses_are_remembered_than_the_limit_allows() -> None:
    throttle = Throttle()
    for number in range(2 * ADDRESSES_MAX):
        throttle.take(f"address {number}", 1_000)

    assert throttle.left_out == 2 * ADDRESSES_MAX - TOTAL_MAX


def test_a_clock_that_goes_back_begins_a_new_minute() -> None:
    throttle = Throttle()
    for _ in range(PER_ADDRESS_MAX):
        throttle.take("one", 100_000)

    assert throttle.take("one", 1_000) == (True, 0)
