from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.tracks import Track, TrackError, TrackPoint, moved, read_tracks

GPX = """<?xml version="1.0"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><name>Home</name>
<trkseg><trkpt lat="41.1" lon="-8.6"><time>2026-05-04T08:00:00Z</time></trkpt></trkseg>
<trkseg><trkpt lat="41.2" lon="-8.5"><ele>3</ele><time>2026-05-04T08:00:15.5+00:00</time></trkpt></trkseg>
</trk></gpx>"""


def track(*points: tuple[float, float, float]) -> Track:
    return Track("t", tuple(TrackPoint(*point) for point in points))


def test_a_csv_file_holds_several_trips():
    text = "trip_id,t,lat,lon\na,10,41.1,-8.6\na,25,41.2,-8.6\nb,7,41.3,-8.5\nb,8.5,41.4,-8.5\n"

    first, second = read_tracks("day.csv", text)

    assert first == Track("a", (TrackPoint(10, 41.1, -8.6), TrackPoint(25, 41.2, -8.6)))
    assert second.points[1] == TrackPoint(8.5, 41.4, -8.5)


def test_the_columns_of_a_csv_file_are_found_by_name():
    (found,) = read_tracks("day.csv", "lon,lat,speed,t,trip_id\n-8.6,41.1,3,10,a\n-8.6,41.2,3,20,a\n")

    assert found == Track("a", (TrackPoint(10, 41.1, -8.6), TrackPoint(20, 41.2, -8.6)))


def test_a_trip_of_one_point_is_left_out():
    assert list(read_tracks("day.csv", "trip_id,t,lat,lon\na,10,41.1,-8.6\n")) == []


def test_a_gpx_track_joins_its_segments_and_reads_their_times():
    (found,) = read_tracks("ride.gpx", GPX)

    assert found == Track("Home", (TrackPoint(1777881600, 41.1, -8.6), TrackPoint(1777881615.5, 41.2, -8.5)))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "id,lat,lon\n", r"a\.csv:1: the header lacks trip_id, t"),
        ("a.csv", "trip_id,t,lat,lon\na,ten,1,2\n", r"a\.csv:2: not a position: 'a,ten,1,2'"),
        ("a.gpx", "<gpx", r"a\.gpx:1: not well-formed XML"),
        ("a.gpx", GPX.replace("<time>2026-05-04T08:00:00Z</time>", ""), "has no time"),
        ("a.gpx", "<!DOCTYPE gpx [<!ENTITY a 'b'>]><gpx/>", "declarations are not read"),
        ("a.kml", "", r'cannot tell the format of "\.kml"'),
    ],
)
def test_a_broken_file_says_where_and_why(name, text, message):
    with pytest.raises(TrackError, match=message):
        list(read_tracks(name, text))


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20), st.floats(1.7e9, 1.8e9))
def test_moving_a_track_keeps_its_spacing(times, now_s):
    recorded = track(*((t, 41.0, -8.0) for t in sorted(times)))

    first, last = moved(recorded, first_s=now_s), moved(recorded, last_s=now_s)

    assert first.start_s == pytest.approx(now_s)
    assert last.end_s == pytest.approx(now_s)
    for found in (first, last):
        gaps = [p.t_s - found.start_s for p in found.points]
        assert gaps == pytest.approx([p.t_s - recorded.start_s for p in recorded.points], abs=1e-5)


def test_arrival_is_the_last_entry_into_the_circle_between_two_points():
    # 0.0018 degrees of latitude are 200 m.
    passing = track((0, 41.0, -8.0), (10, 41.0018, -8.0), (20, 41.0036, -8.0), (30, 41.0018, -8.0))

    assert passing.arrived_s(100) == pytest.approx(25, abs=0.1)
    assert passing.stays_s(100) == pytest.approx(0)


def test_a_track_that_never_leaves_the_circle_arrived_at_its_start():
    near = track((5, 41.0, -8.0), (35, 41.0001, -8.0))

    assert (near.arrived_s(75), near.stays_s(75)) == (5, 30)
