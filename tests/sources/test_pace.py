import pytest

from finalex.sources.pace import BUSY_S_MAX, Pace


class Clock:
    """A clock that only sleeping moves, and what was slept."""

    def __init__(self) -> None:
        self.now_s = 500.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_lines_wait_as_long_as_the_recording_did(clock: Clock) -> None:
    pace = Pace(1.0, clock.now, clock.sleep)
    for due_ms in (1_000_000, 1_000_100, 1_000_350):
        await pace.wait(due_ms)
    assert clock.slept == [0.1, 0.25]


@pytest.mark.parametrize(("speed", "slept"), [(10.0, 0.01), (0.5, 0.2)])
async def test_speed_divides_the_waiting(clock: Clock, speed: float, slept: float) -> None:
    pace = Pace(speed, clock.now, clock.sleep)
    await pace.wait(0)
    await pace.wait(100)
    assert clock.slept == [slept]


async def test_time_that_was_used_otherwise_is_not_waited_again(clock: Clock) -> None:
    pace = Pace(1.0, clock.now, clock.sleep)
    await pace.wait(0)
    clock.now_s += 0.03
    await pace.wait(100)
    assert clock.slept == [0.07]


async def test_what_is_due_together_does_not_wait(clock: Clock) -> None:
    pace = Pace(100.0, clock.now, clock.sleep)
    for due_ms in range(1001):
        await pace.wait(due_ms)
    assert sum(clock.slept) == pytest.approx(0.01, abs=0.001)
    assert min(clock.slept) >= 0.001


async def test_a_time_that_goes_back_does_not_wait_and_does_not_shift_what_follows(clock: Clock) -> None:
    pace = Pace(1.0, clock.now, clock.sleep)
    for due_ms in (0, 100, 40, 120):
        await pace.wait(due_ms)
    assert clock.slept == [0.1, 0.02]


async def test_a_long_silence_is_shortened(clock: Clock) -> None:
    pace = Pace(1.0, clock.now, clock.sleep)
    for due_ms in (0, 10_000_000, 10_000_500):
        await pace.wait(due_ms)
    await pace.wait(20_000_000, 2_000)
    assert clock.slept == [60.0, 0.5, 2.0]


async def test_without_speed_nothing_waits_but_others_get_their_turn(clock: Clock) -> None:
    pace = Pace(None, clock.now, clock.sleep)
    for due_ms in range(0, 40_000, 1_000):
        clock.now_s += BUSY_S_MAX * 0.3
        await pace.wait(due_ms)
    assert clock.slept == [0] * 9


async def test_a_replay_that_is_late_gives_others_their_turn(clock: Clock) -> None:
    pace = Pace(1.0, clock.now, clock.sleep)
    await pace.wait(0)
    clock.now_s += 10
    for due_ms in range(30):
        clock.now_s += 0.001
        await pace.wait(due_ms)
    assert set(clock.slept) == {0}
    assert len(clock.slept) >= 5


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_wrong_speed_is_refused(clock: Clock, speed: float) -> None:
    with pytest.raises(ValueError, match="is not a positive number"):
        Pace(speed, clock.now, clock.sleep)
