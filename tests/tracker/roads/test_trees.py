import heapq
from itertools import pairwise
from math import inf
from random import Random

import numpy as np
import pytest

from tests.tracker.roads.random_town import RandomTown
from tracker.roads.snap import Snap, snap
from tracker.roads.tree import TREE_UNIT_S, Tree
from tracker.roads.trees import Place, TreeMaker


def at_start(graph, edge: int) -> Snap:
    return Snap(edge, -1, 0.0, graph.edge_length_m[edge], 0.0, 0.0)


def tree_to(graph, *, lat: float, lon: float, **options) -> Tree:
    tree = TreeMaker(graph).tree(lat=lat, lon=lon, **options)
    assert tree is not None
    return tree


@pytest.mark.parametrize("seed", range(12))
def test_a_tree_knows_the_times_that_a_plain_search_finds(seed, tmp_path):
    town = RandomTown(seed=seed)
    graph = town.graph(tmp_path)
    starts = {edge: town.link_at_start(graph, edge) for edge in range(graph.edge_count)}
    for goal in Random(seed).sample(sorted(starts.values()), k=4):
        tree = tree_to(graph, **dict(zip(("lat", "lon"), town.middle(goal), strict=True)))

        lefts = {edge: tree.left(graph, at_start(graph, edge)) for edge in starts}

        found = {edge: inf if left is None else left.seconds for edge, left in lefts.items()}
        expected = {edge: town.shortest_s(start, goal) for edge, start in starts.items()}
        # Turns are kept in quarters of a second, and the earth is a little flatter here.
        assert found == pytest.approx(expected, rel=0.002, abs=2.0)


def test_the_line_takes_as_long_as_the_tree_says(graph, town):
    tree = tree_to(graph, **dict(zip(("lat", "lon"), town.middle(next(iter(town.seconds))), strict=True)))
    random = Random(1)
    for edge in range(graph.edge_count):
        length_m = graph.edge_length_m[edge]
        at = Snap(edge, -1, random.uniform(0, length_m), length_m, 0.0, 0.0)

        left, route = tree.left(graph, at), tree.route(graph, at)

        assert route.total_s == pytest.approx(left.seconds, abs=TREE_UNIT_S)
        assert route.length_m == pytest.approx(left.metres, abs=6.0)
        assert all(a <= b for a, b in pairwise(route.seconds))


def test_the_line_begins_at_the_technician_and_ends_at_the_destination(graph, town):
    lat, lon = town.middle(next(iter(town.seconds)))
    tree = tree_to(graph, lat=lat, lon=lon)
    at = snap(graph, lat=41.004, lon=-7.994)

    route = tree.route(graph, at)

    assert route.points[0] == pytest.approx(graph.place(at.edge, at.done_m))
    assert route.points[-1] == pytest.approx((lat, lon), abs=1e-5)


def test_on_the_last_street_only_the_rest_of_it_is_left(graph, town):
    tree = tree_to(graph, **dict(zip(("lat", "lon"), town.middle(next(iter(town.seconds))), strict=True)))
    (edge, along_m, _) = next(iter(tree.goals.values()))
    at = Snap(edge, -1, along_m - 20.0, graph.edge_length_m[edge], 0.0, 0.0)

    left, route = tree.left(graph, at), tree.route(graph, at)

    assert left.metres == pytest.approx(20.0)
    assert route.length_m == pytest.approx(20.0, abs=0.1)
    assert left.seconds == pytest.approx(route.total_s)


def test_a_few_metres_beyond_the_door_nothing_is_left(graph, town):
    tree = tree_to(graph, **dict(zip(("lat", "lon"), town.middle(next(iter(town.seconds))), strict=True)))
    (edge, along_m, _) = next(iter(tree.goals.values()))

    left = tree.left(graph, Snap(edge, -1, along_m + 10.0, graph.edge_length_m[edge], 0.0, 0.0))

    assert (left.seconds, left.metres) == (0.0, 0.0)


