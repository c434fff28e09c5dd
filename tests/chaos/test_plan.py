"""The plan is a function of profile and seed alone."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from finalex.chaos.faults import Fault
from finalex.chaos.plan import LinePlan, ServerPlan
from finalex.chaos.profiles import PROFILES, Profile

SEEDS = st.integers(0, 2**63 - 1)
MESSAGES = 3000


def faults(profile: Profile, seed: int, number: int = 0) -> list[Fault | None]:
    plan = LinePlan(profile, seed, number)
    return [plan.count() for _ in range(MESSAGES)]


@given(seed=SEEDS, profile=st.sampled_from(list(PROFILES.values())))
def test_the_same_seed_gives_the_same_faults_at_the_same_messages(seed: int, profile: Profile) -> None:
    assert faults(profile, seed) == faults(profile, seed)


def test_delays_do_not_move_the_faults() -> None:
    profile = PROFILES["everything"]
    plan, delayed = LinePlan(profile, 1, 0), LinePlan(profile, 1, 0)
    for _ in range(MESSAGES):
        delayed.delay_ms()
        assert plan.count() == delayed.count()


def test_another_seed_and_another_connection_have_other_faults() -> None:
    profile = PROFILES["everything"]
    assert faults(profile, 1) != faults(profile, 2)
    assert faults(profile, 1, 0) != faults(profile, 1, 1)


@given(seed=SEEDS, messages=st.integers(1, 300))
def test_faults_are_at_most_twice_the_mean_apart(seed: int, messages: int) -> None:
    found = faults(Profile(messages=messages, book_gap=1), seed)
    places = [-1, *(place for place, fault in enumerate(found) if fault)]
    assert all(1 <= later - earlier < 2 * messages for earlier, later in pairwise(places))
    assert len(places) > MESSAGES // (2 * messages)


def test_faults_come_as_often_as_their_weights_say() -> None:
    found = Counter(
        fault for number in range(20) for fault in faults(Profile(messages=5, reset=3, book_gap=1), 1, number)
    )
    assert set(found) == {None, Fault.RESET, Fault.BOOK_GAP}
    assert 2.7 < found[Fault.RESET] / found[Fault.BOOK_GAP] < 3.3


@given(seed=SEEDS, latency_ms=st.integers(0, 100), jitter_ms=st.integers(0, 100))
def test_delays_are_the_latency_and_up_to_the_jitter_more(seed: int, latency_ms: int, jitter_ms: int) -> None:
    plan = LinePlan(Profile(latency_ms=latency_ms, jitter_ms=jitter_ms), seed, 0)
    assert all(latency_ms <= plan.delay_ms() <= latency_ms + jitter_ms for _ in range(100))


@given(seed=SEEDS)
def test_without_a_profile_the_server_neither_restarts_nor_refuses(seed: int) -> None:
    plan = ServerPlan(PROFILES["calm"], seed)
    assert plan.restart_after_ms() is None
    assert not any(plan.refuses() for _ in range(100))


@given(seed=SEEDS)
def test_restarts_come_about_as_often_as_they_should(seed: int) -> None:
    plan = ServerPlan(Profile(restart_every_ms=1000), seed)
    assert all(500 <= (plan.restart_after_ms() or 0) <= 1500 for _ in range(100))


def test_so_many_of_a_hundred_handshakes_are_refused() -> None:
    plan = ServerPlan(Profile(refuse_percent=30), 1)
    assert 2800 < sum(plan.refuses() for _ in range(10_000)) < 3200
