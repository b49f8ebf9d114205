import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.tracker.journeys import PLACE
from tracker.route import Route, RouteProgress


def line(*corners_m: tuple[float, float], step_m: float = 10.0, **times) -> Route:
    """A route through corners (metres east and north of the place), cut into pieces like those of a street map."""
    east_north = [corners_m[0]]
    for (e0, n0), (e1, n1) in pairwise(corners_m):
        pieces = max(1, round(math.hypot(e1 - e0, n1 - n0) / step_m))
        east_north += [(e0 + (e1 - e0) * i / pieces, n0 + (n1 - n0) * i / pieces) for i in range(1, pieces + 1)]
    return Route([PLACE.lat_lon(east_m=e, north_m=n) for e, n in east_north], **times)


def advance(progress: RouteProgress, east_m: float, north_m: float) -> float:
    lat, lon = PLACE.lat_lon(east_m=east_m, north_m=north_m)
    return progress.advance(lat=lat, lon=lon)


def decode_polyline6(text: str) -> list[tuple[float, float]]:
    """Google's algorithm read backwards, written from its description."""
    values, bits, shift = [], 0, 0
    for letter in text:
        part = ord(letter) - 63
        bits |= (part & 0x1F) << shift
        shift += 5
        if part < 0x20:
            values.append(~(bits >> 1) if bits & 1 else bits >> 1)
            bits = shift = 0
    points, lat, lon = [], 0, 0
    for d_lat, d_lon in zip(values[::2], values[1::2], strict=True):
        lat, lon = lat + d_lat, lon + d_lon
        points.append((lat / 1e6, lon / 1e6))
    return points


points = st.tuples(st.floats(-80, 80), st.floats(-179, 179))


@given(places=st.lists(points, min_size=2, max_size=20))
def test_an_encoded_line_decodes_to_its_points(places):
    decoded = decode_polyline6(Route(places).polyline6())

    assert decoded == [pytest.approx(place, abs=0.6e-6) for place in places]


def test_the_encoding_is_googles():
    # The documented example of the algorithm, a tenth of its degrees at ten times its precision.
    places = [(3.85, -12.02), (4.07, -12.095), (4.3252, -12.6453)]

    assert Route(places).polyline6() == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"


@pytest.mark.parametrize("places", [[], [(41.0, -8.0)]])
def test_a_route_of_less_than_two_points_is_refused(places):
    with pytest.raises(ValueError, match="two points or more"):
        Route(places)


def test_times_that_do_not_fit_the_points_are_refused():
    with pytest.raises(ValueError, match="2 points but 3 times"):
        Route([(41.0, -8.0), (41.1, -8.0)], seconds=[0, 1, 2])


def test_time_is_spread_over_the_metres_unless_the_engine_tells_it():
    even = line((0, 0), (1000, 0), total_s=100)
    told = Route(even.points, seconds=[min(number, 50) for number in range(len(even.points))])

    assert even.seconds[50] == pytest.approx(50, rel=1e-6)
    assert told.total_s == 50


def test_a_route_of_no_length_is_done_from_the_start():
    progress = RouteProgress(Route([(41.0, -8.0)] * 3, total_s=60))

    assert progress.advance(lat=41.0, lon=-8.0) == 0
    assert (progress.left_m, progress.left_s) == (0, 0)


@pytest.mark.parametrize("step_m", [2, 10, 30, 400])
@pytest.mark.parametrize("every_m", [3, 14, 210, 600])
def test_progress_keeps_up_with_any_feed_on_any_cut_of_the_street(step_m, every_m):
    progress = RouteProgress(line((0, 0), (6000, 0), step_m=step_m, total_s=600))

    for done_m in range(0, 6000, every_m):
        off_m = advance(progress, done_m, 4)

        assert off_m == pytest.approx(4, abs=0.1)
        assert progress.done_m == pytest.approx(done_m, abs=5)
        assert progress.left_s == pytest.approx(600 - done_m / 10, abs=1)


def test_a_slow_feed_is_followed_round_the_blocks():
    corners = [(0, 0), (0, 120), (120, 120), (120, 20), (300, 20), (300, 400), (700, 400)]
    route = line(*corners)
    progress = RouteProgress(route)
    passed = list(zip(route.east, route.north, route.metres, strict=True))

    for number in range(0, len(passed), 17):
        east_m, north_m, done_m = passed[number]
        advance(progress, east_m, north_m)

        assert progress.done_m == pytest.approx(done_m, abs=1)


def test_a_street_driven_twice_is_not_taken_for_its_second_pass():
    # Out and back on the same street, with a turn at the end.
    progress = RouteProgress(line((0, 0), (1000, 0), (1000, 8), (0, 8)))

    out = [advance(progress, east_m, 5) or progress.done_m for east_m in range(0, 900, 14)]
    assert progress.done_m < 900
    assert max(out) < 900


def test_progress_never_falls_back_more_than_a_piece_of_street():
    progress = RouteProgress(line((0, 0), (2000, 0), step_m=10))
    advance(progress, 500, 0)

    advance(progress, 300, 0)

    assert progress.done_m >= 480


def test_leaving_the_line_shows_as_metres_off_it():
    progress = RouteProgress(line((0, 0), (2000, 0)))
    advance(progress, 500, 0)

    assert advance(progress, 500, 150) == pytest.approx(150, abs=1)
    assert progress.off_m == pytest.approx(150, abs=1)


def test_beyond_the_end_everything_is_done():
    progress = RouteProgress(line((0, 0), (100, 0), total_s=20))

    advance(progress, 130, 0)

    assert (progress.left_m, progress.left_s) == pytest.approx((0, 0), abs=1e-6)


def test_a_route_over_the_antimeridian_is_as_long_as_elsewhere():
    over = Route([(-17.0, 179.99), (-17.0, -179.99)])
    elsewhere = Route([(-17.0, 10.0), (-17.0, 10.02)])
    progress = RouteProgress(over)

    assert over.length_m == pytest.approx(elsewhere.length_m)
    assert progress.advance(lat=-17.0, lon=180.0) == pytest.approx(0, abs=0.1)
    assert progress.advance(lat=-17.0, lon=-179.995) == pytest.approx(0, abs=0.1)
    assert progress.left_m == pytest.approx(over.length_m / 4, rel=0.01)


metres = st.floats(-3_000, 3_000)


@given(
    corners=st.lists(st.tuples(metres, metres), min_size=2, max_size=8),
    places=st.lists(st.tuples(metres, metres), min_size=1, max_size=20),
)
def test_wherever_the_technician_is_the_numbers_stay_within_the_route(corners, places):
    route = line(*corners, step_m=60, total_s=900)
    assume(route.length_m > 0)
    progress = RouteProgress(route)

    for east_m, north_m in places:
        off_m = advance(progress, east_m, north_m)

        assert 0 <= off_m < 20_000
        assert -1e-6 <= progress.left_m <= route.length_m + 1e-6
        assert -1e-6 <= progress.left_s <= route.total_s + 1e-6
