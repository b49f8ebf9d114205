import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.roads.extract import DRIVABLE_CLASSES
from tracker.roads.speeds import CLASS_KMH, TURN_S, free_kmh, turn_s


def test_every_class_that_is_read_has_a_speed():
    assert set(CLASS_KMH) == DRIVABLE_CLASSES


@pytest.mark.parametrize(
    ("road_class", "maxspeed_kmh", "private", "kmh"),
    [
        ("primary", None, False, 65.0),
        ("primary", 50.0, False, 40.0),
        ("residential", 30.0, False, 24.0),
        ("service", 50.0, False, 15.0),
        ("service", None, True, 9.0),
        ("residential", 1.0, False, 4.0),
    ],
)
def test_a_limit_is_nearly_driven_and_a_yard_is_slow_whatever_the_sign(road_class, maxspeed_kmh, private, kmh):
    assert free_kmh(road_class, maxspeed_kmh=maxspeed_kmh, private=private) == pytest.approx(kmh)


def test_straight_on_costs_nothing_and_left_more_than_right():
    assert turn_s(0) < 0.05
    assert turn_s(-90) > turn_s(90) > turn_s(30)


@given(st.floats(-180, 180))
def test_a_turn_costs_seconds(angle_deg):
    assert 0 <= turn_s(angle_deg) <= TURN_S
