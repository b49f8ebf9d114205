from __future__ import annotations

from simulations.staging import make_lanes, staging_file
from simulations.tracks import Track, TrackPoint

TRACKS = [Track(f"trip {n}", (TrackPoint(0, 41.0, -8.0), TrackPoint(60, 41.0 + n / 100, -8.0))) for n in range(5)]


def test_in_real_time_one_technician_plays_the_trips_of_a_lane_in_turn():
    lanes = make_lanes(TRACKS, lanes=2, run="r", in_real_time=True)

    assert [len(lane.trips) for lane in lanes] == [3, 2]
    assert [len({trip.technician for trip in lane.trips}) for lane in lanes] == [1, 1]


def test_faster_every_trip_has_a_technician_of_its_own():
    lanes = make_lanes(TRACKS, lanes=2, run="r", in_real_time=False)

    assert len({trip.technician for lane in lanes for trip in lane.trips}) == 5


def test_every_trip_has_a_site_at_its_end_that_belongs_to_its_watcher():
    lanes = make_lanes(TRACKS, lanes=3, run="r", in_real_time=True)

    file = staging_file(lanes, password="at least eight")

    sites = {site["id"]: site for site in file["sites"]}
    for lane in lanes:
        for trip in lane.trips:
            site, end = sites[trip.asset], trip.track.points[-1]
            assert (site["lat"], site["lon"], site["account"]) == (end.lat, end.lon, lane.account)


def test_a_booking_can_only_go_to_the_technician_meant():
    file = staging_file(make_lanes(TRACKS, lanes=3, run="r", in_real_time=False), password="at least eight")

    skills = [technician["skills"] for technician in file["technicians"]]
    assert all(len(own) == 1 for own in skills)
    assert sorted(own[0] for own in skills) == sorted(service["skill"] for service in file["services"])
