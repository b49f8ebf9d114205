import shapely

from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract, small_town, square
from tracker.roads.landscape import Place, read_landscape


def test_each_area_goes_to_its_kind(tmp_path):
    landscape = read_landscape(small_town().write(tmp_path / "town.osm.pbf"))

    assert len(landscape.water) == 1
    assert [kind for kind, _ in landscape.green] == ["wood"]
    assert len(landscape.buildings) == 1
    assert [line.kind for line in landscape.waterways] == ["river"]


def test_an_island_is_a_hole_in_its_lake(tmp_path):
    (lake,) = read_landscape(small_town().write(tmp_path / "town.osm.pbf")).water

    shape = shapely.from_wkb(lake)

    assert shapely.get_num_interior_rings(shape.geoms[0]) == 1


def test_a_place_keeps_its_name_and_position(tmp_path):
    (place,) = read_landscape(small_town().write(tmp_path / "town.osm.pbf")).places

    assert place == Place("town", "Vila Nova", lat=TOWN_LAT + 0.01, lon=TOWN_LON + 0.01)


def test_a_place_without_a_name_and_a_river_in_a_pipe_are_not_drawn(tmp_path):
    extract = TinyExtract()
    extract.node(north=0, east=0, place="town")
    extract.way((0.0, 0.0), (0.0, 1.0), waterway="stream", tunnel="culvert")

    landscape = read_landscape(extract.write(tmp_path / "hidden.osm.pbf"))

    assert (landscape.places, landscape.waterways) == ([], [])


def test_a_broken_outline_does_not_stop_the_rest(tmp_path):
    extract = TinyExtract()
    # A bow tie: its rim crosses itself.
    extract.way((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0), natural="water")
    extract.way(*square(north=2, east=2, side=1), natural="water")

    landscape = read_landscape(extract.write(tmp_path / "broken.osm.pbf"))

    assert len(landscape.water) == 1
