import pytest

from tests.tracker.roads.stand_in import OsrmStandIn, ValhallaStandIn
from tests.tracker.roads.tiny_extract import small_town
from tracker.roads import NoRoads
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.fallback import FallbackRoads
from tracker.roads.osrm_http import OsrmRoads
from tracker.roads.valhalla_http import ValhallaRoads
from web.app import open_roads


async def test_a_server_with_a_road_graph_uses_it(tmp_path):
    build_roads(small_town().write(tmp_path / "town.osm.pbf"), tmp_path / "roads.graph")

    roads = open_roads(tmp_path / "roads.graph")
    route = await roads.route(lat=41.01, lon=-7.995, to_lat=41.01, to_lon=-7.985)
    await roads.close()

    assert isinstance(roads, EmbeddedRoads)
    assert 800 < route.length_m < 900


def test_a_server_without_one_goes_without(tmp_path, caplog):
    assert isinstance(open_roads(tmp_path / "roads.graph"), NoRoads)
    assert caplog.text == ""


def test_a_server_whose_graph_cannot_be_read_says_so_and_goes_without(tmp_path, caplog):
    (tmp_path / "roads.graph").write_bytes(b"old")

    assert isinstance(open_roads(tmp_path / "roads.graph"), NoRoads)
    assert "estimated without a map" in caplog.text
    assert "enroute map build" in caplog.text


@pytest.mark.parametrize(
    ("protocol", "engine", "stand_in"),
    [("osrm", OsrmRoads, OsrmStandIn), ("valhalla", ValhallaRoads, ValhallaStandIn)],
)
async def test_a_server_with_a_road_server_asks_it(tmp_path, protocol, engine, stand_in):
    server = stand_in()
    port = await server.start()

    roads = open_roads(tmp_path / "roads.graph", server_url=f"{protocol}+http://127.0.0.1:{port}")
    route = await roads.route(lat=41.01, lon=-7.995, to_lat=41.01, to_lon=-7.985)
    await roads.close()
    await server.close()

    assert isinstance(roads, FallbackRoads)
    assert isinstance(roads.server, engine)
    assert 800 < route.length_m < 900


async def test_behind_a_road_server_stands_the_road_graph(tmp_path):
    build_roads(small_town().write(tmp_path / "town.osm.pbf"), tmp_path / "roads.graph")
    server = OsrmStandIn()
    port = await server.start()
    await server.close()

    roads = open_roads(tmp_path / "roads.graph", server_url=f"osrm+http://127.0.0.1:{port}")
    route = await roads.route(lat=41.01, lon=-7.995, to_lat=41.01, to_lon=-7.985)
    await roads.close()

    assert 800 < route.length_m < 900
    assert roads.outcomes == {"unreachable": 1}
