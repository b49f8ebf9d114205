from __future__ import annotations

import json

import pytest

from slots.errors import InvalidSetup
from slots.model import Territory
from slots.territory import TerritoryMap, territory_map


def square(name: str, west: float, south: float, size: float = 1.0) -> Territory:
    ring = [
        [west, south],
        [west + size, south],
        [west + size, south + size],
        [west, south + size],
        [west, south],
    ]
    return Territory(id=name, name=name, polygon=json.dumps({"type": "Polygon", "coordinates": [ring]}))


def test_a_place_is_in_every_territory_that_contains_it() -> None:
    areas = TerritoryMap([square("a", -10, 38), square("b", -9.5, 38.5), square("c", 0, 0)])

    assert areas.containing(lat=38.2, lon=-9.9) == {"a"}
    assert areas.containing(lat=38.7, lon=-9.2) == {"a", "b"}
    assert areas.containing(lat=-38.2, lon=9.9) == frozenset()


def test_latitude_and_longitude_are_not_mixed_up() -> None:
    assert TerritoryMap([square("a", -10, 38)]).containing(lat=-9.5, lon=38.5) == frozenset()


def test_the_border_belongs_to_the_territory() -> None:
    areas = TerritoryMap([square("west", -10, 38), square("east", -9, 38)])

    assert areas.containing(lat=38.5, lon=-9) == {"west", "east"}


def test_a_hole_is_outside() -> None:
    outer = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    hole = [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]
    ring = Territory(id="ring", name="Ring", polygon=json.dumps({"type": "Polygon", "coordinates": [outer, hole]}))

    areas = TerritoryMap([ring])

    assert areas.containing(lat=2, lon=2) == frozenset()
    assert areas.containing(lat=0.5, lon=2) == {"ring"}


def test_without_territories_no_place_is_in_any() -> None:
    assert TerritoryMap([]).containing(lat=1, lon=1) == frozenset()


@pytest.mark.parametrize(
    "polygon",
    [
        "",
        "nonsense",
        "{}",
        '{"type":"Point","coordinates":[1,2]}',
        '{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0],[0,0]]]}',
        '{"type":"Polygon","coordinates":[[[0,0],[2,2],[2,0],[0,2],[0,0]]]}',
        '{"type":"Polygon","coordinates":[]}',
    ],
)
def test_a_polygon_that_is_none_is_refused_by_name(polygon: str) -> None:
    with pytest.raises(InvalidSetup) as refused:
        TerritoryMap([Territory(id="north", name="North", polygon=polygon)])

    assert refused.value.at == "territory north"


def test_the_index_is_built_again_only_when_a_territory_changed() -> None:
    one, other = (square("a", 0, 0),), (square("a", 5, 5),)

    assert territory_map(one) is territory_map((square("a", 0, 0),))
    assert territory_map(one) is not territory_map(other)
