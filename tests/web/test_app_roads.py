from tests.tracker.roads.tiny_extract import small_town
from tracker.roads import NoRoads
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
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
