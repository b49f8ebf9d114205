from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import osmium
import pytest
import pytest_asyncio
from osmium.osm.mutable import Node

from simulations.cities import LIMIT_KMH, City
from simulations.city_pbf import write_city
from simulations.crews import run_scenario
from simulations.gps_noise import PERFECT
from simulations.journeys import NoWayError, drive_way
from simulations.map_town import MapError, MapTown, map_town
from simulations.plane import distance_m
from simulations.scenarios import Scenario, ScenarioError, read_scenario
from simulations.technicians import Habits
from simulations.towns import Place
from tests.simulations.cities import small_city
from tracker.roads.build import build_roads

RADIUS_M = 900.0
CENTRE = Place(41.15, -8.62)


@pytest.fixture(scope="module")
def extract(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("maps") / "valmar.osm.pbf"
    write_city(small_city(), path)
    return path


@pytest_asyncio.fixture(scope="module")
async def town(extract) -> AsyncIterator[MapTown]:
    async with map_town(extract, time_zone="Europe/Berlin", radius_m=RADIUS_M, centre=CENTRE) as made:
        yield made


def off_streets_m(city: City, lat: float, lon: float) -> float:
    """The way to the nearest street of the city that the extract was written of."""
    x, y = city.plane.xy(lat=lat, lon=lon)
    best = math.inf
    for street in city.streets:
        for a, b in pairwise(street.nodes):
            (ax, ay), (bx, by) = city.nodes[a], city.nodes[b]
            along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / math.dist((ax, ay), (bx, by)) ** 2
            along = min(max(along, 0.0), 1.0)
            best = min(best, math.dist((x, y), (ax + (bx - ax) * along, ay + (by - ay) * along)))
    return best


async def some_way(town: MapTown, seed: int):
    start, end = Random(seed).sample(town.places, 2)
    return start, end, await town.way(start, end)


def test_sites_lie_beside_roads_of_the_extract_within_the_radius(town):
    for door in islice(town.doors(Random(1)), 50):
        assert off_streets_m(small_city(), door.lat, door.lon) < 12
        assert distance_m(lat_a=door.lat, lon_a=door.lon, lat_b=CENTRE.lat, lon_b=CENTRE.lon) < RADIUS_M + 300
        assert door.address.endswith(", Valmar")


@pytest.mark.parametrize("seed", range(5))
async def test_a_drive_keeps_to_the_roads_of_the_extract_from_end_to_end(town, seed):
    start, end, way = await some_way(town, seed)

    journey = drive_way(way, seed=str(seed))

    moments = [journey.at(second) for second in range(math.ceil(journey.duration_s) + 1)]
    assert max(off_streets_m(small_city(), moment.lat, moment.lon) for moment in moments) < 2.0
    for place, moment in ((start, moments[0]), (end, moments[-1])):
        assert distance_m(lat_a=place.lat, lon_a=place.lon, lat_b=moment.lat, lon_b=moment.lon) < 25


@pytest.mark.parametrize("seed", range(5))
async def test_a_drive_is_about_as_fast_as_the_road_engine_reckons_and_slower_in_traffic(town, seed):
    start, end, way = await some_way(town, seed)
    route = await town._roads.route(lat=start.lat, lon=start.lon, to_lat=end.lat, to_lon=end.lon)

    free, busy = (drive_way(way, seed="1", traffic=traffic) for traffic in (1.0, 0.5))

    assert max(way.limits_mps) <= max(LIMIT_KMH.values()) / 3.6
    assert free.length_m == pytest.approx(route.length_m, rel=0.02, abs=10)
    assert 0.6 < free.duration_s / route.total_s < 1.9
    assert busy.duration_s > 1.2 * free.duration_s


async def test_the_graph_that_was_built_of_the_extract_serves_as_well(town, extract, tmp_path):
    build_roads(extract, tmp_path / "roads.graph")

    async with map_town(tmp_path / "roads.graph", time_zone="Europe/Berlin", radius_m=RADIUS_M, centre=CENTRE) as other:
        assert other.places == town.places


async def test_without_a_centre_the_middle_of_the_roads_is_one(extract):
    async with map_town(extract, time_zone="Europe/Berlin", radius_m=RADIUS_M) as middle:
        lats, lons = zip(*middle.places, strict=True)

    lat, lon = sum(lats) / len(lats), sum(lons) / len(lons)
    assert distance_m(lat_a=lat, lon_a=lon, lat_b=CENTRE.lat, lon_b=CENTRE.lon) < 500


async def test_nobody_can_be_sent_off_the_map(town):
    with pytest.raises(NoWayError, match="No street leads from"):
        await town.way(town.places[0], Place(50.0, 8.0))


async def test_an_extract_without_roads_is_refused(tmp_path):
    path = tmp_path / "sea.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        writer.add_node(Node(id=1, version=1, location=(-8.7, 41.1)))

    with pytest.raises(MapError, match=r"sea\.osm\.pbf holds no roads for cars"):
        async with map_town(path, time_zone="UTC", radius_m=RADIUS_M):
            pass


async def test_an_extract_without_roads_where_they_are_wanted_is_refused_with_the_place(extract):
    with pytest.raises(MapError, match=r"valmar\.osm\.pbf has no roads to drive on within 900 m of 48\.10000, 11"):
        async with map_town(extract, time_zone="UTC", radius_m=RADIUS_M, centre=Place(48.1, 11.5)):
            pass


@pytest.mark.parametrize("name", ["none.osm.pbf", "none.graph"])
async def test_a_missing_file_is_refused_by_name(tmp_path, name):
    with pytest.raises(MapError, match=name):
        async with map_town(tmp_path / name, time_zone="UTC", radius_m=RADIUS_M):
            pass


@pytest.mark.parametrize(
    ("fields", "problem"),
    [('"city_lat": 41.1', "belong together"), ('"time_zone": "Porto"', "'Porto' is not a time zone")],
)
def test_a_scenario_with_half_a_place_or_no_time_zone_is_refused(fields, problem):
    with pytest.raises(ScenarioError, match=problem):
        read_scenario("mine.json", f'{{"name": "x", {fields}}}')


async def test_a_scenario_with_a_map_is_played_on_its_roads(playground, admin, extract):
    scenario = Scenario(
        name="on the map",
        duration_s=6.0,
        technicians=2,
        customers=2,
        ramp_s=0.0,
        map=str(extract),
        city_radius_m=RADIUS_M,
        habits=Habits(fix_interval_s=0.2, faults=PERFECT),
    )

    async with asyncio.timeout(60):
        stage = await run_scenario(scenario, base_url=playground.url, admin=admin)

    assert stage.observations.counts["positions received"] > 0
    assert not stage.observations.errors
    for site in stage.company.file["sites"]:
        assert off_streets_m(small_city(), site["lat"], site["lon"]) < 12
