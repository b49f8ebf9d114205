import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.roads import NoRoads
from tracker.roads.straight import DETOUR, START_S, straight_left_m, straight_left_s

distances = st.floats(0, 20_000_000)


def test_at_the_door_nothing_is_left():
    assert straight_left_m(0) == straight_left_s(0) == 0


@given(near_m=distances, far_m=distances)
def test_further_away_is_never_sooner(near_m, far_m):
    near_m, far_m = sorted((near_m, far_m))

    assert straight_left_m(near_m) <= straight_left_m(far_m)
    assert straight_left_s(near_m) <= straight_left_s(far_m)


def test_a_city_trip_takes_what_recorded_trips_took():
    assert straight_left_m(5_000) == pytest.approx(5_000 * DETOUR)
    assert straight_left_s(5_000) == pytest.approx(722 + START_S, abs=1)


async def test_without_a_map_no_way_is_known():
    assert await NoRoads().route(lat=41.1, lon=-8.6, to_lat=41.2, to_lon=-8.6) is None
