import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS
from tracker.geo import distance_m
from tracker.ledger import KEEP_EVERY_MS, KEPT, PredictionLog, area_of
from tracker.records import Prediction

MINUTE_MS = 60_000


def test_each_horizon_gets_the_last_prediction_told_that_long_before_the_arrival():
    log = PredictionLog()
    arrived_at = NOW_MS + 40 * MINUTE_MS
    for minute in range(40):
        at_ms = NOW_MS + minute * MINUTE_MS
        log.note(at_ms=at_ms, eta_at=arrived_at + minute, low_at=at_ms, high_at=arrived_at + 99)

    rows = log.settle(trip_id="visit", technician_id="ana", arrived_at=arrived_at, area="here")

    assert [(row.minutes_before, row.predicted_at, row.eta_at) for row in rows] == [
        (30, NOW_MS + 10 * MINUTE_MS, arrived_at + 10),
        (15, NOW_MS + 25 * MINUTE_MS, arrived_at + 25),
        (5, NOW_MS + 35 * MINUTE_MS, arrived_at + 35),
    ]
    assert rows[2] == Prediction(
        "visit",
        5,
        "ana",
        NOW_MS + 35 * MINUTE_MS,
        arrived_at + 35,
        NOW_MS + 35 * MINUTE_MS,
        arrived_at + 99,
        arrived_at,
        "here",
    )


def test_a_short_trip_has_no_prediction_for_the_long_horizons():
    log = PredictionLog()
    log.note(at_ms=NOW_MS, eta_at=NOW_MS + 1, low_at=NOW_MS, high_at=NOW_MS + 2)

    rows = log.settle(trip_id="visit", technician_id="ana", arrived_at=NOW_MS + 6 * MINUTE_MS)

    assert [row.minutes_before for row in rows] == [5]
    assert PredictionLog().settle(trip_id="visit", technician_id="ana", arrived_at=NOW_MS) == []


def test_predictions_are_kept_seldom_and_not_for_ever():
    log = PredictionLog()
    for number in range(4 * KEPT):
        at_ms = NOW_MS + number * KEEP_EVERY_MS // 2
        log.note(at_ms=at_ms, eta_at=at_ms, low_at=at_ms, high_at=at_ms)

    assert len(log._rows) <= KEPT
    assert log._rows[-1][0] - log._rows[-2][0] == KEEP_EVERY_MS


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180))
def test_a_place_lies_within_sixteen_hundred_metres_of_the_centre_of_its_area(lat: float, lon: float):
    centre_lat, centre_lon = map(float, area_of(lat=lat, lon=lon).split(","))

    # Half the diagonal of a square of 2.2 km.
    assert distance_m(lat=lat, lon=lon, to_lat=centre_lat, to_lon=centre_lon) < 1_700


@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180))
def test_the_centre_of_an_area_lies_in_it(lat: float, lon: float):
    area = area_of(lat=lat, lon=lon)
    centre_lat, centre_lon = map(float, area.split(","))

    assert len(area) <= 24
    if abs(centre_lat) < 88:
        assert area_of(lat=centre_lat, lon=centre_lon) == area


@pytest.mark.parametrize(
    ("lat", "lon", "area"),
    [
        (41.15, -8.61, "41.150,-8.619"),
        (41.1401, -8.61, "41.150,-8.619"),
        (41.1399, -8.61, "41.130,-8.616"),
        (0.0, 0.0, "0.010,0.010"),
        (90.0, 180.0, "89.990,-120.000"),
        (-90.0, -180.0, "-89.990,-120.000"),
    ],
)
def test_areas_have_names_that_stay(lat: float, lon: float, area: str):
    assert area_of(lat=lat, lon=lon) == area


def test_the_edge_of_the_map_is_one_place():
    assert area_of(lat=-16.5, lon=180.0) == area_of(lat=-16.5, lon=-180.0)