def test_where_the_direction_is_open_the_shorter_way_counts(graph, town):
    tree = tree_to(graph, **dict(zip(("lat", "lon"), town.middle(next(iter(town.seconds))), strict=True)))
    edge = next(edge for edge in range(graph.edge_count) if graph.twin(edge) >= 0 and edge not in tree.goals)
    length_m = graph.edge_length_m[edge]

    either = tree.left(graph, Snap(edge, graph.twin(edge), 10.0, length_m, 0.0, 0.0))

    one = tree.left_on(graph, edge, 10.0, length_m)
    other = tree.left_on(graph, graph.twin(edge), length_m - 10.0, length_m)
    assert either == min(one, other)


def test_seconds_that_were_learned_take_the_place_of_the_free_ones(own_graph, town):
    graph = own_graph
    goal = town.middle(next(iter(town.seconds)))
    maker = TreeMaker(graph)
    before = maker.tree(lat=goal[0], lon=goal[1])
    slower = np.frombuffer(graph.edge_free_s, np.float32) * 100

    graph.replace_seconds(slower.tobytes())
    after = maker.tree(lat=goal[0], lon=goal[1])

    at = at_start(graph, next(edge for edge in range(graph.edge_count) if edge not in before.goals))
    assert after.left(graph, at).seconds > 20 * before.left(graph, at).seconds
    assert after.route(graph, at).total_s == pytest.approx(after.left(graph, at).seconds, abs=TREE_UNIT_S)
    assert (before.version, after.version) == (0, 1)


def test_seconds_for_another_graph_are_refused(own_graph):
    with pytest.raises(ValueError, match=f"3 times for {own_graph.edge_count} edges"):
        own_graph.replace_seconds(np.ones(3, np.float32).tobytes())


def test_a_place_without_roads_has_no_tree(graph):
    assert TreeMaker(graph).tree(lat=41.5, lon=-8.0) is None


def test_a_farm_is_reached_by_the_nearest_road(graph):
    farm = {"lat": 41.0 - 0.008, "lon": -8.0 + 0.003}

    tree = TreeMaker(graph).tree(**farm)

    assert {goal.extra_s for goal in tree.goals.values()} == {0.0}
    assert TreeMaker(graph).tree(lat=41.0 - 0.02, lon=-8.0) is None


def test_an_end_between_two_streets_may_be_reached_over_either(porto):
    maker = TreeMaker(porto)

    goals = maker.goals(lat=41.1579, lon=-8.6291)

    assert len({porto.edge_segment[goal.edge] >> 1 for goal in goals}) >= 1
    assert min(goal.extra_s for goal in goals) == 0.0


def test_scipy_and_a_heap_agree_on_a_real_city(porto):
    maker = TreeMaker(porto)
    goals = maker.goals(lat=41.1496, lon=-8.6110)

    tree = maker.tree_to(goals)

    expected = heap_times(porto, goals)
    assert [units * TREE_UNIT_S for units in tree.left_units] == pytest.approx(expected, abs=TREE_UNIT_S / 2 + 0.01)


def heap_times(graph, goals) -> list[float]:
    """Seconds from the end of each edge to the nearest goal, one edge after the other."""
    left = [inf] * graph.edge_count
    waiting = []

    def offer(edge: int, onto_s: float) -> None:
        for place in range(graph.from_start[edge], graph.from_start[edge + 1]):
            before = graph.from_edge[place]
            seconds = onto_s + graph.turn_s(before, edge)
            if seconds < left[before]:
                left[before] = seconds
                heapq.heappush(waiting, (seconds, before))

    for goal in goals:
        offer(goal.edge, goal.extra_s + goal.along_m / graph.edge_length_m[goal.edge] * graph.edge_s[goal.edge])
    while waiting:
        seconds, edge = heapq.heappop(waiting)
        if seconds == left[edge]:
            offer(edge, seconds + graph.edge_s[edge])
    return left


def test_a_small_radius_knows_the_same_times_near_the_destination(wide_graph):
    maker = TreeMaker(wide_graph)
    whole = maker.tree(lat=41.010, lon=-7.988)
    part = maker.tree(lat=41.010, lon=-7.988, radius_m=500.0)
    random = Random(2)
    same = near = 0
    for _ in range(300):
        at = snap(wide_graph, lat=41.010 + random.uniform(-0.008, 0.008), lon=-7.988 + random.uniform(-0.008, 0.008))
        if at is not None:
            near += 1
            same += part.left(wide_graph, at) == whole.left(wide_graph, at)
            assert part.route(wide_graph, at).total_s == pytest.approx(part.left(wide_graph, at).seconds, abs=0.5)

    assert part.size_bytes < 0.8 * whole.size_bytes
    assert same > 0.95 * near


