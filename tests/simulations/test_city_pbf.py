from __future__ import annotations

import osmium
import pytest

from simulations.city_pbf import write_city
from simulations.plane import distance_m
from tests.simulations.cities import small_city


def test_an_extract_holds_the_streets_with_their_tags_and_places(tmp_path):
    city = small_city()
    path = tmp_path / "city.osm.pbf"

    write_city(city, path)

    streets = [e.id for e in osmium.FileProcessor(path) if e.is_way() and "highway" in e.tags]
    assert len(streets) == len(city.streets)
    assert list(tmp_path.iterdir()) == [path]


def test_a_street_keeps_its_name_limit_direction_and_geometry(tmp_path):
    city = small_city()
    path = tmp_path / "city.osm.pbf"
    number, street = next((i, s) for i, s in enumerate(city.streets) if s.oneway)

    write_city(city, path)

    found = {}
    for entity in osmium.FileProcessor(path).with_locations():
        if entity.is_way() and entity.id == number + 1:
            found = dict(entity.tags) | {"first": (entity.nodes[0].lat, entity.nodes[0].lon)}
    lat, lon = city.place(street.nodes[0])
    assert {key: found[key] for key in ("highway", "name", "maxspeed", "oneway")} == {
        "highway": street.kind,
        "name": street.name,
        "maxspeed": "30",
        "oneway": "yes",
    }
    assert distance_m(lat_a=lat, lon_a=lon, lat_b=found["first"][0], lon_b=found["first"][1]) < 0.05


def test_water_parks_buildings_and_signals_are_in_it(tmp_path):
    city = small_city()
    path = tmp_path / "city.osm.pbf"

    write_city(city, path)

    tags = [dict(entity.tags) for entity in osmium.FileProcessor(path)]
    assert sum(t.get("natural") == "water" for t in tags) == 1
    assert sum(t.get("leisure") == "park" for t in tags) == len(city.parks)
    assert sum(t.get("building") == "yes" for t in tags) == len(city.buildings)
    assert sum(t.get("highway") == "traffic_signals" for t in tags) == len(city.signals)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "missing" / "city.osm.pbf"

    with pytest.raises(RuntimeError, match="No such file"):
        write_city(small_city(), path)

    assert not path.exists()
