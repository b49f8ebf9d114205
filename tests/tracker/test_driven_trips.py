from tests.tracker.journeys import NOW_MS
from tests.tracker.test_store import a_row
from tracker.driven_trips import DrivenTrips


def trips_of(*batches, since_ms=NOW_MS, before_ms=NOW_MS + 3_600_000, at_most=100):
    """Of batches in the order in which they were committed."""
    trips = DrivenTrips(since_ms=since_ms, before_ms=before_ms, at_most=at_most)
    for batch in reversed(batches):
        trips.take(batch)
    return trips.recordings()


def drive(trip_id="visit", *, every_s=10, of=6, start_s=0, **changed):
    return [
        a_row(trip_id=trip_id, fixed_at=NOW_MS + (start_s + number * every_s) * 1000, **changed) for number in range(of)
    ]


def test_a_fix_a_second_is_thinned_and_the_last_position_stays_the_destination():
    rows = [a_row(fixed_at=NOW_MS + s * 1000, lat=41 + s / 1000) for s in range(35)]

    (trip,) = trips_of(*([row] for row in rows))

    assert [(fix.fixed_at - NOW_MS) // 1000 for fix in trip.fixes] == [4, 14, 24, 34]
    assert trip.destination.lat == 41.034


def test_late_fixes_and_those_before_the_span_are_left_out():
    (trip,) = trips_of(drive(), [a_row(fixed_at=NOW_MS + 70_000, late=True)], since_ms=NOW_MS + 20_000)

    assert [(fix.fixed_at - NOW_MS) // 1000 for fix in trip.fixes] == [20, 30, 40, 50]


def test_a_fix_that_was_sent_again_counts_once():
    (trip,) = trips_of(drive(), drive())

    assert len(trip.fixes) == 6


def test_a_trip_under_way_and_one_of_two_fixes_are_not_finished_trips():
    assert trips_of(drive(), before_ms=NOW_MS + 50_000) == []
    assert trips_of(drive(of=2)) == []


def test_where_two_technicians_drove_the_one_who_came_is_followed():
    (trip,) = trips_of(drive(technician_id="rui", lat=40.0), drive(start_s=100))

    assert {fix.lat for fix in trip.fixes} == {41.15}
    assert len(trip.fixes) == 6


def test_of_too_many_trips_the_newest_are_kept():
    trips = trips_of(*(drive(str(number), start_s=100 * number) for number in range(5)), at_most=2)

    assert [trip.trip_id for trip in trips] == ["3", "4"]
