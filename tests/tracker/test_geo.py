import math

import pytest
from geopy.distance import geodesic
from hypothesis import given
from hypothesis import strategies as st

from tracker.geo import METRES_PER_DEGREE, LocalFrame, bearing_deg, distance_m

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
# Where a degree of longitude has a length worth speaking of.
inhabited = st.floats(-75, 75)
nearby_m = st.floats(-20_000, 20_000)


@given(lat=latitudes, lon=longitudes, to_lat=latitudes, to_lon=longitudes)
def test_the_distance_is_the_geodesic_one_within_six_tenths_of_a_percent(lat, lon, to_lat, to_lon):
    exact_m = geodesic((lat, lon), (to_lat, to_lon)).meters

    measured_m = distance_m(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)

    assert measured_m == pytest.approx(exact_m, rel=0.006, abs=0.01)


@given(lat=latitudes, lon=longitudes, to_lat=latitudes, to_lon=longitudes)
def test_there_is_as_far_as_back(lat, lon, to_lat, to_lon):
    there_m = distance_m(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)
    back_m = distance_m(lat=to_lat, lon=to_lon, to_lat=lat, to_lon=lon)

    assert there_m == pytest.approx(back_m, abs=1e-6)


def test_opposite_ends_of_the_earth_are_half_its_girth_apart():
    assert distance_m(lat=90, lon=0, to_lat=-90, to_lon=77) == pytest.approx(180 * METRES_PER_DEGREE)


@given(lat=inhabited, lon=longitudes, east_m=nearby_m, north_m=nearby_m)
def test_metres_of_a_local_frame_come_back_from_degrees(lat, lon, east_m, north_m):
    frame = LocalFrame(lat=lat, lon=lon)

    there_lat, there_lon = frame.lat_lon(east_m=east_m, north_m=north_m)

    assert frame.east_north(lat=there_lat, lon=there_lon) == pytest.approx((east_m, north_m), abs=1e-3)


@given(lat=st.floats(-65, 65), lon=longitudes, east_m=nearby_m, north_m=nearby_m)
def test_metres_of_a_local_frame_are_metres_of_the_earth(lat, lon, east_m, north_m):
    frame = LocalFrame(lat=lat, lon=lon)
    there_lat, there_lon = frame.lat_lon(east_m=east_m, north_m=north_m)

    far_m = distance_m(lat=lat, lon=lon, to_lat=there_lat, to_lon=there_lon)

    assert math.hypot(east_m, north_m) == pytest.approx(far_m, rel=0.01, abs=0.01)


def test_a_frame_takes_the_short_way_over_the_antimeridian():
    east_of_it = LocalFrame(lat=-17.0, lon=-179.999)
    west_of_it = LocalFrame(lat=-17.0, lon=179.999)

    assert east_of_it.east_north(lat=-17.0, lon=179.999)[0] == pytest.approx(-212.7, abs=0.5)
    assert west_of_it.east_north(lat=-17.0, lon=-179.999)[0] == pytest.approx(212.7, abs=0.5)
    assert west_of_it.lat_lon(east_m=212.7, north_m=0)[1] == pytest.approx(-179.999, abs=1e-5)
    assert east_of_it.lat_lon(east_m=-212.7, north_m=0)[1] == pytest.approx(179.999, abs=1e-5)


@given(lon=longitudes, to_lat=latitudes, to_lon=longitudes)
def test_a_frame_at_a_pole_gives_finite_metres(lon, to_lat, to_lon):
    for lat in (90.0, -90.0):
        east_m, north_m = LocalFrame(lat=lat, lon=lon).east_north(lat=to_lat, lon=to_lon)

        assert math.isfinite(east_m)
        assert math.isfinite(north_m)


@pytest.mark.parametrize(
    ("east_m", "north_m", "bearing"), [(0, 1, 0), (1, 1, 45), (1, 0, 90), (0, -1, 180), (-1, 0, 270), (0, 0, 0)]
)
def test_a_bearing_counts_clockwise_from_north(east_m, north_m, bearing):
    assert bearing_deg(east_m=east_m, north_m=north_m) == pytest.approx(bearing)


@given(east_m=nearby_m, north_m=nearby_m)
def test_a_bearing_is_at_least_zero_and_at_most_360(east_m, north_m):
    # A hair west of north rounds up to 360.
    assert 0 <= bearing_deg(east_m=east_m, north_m=north_m) <= 360
