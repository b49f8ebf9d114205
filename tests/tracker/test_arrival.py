import pytest

from tests.tracker.journeys import NOW_MS
from tracker.arrival import ArrivalDetector


class Approach:
    """Feeds a detector with one fix per call; everything not said is ordinary."""

    def __init__(self, radius_m: float = 75.0) -> None:
        self.detector = ArrivalDetector(radius_m)

    def at(self, s: float, distance_m: float, *, accuracy_m=5.0, speed_mps=10.0, moved_m=0.0) -> bool:
        return self.detector.receive(
            distance_m=distance_m,
            moved_m=moved_m,
            accuracy_m=accuracy_m,
            speed_mps=speed_mps,
            fixed_at=NOW_MS + round(s * 1000),
        )


def test_driving_past_the_house_is_no_arrival():
    approach = Approach()

    told = [approach.at(s, abs(200 - 12 * s), speed_mps=12) for s in range(40)]

    assert not any(told)


def test_two_slow_fixes_inside_are_an_arrival():
    approach = Approach()

    assert [approach.at(0, 70, speed_mps=1), approach.at(15, 60, speed_mps=1)] == [False, True]
    assert approach.detector.arrived_at == NOW_MS + 15_000


def test_slow_fixes_with_a_fast_one_between_do_not_count_together():
    approach = Approach()

    told = [approach.at(s, 50, speed_mps=mps) for s, mps in enumerate([1, 9, 1, 9, 1])]

    assert not any(told)


def test_twenty_seconds_inside_are_an_arrival_even_in_slow_traffic():
    approach = Approach()

    told = [approach.at(s, 74 - s, speed_mps=4) for s in range(25)]

    assert told.index(True) == 20


def test_an_unknown_speed_is_taken_from_the_way_and_the_time_between():
    rolling = Approach()
    parking = Approach()

    assert not any(rolling.at(s, 70 - 6 * s, speed_mps=None, moved_m=6) for s in range(8))
    assert [parking.at(s, 70, speed_mps=None, moved_m=1) for s in range(2)] == [False, True]


def test_the_dwell_begins_again_after_leaving():
    approach = Approach()
    for s in range(15):
        approach.at(s, 50)
    approach.at(15, 200)

    told = [approach.at(s, 50) for s in range(16, 40)]

    assert told.index(True) == 20


@pytest.mark.parametrize(("radius_m", "leave_m"), [(75, 95), (300, 330), (50, 70)])
def test_the_circle_is_left_further_out_than_it_is_entered(radius_m, leave_m):
    approach = Approach(radius_m)

    assert approach.detector.leave_m == pytest.approx(leave_m)
    approach.at(0, radius_m + 0.1)
    assert not approach.detector.inside
    approach.at(1, radius_m)
    assert approach.detector.inside
    approach.at(2, leave_m - 0.01)
    assert approach.detector.inside
    approach.at(3, leave_m + 0.01)
    assert not approach.detector.inside


def test_a_fix_that_may_as_well_lie_outside_does_not_open_the_door():
    approach = Approach()

    assert not any(approach.at(s, 10, accuracy_m=151, speed_mps=0) for s in range(60))
    assert not approach.detector.inside
    assert [approach.at(s, 10, accuracy_m=150, speed_mps=0) for s in (60, 61)] == [False, True]


def test_arrival_is_told_exactly_once_even_after_going_away_and_coming_back():
    approach = Approach()

    told = [approach.at(s, 1_000 if 100 <= s < 200 else 10, speed_mps=0) for s in range(300)]

    assert sum(told) == 1
    assert approach.detector.arrived_at == NOW_MS + 1_000


def test_at_the_door_is_who_was_slow_well_within_the_circle():
    approach = Approach()
    seen = []
    for s, distance_m, speed_mps in [
        (0, 90, 1),
        (1, 70, 9),
        (2, 60, 1),
        (3, 50, 6),
        (4, 85, 1),
        (5, 70, 6),
        (6, 99, 6),
    ]:
        approach.at(s, distance_m, speed_mps=speed_mps)
        seen.append(approach.detector.at_the_door)

    assert seen == [False, False, True, True, False, True, False]


def test_whoever_rolls_through_the_circle_is_not_at_the_door_though_it_takes_long():
    approach = Approach()
    for s in range(35):
        approach.at(s, abs(74 - 4 * s), speed_mps=4)
        assert not approach.detector.at_the_door

    assert approach.detector.arrived_at == NOW_MS + 20_000


def test_a_halt_in_the_ring_in_which_nobody_has_left_yet_is_not_at_the_door():
    approach = Approach()
    approach.at(0, 60)

    for s in range(1, 60):
        approach.at(s, 90, speed_mps=0)

    assert approach.detector.inside
    assert not approach.detector.at_the_door


def test_who_stands_just_outside_and_strays_into_the_circle_is_not_at_the_door():
    approach = Approach()
    for s in range(120):
        # Every tenth fix lies inside.
        approach.at(s, 66 if s % 10 == 0 else 78, speed_mps=0)
        assert not approach.detector.at_the_door


def test_who_comes_back_has_to_be_slow_again():
    approach = Approach()
    for s, distance_m in enumerate([50, 50, 200, 50]):
        approach.at(s, distance_m, speed_mps=0 if s < 2 else 9)

    assert not approach.detector.at_the_door
