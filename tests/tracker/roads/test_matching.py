import itertools
from random import Random

import pytest

from tracker.roads.matching import way_between
from tracker.roads.snap import snap
from tracker.roads.trees import TreeMaker


def test_between_two_places_of_one_street_it_is_the_street(graph):
    edge = max(range(graph.edge_count), key=lambda edge: graph.edge_length_m[edge])
    length_m = graph.edge_length_m[edge]
    ends = [graph.place(edge, share * length_m) for share in (0.3, 0.7)]
    start, end = (snap(graph, lat=lat, lon=lon) for lat, lon in ends)

    way = way_between(graph, start, end, limit_s=600)

    assert len(way) == 1
    assert way[0].share == pytest.approx(0.4, abs=0.02)


def test_the_way_is_one_that_can_be_driven_and_as_quick_as_the_tree_says(graph):
    maker = TreeMaker(graph)
    rng = Random(5)
    tried = 0
    for _ in range(60):
        first, last = rng.randrange(graph.edge_count), rng.randrange(graph.edge_count)
        (lat, lon), (to_lat, to_lon) = graph.midpoint(first), graph.midpoint(last)
        start, end = snap(graph, lat=lat, lon=lon), snap(graph, lat=to_lat, lon=to_lon)
        tree = maker.tree(lat=to_lat, lon=to_lon)
        left = tree.left(graph, start)
        way = way_between(graph, start, end, limit_s=3600)
        if left is None or not way:
            continue
        edges = [piece.edge for piece in way]
        for edge, following in itertools.pairwise(edges):
            assert following in graph.onward(edge)
        seconds = sum(piece.share * graph.edge_s[piece.edge] for piece in way)
        seconds += sum(graph.turn_s(a, b) for a, b in itertools.pairwise(edges))
        # The tree may end on a street beside the goal's as well.
        assert seconds >= left.seconds - 2.0
        tried += 1

    assert tried > 20


def test_what_lies_beyond_the_limit_is_not_found(graph):
    (lat, lon), (to_lat, to_lon) = graph.midpoint(0), graph.midpoint(graph.edge_count - 1)
    start, end = snap(graph, lat=lat, lon=lon), snap(graph, lat=to_lat, lon=to_lon)

    assert way_between(graph, start, end, limit_s=1.0) == []
