from math import cos, radians

import pytest

from tests.tracker.journeys import NOW_MS
from tests.tracker.roads.random_town import RandomTown
from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract
from tracker.calibration import COLD, Calibration
from tracker.filters import TrackFilter
from tracker.geo import METRES_PER_DEGREE
from tracker.messages import Fix
from tracker.roads.build import build_graph
from tracker.roads.destination import Destination
from tracker.roads.graph import RoadGraph
from tracker.roads.snap import snap
from tracker.roads.trees import TreeMaker
from tracker.traffic import MINUTE_MS, Traffic
from tracker.trip import Trip


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> RoadGraph:
    return RandomTown(seed=4).graph(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def far(graph) -> tuple[int, tuple[float, float]]:
    """The edge furthest from edge 0, and the middle of it."""
    tree = tree_to(graph, graph.midpoint(0))
    reached = {}
    for edge in range(graph.edge_count):
        lat, lon = graph.midpoint(edge)
        left = tree.left(graph, snap(graph, lat=lat, lon=lon))
        if left is not None:
            reached[edge] = left.seconds
    edge = max(reached, key=reached.get)
    return edge, graph.midpoint(edge)


def tree_to(graph: RoadGraph, place: tuple[float, float]):
    return TreeMaker(graph).tree(lat=place[0], lon=place[1])


def a_trip(graph: RoadGraph, *, traffic: Traffic | None = None, calibration: Calibration = COLD) -> Trip:
    """Under way to the middle of edge 0."""
    lat, lon = graph.midpoint(0)
    trip = Trip(track=TrackFilter(), lat=lat, lon=lon, arrival_radius_m=75)
    tree = tree_to(graph, (lat, lon))
    trip.take_destination(Destination(graph, tree), traffic=traffic or Traffic(), calibration=calibration)
    return trip


def receive(trip: Trip, place: tuple[float, float], s: float = 0.0) -> float:
    fix = Fix(fixed_at=NOW_MS + round(s * 1000), lat=place[0], lon=place[1])
    trip.receive(fix, fix.fixed_at)
    return trip.left_s


def test_the_first_fix_is_known_on_the_map_at_once(graph, far):
    trip = a_trip(graph)

    left_s = receive(trip, far[1])

    assert left_s > 30
    assert not trip.estimate.estimated
    assert trip.left_m == trip.guide.road_m > 300


def test_whoever_drives_another_way_has_an_arrival_at_once(graph, far):
    trip = a_trip(graph)
    receive(trip, far[1])
    trip.take_route(trip.line())
    places = [graph.midpoint(edge) for edge in range(0, graph.edge_count, 7)]

    for number, place in enumerate(places):
        receive(trip, place, s=120.0 * (number + 1))

        assert not trip.estimate.estimated
        assert trip.left_s is not None


def test_on_the_line_the_time_left_is_that_of_the_tree(graph, far):
    snapped, followed = a_trip(graph), a_trip(graph)
    receive(snapped, far[1])
    receive(followed, far[1])
    followed.take_route(followed.line())
    points = followed.progress.route.points

    for number, place in enumerate(points[1:-1:3]):
        s = 20.0 * (number + 1)

        assert receive(followed, place, s) == pytest.approx(receive(snapped, place, s), rel=0.15, abs=8)


def test_slow_traffic_makes_the_arrival_later_and_history_corrects_it(graph, far):
    slow = Traffic()
    slow.observe(at_ms=NOW_MS - 5 * MINUTE_MS, took_s=40_000, expected_s=20_000)

    usual_s = receive(a_trip(graph), far[1])

    assert receive(a_trip(graph, traffic=slow), far[1]) > 1.3 * usual_s
    # Of the last minutes a little less is told, so of less a little less still.
    assert 1.1 * usual_s < receive(a_trip(graph, calibration=Calibration(scale=1.1)), far[1]) < 1.12 * usual_s


def test_what_one_drives_is_known_to_the_others_a_minute_later(graph, far):
    traffic = Traffic()
    trip = a_trip(graph, traffic=traffic)
    before = traffic.log_pace(at_ms=NOW_MS + 20 * MINUTE_MS, lon=far[1][1])

    for number in range(60):
        receive(trip, far[1], s=15.0 * number)

    assert traffic.log_pace(at_ms=NOW_MS + 20 * MINUTE_MS, lon=far[1][1]) > before


def test_one_leap_is_not_believed_and_a_second_fix_there_is(graph, far):
    trip = a_trip(graph)
    receive(trip, far[1])
    near = graph.midpoint(0)
    resting_s = receive(trip, far[1], s=15)

    assert receive(trip, near, s=30) == pytest.approx(resting_s - 15, abs=1)
    assert receive(trip, near, s=45) < 5


def test_the_second_fix_is_believed_wherever_the_first_one_was(graph, far):
    trip = a_trip(graph)
    receive(trip, graph.midpoint(0))

    assert receive(trip, far[1], s=15) == pytest.approx(receive(a_trip(graph), far[1]), rel=0.05)


def test_a_fix_that_leaves_far_more_time_is_not_believed_and_a_second_one_is(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 6.0), (3.0, 6.0), (3.0, 0.0), highway="residential")
    bend = build_graph(town.write(tmp_path / "bend.osm.pbf"))
    trip = Trip(track=TrackFilter(), lat=TOWN_LAT, lon=TOWN_LON, arrival_radius_m=75)
    trip.take_destination(Destination(bend, tree_to(bend, (TOWN_LAT, TOWN_LON))), traffic=Traffic(), calibration=COLD)

    def at(*, north_km: float, east_km: float) -> tuple[float, float]:
        east_deg = east_km * 1000 / METRES_PER_DEGREE / cos(radians(TOWN_LAT))
        return TOWN_LAT + north_km * 1000 / METRES_PER_DEGREE, TOWN_LON + east_deg

    receive(trip, at(north_km=0.0, east_km=4.2))
    near_s = receive(trip, at(north_km=0.0, east_km=4.1), s=60)

    # As far as one drives in that time, and not there.
    assert receive(trip, at(north_km=3.336, east_km=4.0), s=420) == pytest.approx(near_s - 360, abs=1)
    assert receive(trip, at(north_km=3.336, east_km=3.9), s=435) > near_s + 100


