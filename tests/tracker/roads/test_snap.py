from math import hypot
from random import Random

import pytest

from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract
from tracker.geo import METRES_PER_DEGREE, LocalFrame
from tracker.roads.build import build_graph
from tracker.roads.snap import candidates, snap


def plain_distance_m(graph, *, lat: float, lon: float) -> float:
    """To the nearest road, by looking at every piece there is."""
    frame = LocalFrame(lat=lat, lon=lon)
    best = float("inf")
    for segment in range(graph.segment_count):
        for point in range(graph.segment_point[segment], graph.segment_point[segment + 1] - 1):
            (x0, y0), (x1, y1) = (
                frame.east_north(lat=graph.point_lat[p] / 1e7, lon=graph.point_lon[p] / 1e7) for p in (point, point + 1)
            )
            dx, dy = x1 - x0, y1 - y0
            t = min(max(-(x0 * dx + y0 * dy) / (dx * dx + dy * dy), 0.0), 1.0)
            best = min(best, hypot(x0 + t * dx, y0 + t * dy))
    return best


def cross(tmp_path, **east_tags: str):
    """Two streets that cross: one to the north, one to the east."""
    town = TinyExtract()
    south, middle, north = (town.node(north=n, east=0.5) for n in (0.0, 0.5, 1.0))
    west, east = town.node(north=0.5, east=0.0), town.node(north=0.5, east=1.0)
    town.link(south, middle, north, highway="residential")
    town.link(west, middle, east, **({"highway": "residential"} | east_tags))
    return build_graph(town.write(tmp_path / "cross.osm.pbf"))


def beside(*, north_m: float, east_m: float) -> dict[str, float]:
    """So many metres from the crossing."""
    frame = LocalFrame(lat=TOWN_LAT + 0.005, lon=TOWN_LON + 0.005)
    return dict(zip(("lat", "lon"), frame.lat_lon(east_m=east_m, north_m=north_m), strict=True))


def heading_of(graph, edge: int) -> tuple[int, int]:
    """(north, east) as -1, 0 or 1."""
    (lat, lon, _), *_, (to_lat, to_lon, _) = graph.line(edge)
    return tuple((delta > 1e-4) - (delta < -1e-4) for delta in (to_lat - lat, to_lon - lon))


def test_the_nearest_road_is_found_wherever_one_looks(graph):
    random = Random(5)
    for _ in range(400):
        lat, lon = 41.0 + random.uniform(-0.002, 0.0095), -8.0 + random.uniform(-0.002, 0.0115)
        expected_m = plain_distance_m(graph, lat=lat, lon=lon)

        at = snap(graph, lat=lat, lon=lon)

        if at is None:
            assert expected_m > 240.0
        else:
            assert at.off_m == pytest.approx(expected_m, abs=0.3)


def test_the_place_on_the_road_is_as_far_off_as_it_says(graph):
    random = Random(6)
    for _ in range(200):
        lat, lon = 41.0 + random.uniform(0, 0.0075), -8.0 + random.uniform(0, 0.0095)
        frame = LocalFrame(lat=lat, lon=lon)
        at = snap(graph, lat=lat, lon=lon)

        road_lat, road_lon = graph.place(at.edge, at.done_m)

        assert hypot(*frame.east_north(lat=road_lat, lon=road_lon)) == pytest.approx(at.off_m, abs=0.3)


@pytest.mark.parametrize(("heading_deg", "towards"), [(0, (1, 0)), (180, (-1, 0)), (90, (0, 1)), (275, (0, -1))])
def test_the_heading_chooses_the_street_and_the_direction(tmp_path, heading_deg, towards):
    graph = cross(tmp_path)

    at = snap(graph, **beside(north_m=9, east_m=10), heading_deg=heading_deg)

    assert heading_of(graph, at.edge) == towards
    assert at.twin == -1


def test_without_a_heading_both_directions_stay_open(tmp_path):
    graph = cross(tmp_path)

    at = snap(graph, **beside(north_m=200, east_m=5))

    assert {heading_of(graph, at.edge), heading_of(graph, at.twin)} == {(1, 0), (-1, 0)}


