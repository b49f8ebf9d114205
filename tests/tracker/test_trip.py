import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracker.journeys import NOW_MS, PLACE, drive, fix_at
from tests.tracker.test_filters import some_fix
from tests.tracker.test_route import line
from tracker.filters import CURRENT, LATE, Kept, Rejection, TrackFilter
from tracker.messages import Eta, Position, encode
from tracker.trip import Trip

DESTINATION_M = 5_000.0
decode_position = msgspec.json.Decoder(Position).decode
decode_eta = msgspec.json.Decoder(Eta).decode


def a_trip(*, east_m: float = DESTINATION_M, radius_m: float = 75.0) -> Trip:
    lat, lon = PLACE.lat_lon(east_m=east_m, north_m=0)
    return Trip(track=TrackFilter(), lat=lat, lon=lon, arrival_radius_m=radius_m)


def receive(trip: Trip, fix):
    return trip.receive(fix, fix.fixed_at)


def follow(trip: Trip, fixes) -> list[int]:
    """The arrival instants told on the way."""
    told = []
    for fix in fixes:
        receive(trip, fix)
        if trip.eta_changed:
            trip.eta_changed = False
            told.append(trip.estimate.eta_at)
    return told


# Progress and arrival instant


def test_the_first_fix_gives_distance_and_arrival_as_an_estimate_and_wants_a_route():
    trip = a_trip()

    assert receive(trip, fix_at()) is CURRENT

    assert trip.wants_route
    assert trip.left_m == pytest.approx(6_750, rel=0.01)
    assert trip.estimate.estimated
    assert trip.eta_changed


def test_a_route_corrects_the_estimate_before_the_next_fix():
    trip = a_trip()
    follow(trip, [fix_at()])
    guess = trip.estimate.eta_at

    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=1200))

    assert not trip.wants_route
    assert trip.left_m == pytest.approx(DESTINATION_M, rel=0.001)
    assert not trip.estimate.estimated
    assert trip.eta_changed
    assert trip.estimate.eta_at == pytest.approx(NOW_MS + 1_200_000, abs=1_000)
    assert trip.estimate.eta_at != guess


def test_a_route_that_comes_before_the_first_fix_changes_nothing_yet():
    trip = a_trip()

    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=1200))

    assert trip.left_m is None
    assert trip.estimate.eta_at is None


def test_no_way_known_keeps_the_straight_line_and_is_not_asked_again():
    trip = a_trip()
    follow(trip, [fix_at()])

    trip.take_route(None)
    follow(trip, [fix_at(s=1, east_m=10)])

    assert not trip.wants_route
    assert trip.estimate.estimated


@pytest.mark.parametrize("every_s", [1, 15])
def test_a_drive_as_expected_tells_its_arrival_once_and_keeps_it(every_s):
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=500))

    told = follow(trip, drive(every_s=every_s, mps=10, lasting_s=480, rms_m=5))

    assert told == [pytest.approx(NOW_MS + 500_000, abs=3_000)]
    assert trip.left_m == pytest.approx(5_000 - 10 * (480 - every_s), abs=40)


def test_a_slow_driver_is_learnt():
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=400))

    follow(trip, drive(every_s=5, mps=5, lasting_s=600))

    assert trip.pace.factor > 1.1


def test_two_fixes_off_the_line_ask_for_another_route_and_one_does_not():
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=500))
    follow(trip, drive(every_s=1, mps=10, lasting_s=20))

    receive(trip, fix_at(s=20, east_m=200, north_m=70))
    assert not trip.wants_route
    receive(trip, fix_at(s=21, east_m=210, north_m=90))

    assert trip.wants_route


def test_until_another_route_comes_the_told_arrival_stays_what_it_was():
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=500))
    follow(trip, drive(every_s=1, mps=10, lasting_s=20))
    told = trip.estimate.eta_at

    later = follow(trip, [fix_at(s=20 + s, east_m=200, north_m=80 + 10 * s) for s in range(30)])

    assert later == []
    assert trip.estimate.eta_at == told
    assert not trip.estimate.estimated


def test_back_on_the_line_no_other_route_is_wanted():
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=500))
    follow(trip, drive(every_s=1, mps=10, lasting_s=20))
    follow(trip, [fix_at(s=20, east_m=200, north_m=80), fix_at(s=21, east_m=210, north_m=80)])

    receive(trip, fix_at(s=30, east_m=300))

    assert not trip.wants_route


def test_off_the_line_where_no_way_is_known_the_straight_line_serves():
    trip = a_trip()
    trip.take_route(line((0, 0), (DESTINATION_M, 0), total_s=500))
    follow(trip, drive(every_s=1, mps=10, lasting_s=20))
    follow(trip, [fix_at(s=20, east_m=200, north_m=80), fix_at(s=21, east_m=210, north_m=80)])

    trip.take_route(None)
    receive(trip, fix_at(s=22, east_m=220, north_m=80))

    assert trip.estimate.estimated


def test_without_a_destination_there_is_a_position_and_no_arrival():
    trip = Trip(track=TrackFilter(), lat=None, lon=None, arrival_radius_m=75)

    assert receive(trip, fix_at()) is CURRENT

    position = trip.position(1, NOW_MS)
    assert (position.left_m, position.eta_at, trip.eta(2, NOW_MS)) == (None, None, None)
    assert not trip.wants_route


# Arrival