@pytest.mark.parametrize("leap_m", [600, -600])
def test_a_leap_and_back_is_in_nobodys_pace(tmp_path, leap_m):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 6.0), highway="residential")
    street = build_graph(town.write(tmp_path / "street.osm.pbf"))

    def pace_after(leaps: set[int]) -> float:
        traffic = Traffic()
        trip = Trip(track=TrackFilter(), lat=TOWN_LAT, lon=TOWN_LON, arrival_radius_m=75)
        destination = Destination(street, tree_to(street, (TOWN_LAT, TOWN_LON)))
        trip.take_destination(destination, traffic=traffic, calibration=COLD)
        for number in range(24):
            metres = 4000 - 100 * number + (leap_m if number in leaps else 0)
            receive(trip, (TOWN_LAT, TOWN_LON + metres / METRES_PER_DEGREE / cos(radians(TOWN_LAT))), s=15.0 * number)
        return traffic.log_pace(at_ms=NOW_MS + 6 * MINUTE_MS, lon=TOWN_LON)

    assert pace_after({5, 12, 18}) == pytest.approx(pace_after(set()), abs=0.002)


def test_off_every_road_the_straight_line_is_told_as_an_estimate(graph):
    trip = a_trip(graph)
    lat, lon = graph.midpoint(0)

    receive(trip, (lat + 0.2, lon))

    assert trip.estimate.estimated
    assert trip.left_m == pytest.approx(22_240 * 1.35, rel=0.01)


def test_no_streets_however_crooked_put_the_circle_hours_away(graph):
    lat, lon = graph.midpoint(0)
    trip = a_trip(graph)

    # 90 m away, wherever the streets lead.
    assert receive(trip, (lat + 90 / 111_195, lon)) < 30


def test_the_last_minute_is_told_longer_than_the_road_alone_and_still_falls_all_the_way(tmp_path):
    town = TinyExtract()
    town.way((0.0, 0.0), (0.0, 3.0), highway="residential")
    straight = build_graph(town.write(tmp_path / "street.osm.pbf"))
    lefts = {}
    for metres in range(80, 1500, 20):
        trip = Trip(track=TrackFilter(), lat=TOWN_LAT, lon=TOWN_LON + 0.025, arrival_radius_m=75)
        trip.take_destination(
            Destination(straight, tree_to(straight, (TOWN_LAT, TOWN_LON + 0.025))), traffic=Traffic(), calibration=COLD
        )
        lefts[metres] = receive(trip, (TOWN_LAT, TOWN_LON + 0.025 - metres / METRES_PER_DEGREE / cos(radians(41.0))))

    told = list(lefts.values())
    assert told == sorted(set(told))
    # Of as many metres, those before the circle take the longest.
    assert lefts[360] - lefts[260] > 1.1 * (lefts[900] - lefts[800])
