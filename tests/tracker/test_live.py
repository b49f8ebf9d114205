from tests.tracker.journeys import NOW_MS, PLACE, fix_at
from tests.tracker.test_route import line
from tracker.facts import TripFacts
from tracker.live import Duty, LiveTechnician, LiveTrip
from tracker.messages import Destination


def facts(**changed) -> TripFacts:
    return TripFacts(
        **(
            {
                "version": 1,
                "status": "traveling",
                "time_zone": "Europe/Lisbon",
                "window_start_ms": NOW_MS,
                "window_end_ms": NOW_MS + 7_200_000,
                "destination_lat": PLACE.lat,
                "destination_lon": PLACE.lon + 0.05,
            }
            | changed
        )
    )


def under_way(**changed) -> LiveTrip:
    trip = LiveTrip("visit", "k3f9")
    trip.take_facts(facts(**changed))
    technician = LiveTechnician("ana")
    trip.begin(technician=technician, facts=trip.facts, since_ms=NOW_MS)
    trip.drive(technician, trip.facts, arrival_radius_m=75)
    return trip


def receive(trip: LiveTrip, **place) -> bool:
    fix = fix_at(**place)
    trip.motion.receive(fix, fix.fixed_at)
    return trip.reveal(fix.fixed_at)


def test_older_facts_never_replace_newer_ones():
    trip = LiveTrip("visit", "k3f9")

    assert trip.take_facts(facts(version=3))
    assert not trip.take_facts(facts(version=2, status="scheduled"))
    assert trip.take_facts(facts(version=3, tracking=False))

    assert (trip.facts.status, trip.facts.tracking) == ("traveling", False)


def test_a_snapshot_before_the_first_fix_has_a_destination_and_nobody_in_it():
    snapshot = under_way().snapshot(NOW_MS)

    assert snapshot.destination == Destination(lat_e6=41_150_000, lon_e6=-8_570_000)
    assert (snapshot.position, snapshot.eta, snapshot.freshness) == (None, None, None)


def test_a_snapshot_says_how_old_its_position_is():
    trip = under_way()
    receive(trip)

    assert trip.snapshot(NOW_MS).freshness == "live"
    late = trip.snapshot(NOW_MS + 60_000)
    assert (late.freshness, late.position.freshness) == ("delayed", "delayed")
    assert trip.snapshot(NOW_MS + 600_000).freshness == "lost"


def test_a_position_that_its_phone_could_not_send_before_is_told_with_its_age():
    trip = under_way()
    receive(trip)

    told = [trip.motion.position(1, NOW_MS + 1000 * late_s).freshness for late_s in (0, 45, 46, 181)]

    assert told == ["live", "live", "delayed", "lost"]


def test_with_tracking_off_nothing_of_the_technician_is_in_the_snapshot():
    trip = under_way()
    receive(trip)
    trip.take_facts(facts(version=2, tracking=False))

    snapshot = trip.snapshot(NOW_MS)

    assert (snapshot.position, snapshot.eta, snapshot.route) == (None, None, None)
    assert snapshot.status == "traveling"


def test_in_a_hidden_zone_the_arrival_is_told_and_the_place_is_not():
    trip = under_way(hidden_zones=((PLACE.lat, PLACE.lon, 150.0),))
    trip.line = line((0, 0), (100, 0), total_s=10)
    assert not receive(trip)
    held = trip.snapshot(NOW_MS)
    assert receive(trip, s=30, east_m=200)
    seen = trip.snapshot(NOW_MS + 30_000)

    assert (held.position, held.route, held.eta is not None) == (None, None, True)
    assert seen.position is not None


def test_after_the_halt_nothing_is_left_to_show():
    trip = under_way()
    receive(trip)
    technician = trip.technician

    trip.halt(NOW_MS + 1000)

    assert not trip.reveal(NOW_MS + 1000)
    assert technician.trip is None
    snapshot = trip.snapshot(NOW_MS + 1000)
    assert (snapshot.position, snapshot.eta, snapshot.route) == (None, None, None)


def test_what_was_fixed_off_duty_stays_off_duty_whenever_it_is_handed_in():
    ana = LiveTechnician("ana")
    ana.take_duties([(1000, Duty.ON_BREAK), (2000, Duty.OFF_DUTY), (3000, Duty.ON_DUTY)])

    assert [ana.off_at(ms) for ms in (999, 1000, 1999, 2000, 2999, 3000)] == [False, True, True, True, True, False]


def test_a_change_of_duty_that_is_heard_late_is_put_in_order():
    ana = LiveTechnician("ana")
    ana.take_duties([(3000, Duty.ON_DUTY)])

    ana.take_duties([(1000, Duty.ON_BREAK)])

    assert (ana.duty, ana.duty_since) == (Duty.ON_DUTY, 3000)
    assert [ana.off_at(ms) for ms in (999, 1000, 2999, 3000)] == [False, True, True, False]


def test_all_breaks_of_a_day_are_known_and_none_of_the_day_before():
    ana = LiveTechnician("ana")
    hour_ms = 3_600_000

    for hour in range(48):
        ana.take_duties([(hour * hour_ms, Duty.ON_BREAK), (hour * hour_ms + 60_000, Duty.ON_DUTY)])

    assert [hour for hour in range(48) if ana.off_at(hour * hour_ms + 1000)] == list(range(24, 48))
    assert not any(ana.off_at(hour * hour_ms + 60_000) for hour in range(48))


def test_a_break_that_began_long_ago_counts_to_its_end():
    ana = LiveTechnician("ana")
    hour_ms = 3_600_000

    for since_h, duty in ((-60, Duty.ON_DUTY), (-50, Duty.ON_BREAK), (-2, Duty.ON_DUTY), (-1, Duty.ON_DUTY)):
        ana.take_duties([(since_h * hour_ms, duty)])

    assert [ana.off_at(hours * hour_ms) for hours in (-24, -3, -2, 0)] == [True, True, False, False]
