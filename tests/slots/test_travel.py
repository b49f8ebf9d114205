from __future__ import annotations

import pytest
from geopy.distance import great_circle
from hypothesis import given
from hypothesis import strategies as st

from slots.travel import (
    DETOUR_FACTOR,
    PACE_MPS,
    UNKNOWN_TRAVEL_S,
    Point,
    StraightTravel,
    distance_m,
    known_point,
)

latitudes = st.floats(-89, 89, allow_nan=False)
longitudes = st.floats(-180, 180, allow_nan=False)


def point(lat: float, lon: float) -> Point:
    found = known_point(lat=lat, lon=lon)
    assert found is not None
    return found


@given(latitudes, longitudes, latitudes, longitudes)
def test_distances_are_those_of_geopy(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> None:
    a, b = known_point(lat=a_lat, lon=a_lon), known_point(lat=b_lat, lon=b_lon)
    if a is None or b is None:
        return

    # geopy's sphere has another radius in its last digits.
    expected = great_circle((a_lat, a_lon), (b_lat, b_lon)).m
    assert distance_m(a, b) == pytest.approx(expected, rel=1e-5, abs=1e-2)


@pytest.mark.parametrize(
    ("lat", "lon"), [(None, None), (38.7, None), (None, -9.1), (0.0, 0.0), (91.0, 0.0), (0.0, 181.0)]
)
def test_a_coordinate_that_is_missing_zero_or_impossible_is_unknown(lat: float | None, lon: float | None) -> None:
    assert known_point(lat=lat, lon=lon) is None


def test_a_place_on_the_equator_or_the_meridian_is_known() -> None:
    assert known_point(lat=0.0, lon=32.5) is not None
    assert known_point(lat=51.5, lon=0.0) is not None


def test_travel_from_or_to_an_unknown_place_is_never_zero() -> None:
    travel, known = StraightTravel(), point(38.72, -9.14)

    assert travel.seconds(None, known) == UNKNOWN_TRAVEL_S
    assert travel.seconds(known, None) == UNKNOWN_TRAVEL_S
    assert travel.seconds(None, None) == UNKNOWN_TRAVEL_S


def test_travel_is_distance_times_detour_at_pace_rounded_up() -> None:
    a, b = point(38.72, -9.14), point(38.75, -9.20)

    seconds = StraightTravel().seconds(a, b)

    exact = distance_m(a, b) * DETOUR_FACTOR / PACE_MPS
    assert exact <= seconds < exact + 1


def test_between_visits_at_one_address_nobody_travels() -> None:
    assert StraightTravel().seconds(point(38.72, -9.14), point(38.72, -9.14)) == 0


@pytest.mark.parametrize("wrong", [{"pace_mps": 0}, {"detour_factor": 0.9}, {"unknown_s": 0}])
def test_an_impossible_pace_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Impossible pace"):
        StraightTravel(**wrong)
