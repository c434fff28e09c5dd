"""How many connections an address may have."""

from finalex.gateway.admission import ADDRESSES_MAX, WINDOW_MS, Admission, Verdict

HERE, THERE = "192.0.2.1", "192.0.2.2"
NOW_MS = 1_000_000


def full(refusals_per_minute_max: int = 3) -> Admission:
    """Return an admission in which HERE has all of its two connections."""
    admission = Admission(2, refusals_per_minute_max)
    assert [admission.judge(HERE, NOW_MS) for _ in range(2)] == [Verdict.ADMIT] * 2
    return admission


def test_an_address_has_so_many_and_no_more() -> None:
    admission = full()
    assert admission.remaining(HERE) == 0
    assert admission.judge(HERE, NOW_MS) is Verdict.REFUSE
    assert admission.judge(THERE, NOW_MS) is Verdict.ADMIT
    assert admission.remaining(THERE) == 1


def test_one_that_leaves_makes_room() -> None:
    admission = full()
    admission.judge(HERE, NOW_MS)
    admission.leave(HERE)
    assert admission.remaining(HERE) == 1
    assert admission.judge(HERE, NOW_MS) is Verdict.ADMIT


def test_who_keeps_knocking_is_turned_away() -> None:
    admission = full()
    verdicts = [admission.judge(HERE, NOW_MS + second) for second in range(5)]
    assert verdicts == [Verdict.REFUSE] * 3 + [Verdict.TURN_AWAY] * 2


def test_knocking_is_forgotten_after_a_minute() -> None:
    admission = full()
    verdicts = [
        admission.judge(HERE, NOW_MS + elapsed_ms)
        for elapsed_ms in (0, 1000, 2000, WINDOW_MS - 1, WINDOW_MS, WINDOW_MS, WINDOW_MS + 1000)
    ]
    refuse, turn_away = Verdict.REFUSE, Verdict.TURN_AWAY
    assert verdicts == [refuse, refuse, refuse, turn_away, refuse, turn_away, refuse]


def test_who_knocked_is_admitted_as_soon_as_there_is_room() -> None:
    admission = full()
    for _ in range(10):
        admission.judge(HERE, NOW_MS)
    admission.leave(HERE)
    assert admission.judge(HERE, NOW_MS) is Verdict.ADMIT


def test_another_address_may_knock_on_its_own_account() -> None:
    admission = Admission(0, 1)
    assert [admission.judge(address, NOW_MS) for address in (HERE, HERE, THERE)] == [
        Verdict.REFUSE,
        Verdict.TURN_AWAY,
        Verdict.REFUSE,
    ]


def test_only_so_many_addresses_are_remembered() -> None:
    admission = Admission(0, 1)
    admission.judge(HERE, NOW_MS)
    for number in range(ADDRESSES_MAX - 1):
        admission.judge(str(number), NOW_MS)
    assert admission.judge(HERE, NOW_MS) is Verdict.TURN_AWAY
    admission.judge("one more", NOW_MS)
    assert admission.judge("0", NOW_MS) is Verdict.REFUSE
    assert admission.judge(HERE, NOW_MS) is Verdict.TURN_AWAY


def test_a_64_network_of_ipv6_has_as_many_as_one_address() -> None:
    admission = Admission(2, 3)
    assert [admission.judge(f"2001:db8::{number}", NOW_MS) for number in range(3)] == [
        Verdict.ADMIT,
        Verdict.ADMIT,
        Verdict.REFUSE,
    ]
    assert admission.remaining("2001:db8::ffff") == 0
    assert admission.judge("2001:db8:0:1::1", NOW_MS) is Verdict.ADMIT
    admission.leave("2001:db8::1")
    assert admission.judge("2001:db8::9", NOW_MS) is Verdict.ADMIT