def test_a_heading_across_the_road_tells_no_direction(tmp_path):
    at = snap(cross(tmp_path), **beside(north_m=200, east_m=5), heading_deg=90)

    assert at.twin >= 0


def test_a_one_way_is_driven_its_way_only(tmp_path):
    town = TinyExtract()
    corners = [town.node(north=n, east=e) for n, e in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0))]
    town.link(*corners, corners[0], highway="primary", oneway="yes")
    graph = build_graph(town.write(tmp_path / "ring.osm.pbf"))

    at = snap(graph, lat=TOWN_LAT, lon=TOWN_LON + 0.005, heading_deg=270)

    assert (at.edge, at.twin, graph.edge_count) == (0, -1, 1)
    assert at.done_m == pytest.approx(0.005 * METRES_PER_DEGREE * 0.7547, rel=0.01)


def test_of_two_carriageways_the_one_that_goes_the_same_way_is_taken(tmp_path):
    town = TinyExtract()
    a, b = town.node(north=0.0, east=0.0), town.node(north=0.0, east=2.0)
    c, d = town.node(north=0.02, east=2.0), town.node(north=0.02, east=0.0)
    town.link(a, b, highway="trunk", oneway="yes")
    town.link(b, c, highway="trunk_link", oneway="yes")
    town.link(c, d, highway="trunk", oneway="yes")
    town.link(d, a, highway="trunk_link", oneway="yes")
    graph = build_graph(town.write(tmp_path / "two.osm.pbf"))

    # 8 m north of the road to the east, 14 m south of the one to the west.
    at = snap(graph, lat=TOWN_LAT + 8 / METRES_PER_DEGREE, lon=TOWN_LON + 0.01, heading_deg=270)

    assert heading_of(graph, at.edge) == (0, -1)
    assert at.off_m == pytest.approx(14.2, abs=0.5)


def test_the_street_of_the_last_fix_is_preferred_a_little(tmp_path):
    town = TinyExtract()
    a, b = town.node(north=0.0, east=0.0), town.node(north=0.0, east=1.0)
    c, d = town.node(north=0.02, east=0.0), town.node(north=0.02, east=1.0)
    for start, end, kind in ((a, b, "residential"), (c, d, "residential"), (a, c, "service"), (b, d, "service")):
        town.link(start, end, highway=kind)
    graph = build_graph(town.write(tmp_path / "parallel.osm.pbf"))
    southern = snap(graph, lat=TOWN_LAT, lon=TOWN_LON + 0.005)
    between = {"lat": TOWN_LAT + 12.2 / METRES_PER_DEGREE, "lon": TOWN_LON + 0.005}

    free, held = snap(graph, **between), snap(graph, **between, previous=southern.edge)

    assert graph.edge_segment[free.edge] >> 1 != graph.edge_segment[southern.edge] >> 1
    assert graph.edge_segment[held.edge] >> 1 == graph.edge_segment[southern.edge] >> 1


@pytest.mark.parametrize(("lat", "lon"), [(41.5, -8.0), (-41.0, 172.0), (90.0, 0.0), (-90.0, 180.0), (0.0, -180.0)])
def test_far_from_every_road_there_is_no_place(graph, lat, lon):
    assert snap(graph, lat=lat, lon=lon, heading_deg=10) is None


def test_roads_further_off_than_allowed_do_not_count(tmp_path):
    graph = cross(tmp_path)

    assert snap(graph, **beside(north_m=200, east_m=60), within_m=50) is None
    assert snap(graph, **beside(north_m=200, east_m=60), within_m=70).off_m == pytest.approx(60, abs=0.5)


def test_candidates_are_the_streets_around_nearest_first(tmp_path):
    graph = cross(tmp_path)

    near = candidates(graph, **beside(north_m=10, east_m=30), within_m=100)

    assert [round(at.off_m) for at in near] == sorted(round(at.off_m) for at in near)
    assert len(near) == len({graph.edge_segment[at.edge] >> 1 for at in near}) == 4
