from __future__ import annotations

import math
from itertools import pairwise

import pytest

from simulations.cities import LIMIT_KMH, City, make_city
from tests.simulations.cities import small_city

SEEDS = (1, 7, 23)


def reached(city: City, start: int, *, backwards: bool = False) -> set[int]:
    ways: dict[int, set[int]] = {node: set() for node in city.leaving}
    for node, segments in city.leaving.items():
        for segment in segments:
            a, b = (segment.end, node) if backwards else (node, segment.end)
            ways.setdefault(a, set()).add(b)
    seen, waiting = {start}, [start]
    while waiting:
        for node in ways.get(waiting.pop(), ()):
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return seen


def test_the_same_seed_gives_the_same_city():
    first, second = make_city(3, radius_m=1000), make_city(3, radius_m=1000)

    assert (first.nodes, first.streets, first.signals, first.buildings) == (
        second.nodes,
        second.streets,
        second.signals,
        second.buildings,
    )


def test_another_seed_gives_another_city():
    assert small_city(7).nodes != small_city(8).nodes


@pytest.mark.parametrize("seed", SEEDS)
def test_every_place_can_be_reached_from_every_place_in_spite_of_one_ways(seed):
    city = small_city(seed)
    start = next(iter(city.leaving))

    onward, back = reached(city, start), reached(city, start, backwards=True)

    assert onward == back == set(city.leaving)
    assert any(street.oneway for street in city.streets)


@pytest.mark.parametrize("seed", SEEDS)
def test_streets_cross_the_river_only_on_bridges(seed):
    city = small_city(seed)

    for street in city.streets:
        for a, b in pairwise(street.nodes):
            (ax, ay), (bx, by) = city.nodes[a], city.nodes[b]
            wet = any(city.river.wets((ax + (bx - ax) * i / 20, ay + (by - ay) * i / 20)) for i in range(21))
            assert street.bridge or not wet
    assert sum(street.bridge for street in city.streets) >= 2


def test_the_full_size_has_some_hundred_to_two_thousand_nodes_and_every_class_of_street():
    city = make_city(7)

    assert 800 < len(city.nodes) < 2500
    assert {street.kind for street in city.streets} == set(LIMIT_KMH)
    assert len({street.name for street in city.streets}) > 200
    assert len(city.signals) > 10


def test_it_is_not_a_grid():
    city = make_city(7, most_buildings=0)
    directions: dict[int, float] = {}

    for node, segments in city.leaving.items():
        for segment in segments:
            (ax, ay), (bx, by) = city.nodes[node], city.nodes[segment.end]
            bin_ = int(math.degrees(math.atan2(by - ay, bx - ax)) % 90 // 10)
            directions[bin_] = directions.get(bin_, 0) + segment.length_m

    # In a grid two of the nine directions would hold nearly everything.
    assert max(directions.values()) < 0.2 * sum(directions.values())


def test_buildings_stand_on_no_street():
    city = small_city()

    for ring in city.buildings:
        x, y = (sum(p[i] for p in ring[:-1]) / 4 for i in (0, 1))
        nearest_m = min(math.dist((x, y), city.nodes[node]) for node in city.leaving)
        assert nearest_m > 7
    assert city.buildings