def test_parking_at_the_door_is_an_arrival_told_once():
    trip = a_trip()
    arrivals = 0

    for s in range(60):
        receive(trip, fix_at(s=s, east_m=DESTINATION_M - 20, speed_mps=0.2))
        arrivals += trip.just_arrived
        trip.just_arrived = False

    assert arrivals == 1
    assert trip.left_s == 0


def test_a_late_fix_at_the_door_is_no_arrival():
    trip = a_trip()
    receive(trip, fix_at(s=600))
    before = (trip.left_m, trip.estimate.eta_at, trip.arrival.inside)

    verdicts = [
        trip.receive(fix_at(s=s, east_m=DESTINATION_M, speed_mps=0), NOW_MS + 601_000) for s in range(500, 560, 10)
    ]

    assert set(verdicts) == {LATE}
    assert not trip.just_arrived
    assert (trip.left_m, trip.estimate.eta_at, trip.arrival.inside) == before


def test_a_refused_fix_at_the_door_is_no_arrival():
    trip = a_trip()
    receive(trip, fix_at())

    verdicts = [receive(trip, fix_at(s=1 + s / 10, east_m=DESTINATION_M, speed_mps=0)) for s in range(2)]

    assert verdicts == [Rejection.IMPOSSIBLE_SPEED] * 2
    assert not trip.just_arrived


def test_setting_off_where_the_last_fix_was_knows_the_way_left_at_once():
    track = TrackFilter()
    track.receive(fix_at(), NOW_MS)
    lat, lon = PLACE.lat_lon(east_m=1_000, north_m=0)
    trip = Trip(track=track, lat=lat, lon=lon, arrival_radius_m=75)

    trip.resume()

    assert trip.left_m == pytest.approx(1_350, rel=0.01)
    assert not trip.just_arrived


# What is told


def test_the_told_instant_does_not_drift_between_fixes():
    trip = a_trip()
    receive(trip, fix_at())

    told = {trip.position(1, NOW_MS + s * 1000).eta_at for s in range(0, 600, 7)}

    assert told == {trip.estimate.eta_at}


def test_the_told_instant_is_never_past_however_long_nothing_comes():
    trip = a_trip(east_m=500)
    receive(trip, fix_at())
    now_ms = NOW_MS + 7_200_000

    position = trip.position(1, now_ms)
    eta = trip.eta(2, now_ms)

    assert (position.eta_at, position.left_s) == (now_ms, 0)
    assert (eta.eta_low_at, eta.eta_at) == (now_ms, now_ms)


def test_the_range_widens_while_the_phone_is_silent():
    trip = a_trip(east_m=5000)
    receive(trip, fix_at())

    fresh = trip.eta(1, NOW_MS)
    silent = trip.eta(2, NOW_MS + 300_000)

    assert silent.eta_at == fresh.eta_at
    assert silent.eta_low_at < fresh.eta_low_at
    assert silent.eta_high_at > fresh.eta_high_at


def test_a_reason_of_ones_own_wins():
    trip = a_trip()
    receive(trip, fix_at())

    assert trip.eta(1, NOW_MS).reason == "estimated"
    assert trip.eta(1, NOW_MS, "arrived").reason == "arrived"


def test_what_is_unknown_is_left_out_and_what_is_told_is_rounded():
    trip = a_trip()
    receive(trip, fix_at(heading_deg=359.7, speed_mps=11.234, accuracy_m=6.5))

    wire = msgspec.json.decode(encode(trip.position(7, NOW_MS)))

    assert (wire["heading_deg"], wire["speed_cms"], wire["accuracy_m"]) == (0, 1123, 7)
    bare = a_trip()
    receive(bare, fix_at())
    assert not {"heading_deg", "accuracy_m"} & msgspec.json.decode(encode(bare.position(7, NOW_MS))).keys()


@given(
    fixes=st.lists(some_fix, max_size=25),
    routed=st.booleans(),
    place=st.one_of(st.none(), st.tuples(st.floats(-90, 90), st.floats(-180, 180)), st.just((PLACE.lat, PLACE.lon))),
)
def test_whatever_a_phone_sends_can_be_followed_and_told(fixes, routed, place):
    lat, lon = place if place is not None else (None, None)
    trip = Trip(track=TrackFilter(), lat=lat, lon=lon, arrival_radius_m=75)
    if routed:
        trip.take_route(line((0, 0), (1000, 0), total_s=100))

    for seq, fix in enumerate(fixes):
        verdict = trip.receive(fix, NOW_MS)

        assert isinstance(verdict, Kept | Rejection)
        if not trip.track.fixed_at:
            continue
        told = decode_position(encode(trip.position(seq, NOW_MS)))
        assert -90_000_000 <= told.lat_e6 <= 90_000_000
        assert -180_000_000 <= told.lon_e6 <= 180_000_000
        if told.eta_at is not None:
            assert NOW_MS <= told.eta_low_at <= told.eta_at <= told.eta_high_at
            assert told.left_s >= 0
            eta = decode_eta(encode(trip.eta(seq, NOW_MS)))
            assert NOW_MS <= eta.eta_low_at <= eta.eta_at <= eta.eta_high_at


def test_one_who_creeps_the_last_metres_arrives_although_the_marker_rests():
    trip = a_trip(east_m=200)
    fixes = [fix_at(east_m=min(200.0, 9.0 * step), s=15.0 * step) for step in range(26)]

    for fix in fixes:
        receive(trip, fix)

    assert trip.arrival.arrived_at is not None