def test_beyond_its_radius_a_tree_knows_nothing(wide_graph):
    tree = TreeMaker(wide_graph).tree(lat=41.002, lon=-7.998, radius_m=1.0)
    far = snap(wide_graph, lat=41.052, lon=-7.935)

    assert far is not None
    assert tree.left(wide_graph, far) is None
    assert tree.route(wide_graph, far) is None


def test_visits_of_one_neighbourhood_share_what_trees_are_grown_on(wide_graph):
    maker = TreeMaker(wide_graph)

    for _ in range(2):
        for lat in (41.002, 41.003, 41.028, 41.052):
            maker.tree(lat=lat, lon=-7.998, radius_m=500.0)

    assert len(maker._covers) == 3


def test_travel_times_are_those_of_the_trees(graph, town):
    lat, lon = town.middle(next(iter(town.seconds)))
    origins = [Place(41.004, -7.994), Place(41.5, -8.0), Place(41.001, -7.998)]

    times = TreeMaker(graph).times(origins, [Place(lat, lon), Place(50.0, 8.0)])

    tree = tree_to(graph, lat=lat, lon=lon)
    first, last = (tree.left(graph, snap(graph, lat=o.lat, lon=o.lon)).seconds for o in origins[::2])
    # Trees count in halves of a second.
    (to_first, _), nowhere, (to_last, _) = times
    assert [to_first, to_last] == pytest.approx([first, last], abs=TREE_UNIT_S / 2 + 0.01)
    assert (times[0][1], nowhere, times[2][1]) == (None, [None, None], None)


@pytest.mark.parametrize("seed", range(6))
def test_a_leg_takes_the_same_time_from_whichever_end_it_is_searched_and_whatever_is_asked_with_it(seed, tmp_path):
    graph = RandomTown(seed=seed).graph(tmp_path)
    maker, random = TreeMaker(graph), Random(seed)
    places = [Place(random.uniform(41.0, 41.006), random.uniform(-8.0, -7.99)) for _ in range(20)]

    onward = maker.times(places[:6], places)

    back = maker.times(places, places)
    for row, origin in enumerate(places[:6]):
        assert onward[row] == pytest.approx(back[row], abs=0.002)
        alone = [maker.times([origin], [place])[0][0] for place in places]
        assert alone == pytest.approx(back[row], abs=1e-9)
    assert sum(seconds is not None for row in onward for seconds in row) > 30


def test_a_wider_search_for_far_places_leaves_the_times_of_the_near_ones(tmp_path):
    # Twelve by twelve kilometres, of which the nearest legs are searched on a part.
    graph = RandomTown(seed=1, side=96).graph(tmp_path)
    maker = TreeMaker(graph, leg_radii_m=(3_500.0, 20_000.0))
    here = Place(41.002, -7.998)
    places = [
        Place(41.002 + north / 1000, -7.998 + east / 1000) for north in range(0, 90, 22) for east in range(0, 90, 22)
    ]

    together = maker.times([here], places)[0]

    assert together == pytest.approx([maker.times([here], [place])[0][0] for place in places], abs=0.002)
    assert len(maker._covers) > 1


def test_times_onward_do_not_end_at_the_edge_of_the_first_cover(wide_graph):
    maker = TreeMaker(wide_graph)
    near, far = Place(41.002, -7.998), Place(41.052, -7.935)

    assert maker.times([near], [near, far])[0][1] == pytest.approx(maker.times([near, far], [far])[0][0], abs=0.6)


def test_every_place_of_a_real_city_reaches_every_other(porto):
    tree = TreeMaker(porto).tree(lat=41.157, lon=-8.629)

    lefts = [tree.left(porto, at_start(porto, edge)) for edge in range(porto.edge_count)]

    assert None not in lefts
    assert max(left.seconds for left in lefts) < 3600
