"""When to look: pure, so time is what the test says."""

import pytest

from tracker.pace import ALONE, PATIENT, SHARED, WINDOW_S, Habit, Pace


def woken(pace: Pace, habit: Habit, *, per_s: float, for_s: float = 0.5) -> float | None:
    """Wake-ups at an even rate: when it became busy, if it did."""
    for number in range(round(per_s * for_s)):
        now_s = 10 + number / per_s
        if pace.is_busy(now_s, habit):
            return now_s - 10
    return None


def ticked(habit: Habit, *, per_s: float, windows: int = 4) -> float | None:
    """The length of the ticks after a while at an even rate of ready sockets; None: it became quiet."""
    pace, now_s, wait_s = Pace(), 10.0, habit.shortest_s
    pace.is_busy(now_s, habit)
    ready = 0.0
    while now_s < 10 + windows * WINDOW_S:
        now_s += wait_s
        ready += wait_s * per_s
        next_s = pace.next_tick_s(now_s, habit, ready=int(ready))
        ready -= int(ready)
        if next_s is None:
            return None
        wait_s = next_s
    return wait_s


@pytest.mark.parametrize(
    ("habit", "quiet_per_s", "busy_per_s"), [(ALONE, 1900, 2200), (SHARED, 480, 600), (PATIENT, 90, 160)]
)
def test_from_so_many_wake_ups_a_second_there_are_ticks(habit, quiet_per_s, busy_per_s):
    assert woken(Pace(), habit, per_s=quiet_per_s) is None
    busy_after_s = woken(Pace(), habit, per_s=busy_per_s)

    assert busy_after_s is not None
    assert busy_after_s < 3 * WINDOW_S


def test_a_crowd_of_wake_ups_long_ago_makes_no_busy_time():
    pace = Pace()
    pace.is_busy(10.0, ALONE)
    for _ in range(1000):
        pace.is_busy(10.001, ALONE)

    assert not pace.is_busy(10 + 3 * WINDOW_S, ALONE)


@pytest.mark.parametrize(
    ("habit", "per_s", "tick_s"),
    [
        (ALONE, 50_000, 0.002),
        (ALONE, 5_000, 0.002),
        (ALONE, 4_000, 0.0025),
        (ALONE, 2_500, 0.004),
        (ALONE, 1_200, 0.004),
        (SHARED, 10_000, 0.002),
        (SHARED, 4_000, 0.005),
        (SHARED, 2_500, 0.008),
        (SHARED, 400, 0.008),
        (PATIENT, 100, 0.02),
        (PATIENT, 10_000, 0.02),
    ],
)
def test_a_tick_is_as_long_as_it_takes_to_find_company_within_bounds(habit, per_s, tick_s):
    assert ticked(habit, per_s=per_s) == pytest.approx(tick_s, rel=0.15)


@pytest.mark.parametrize(("habit", "per_s"), [(ALONE, 100), (SHARED, 40), (PATIENT, 0)])
def test_when_hardly_anything_comes_it_is_quiet_again(habit, per_s):
    assert ticked(habit, per_s=per_s) is None


def test_one_socket_that_brings_something_with_every_tick_keeps_them_going():
    """Few are ready, but each may bring many fixes."""
    pace, now_s = Pace(), 10.0
    for _ in range(200):
        now_s += ALONE.longest_s
        assert pace.next_tick_s(now_s, ALONE, ready=1) == ALONE.longest_s
