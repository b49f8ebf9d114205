from click.testing import CliRunner

from tests.tracker.roads.tiny_extract import small_town
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


def test_a_missing_extract_is_one_clear_line(tmp_path):
    result = CliRunner().invoke(map_group, ["build", str(tmp_path / "none.osm.pbf")])

    assert result.exit_code == 1
    assert "none.osm.pbf does not exist" in result.output
    assert "Traceback" not in result.output
