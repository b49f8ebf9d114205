from click.testing import CliRunner

from tests.tracker.roads.tiny_extract import TinyExtract, small_town
from tracker.roads.graph_file import open_graph
from web.basemap import map_group


def test_building_a_map_says_what_was_made_and_what_is_owed(tmp_path):
    extract = small_town().write(tmp_path / "town.osm.pbf")
    out = tmp_path / "maps" / "town.pmtiles"

    result = CliRunner().invoke(map_group, ["build", str(extract), "--out", str(out)])

    assert result.exit_code == 0
    assert f"{out}: " in result.output
    assert "4 roads" in result.output
    assert "© OpenStreetMap contributors" in result.output
    assert out.stat().st_size > 0


def test_without_a_name_the_map_lies_where_the_server_looks_for_it(tmp_path, monkeypatch):
    extract = small_town().write(tmp_path / "town.osm.pbf")
    monkeypatch.setenv("ENROUTE_MAP_FILE", str(tmp_path / "drawn.pmtiles"))

    result = CliRunner().invoke(map_group, ["build", str(extract)])

    assert result.exit_code == 0
    assert (tmp_path / "drawn.pmtiles").exists()


def test_the_roads_are_built_beside_the_map(tmp_path):
    extract = small_town().write(tmp_path / "town.osm.pbf")

    result = CliRunner().invoke(map_group, ["build", str(extract), "--out", str(tmp_path / "town.pmtiles")])

    assert f"{tmp_path / 'roads.graph'}: 1 km of road" in result.output
    assert open_graph(tmp_path / "roads.graph").edge_count == 4


def test_the_roads_lie_where_they_are_wanted(tmp_path, monkeypatch):
    extract = small_town().write(tmp_path / "town.osm.pbf")
    monkeypatch.setenv("ENROUTE_MAP_FILE", str(tmp_path / "drawn.pmtiles"))
    monkeypatch.setenv("ENROUTE_ROADS_FILE", str(tmp_path / "by setting.graph"))

    CliRunner().invoke(map_group, ["build", str(extract)])
    CliRunner().invoke(map_group, ["build", str(extract), "--roads", str(tmp_path / "by option.graph")])

    assert sorted(path.name for path in tmp_path.glob("*.graph")) == ["by option.graph", "by setting.graph"]


def test_an_extract_without_roads_still_makes_a_map(tmp_path):
    park = TinyExtract()
    park.way((0.0, 0.0), (0.0, 1.0), highway="footway")
    extract = park.write(tmp_path / "park.osm.pbf")

    result = CliRunner().invoke(map_group, ["build", str(extract), "--out", str(tmp_path / "park.pmtiles")])

    assert result.exit_code == 0
    assert "arrival times will be estimated without a map" in result.output
    assert (tmp_path / "park.pmtiles").exists()
    assert not (tmp_path / "roads.graph").exists()


def test_a_missing_extract_is_one_clear_line(tmp_path):
    result = CliRunner().invoke(map_group, ["build", str(tmp_path / "none.osm.pbf")])

    assert result.exit_code == 1
    assert "none.osm.pbf does not exist" in result.output
    assert "Traceback" not in result.output
