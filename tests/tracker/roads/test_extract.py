import os
from pathlib import Path

import pytest

from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract, small_town
from tracker.roads.extract import ExtractError, Oneway, maxspeed_kmh, read_bounds, read_streets

SHARED_DATA = Path(os.environ.get("ENROUTE_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))


def one_street(tmp_path: Path, **tags: str):
    extract = TinyExtract()
    extract.way((0.0, 0.0), (0.0, 1.0), **tags)
    (street,) = read_streets(extract.write(tmp_path / "one.osm.pbf"))
    return street


def test_streets_come_with_class_name_limit_and_direction(tmp_path):
    town = small_town().write(tmp_path / "town.osm.pbf")

    streets = read_streets(town)

    told = [(street.road_class, street.name, street.maxspeed_kmh, street.oneway) for street in streets]
    assert told == [
        ("motorway", "A 1", None, Oneway.FORWARD),
        ("residential", "Rua das Flores", 30.0, Oneway.BOTH),
        ("residential", "Rua das Flores", None, Oneway.BOTH),
    ]


def test_paths_are_read_only_when_asked_for(tmp_path):
    town = small_town().write(tmp_path / "town.osm.pbf")

    classes = {street.road_class for street in read_streets(town, with_paths=True)}

    assert classes == {"motorway", "residential", "footway"}


def test_streets_that_meet_share_a_node_number(tmp_path):
    _, first, second = read_streets(small_town().write(tmp_path / "town.osm.pbf"))

    assert first.node_ids[-1] == second.node_ids[0]


def test_latitude_and_longitude_keep_their_names(tmp_path):
    street = one_street(tmp_path, highway="primary")

    assert street.lats.tolist() == [TOWN_LAT, TOWN_LAT]
    assert street.lons.tolist() == pytest.approx([TOWN_LON, TOWN_LON + 0.01])


@pytest.mark.parametrize(
    ("tags", "oneway"),
    [
        ({"highway": "primary"}, Oneway.BOTH),
        ({"highway": "primary", "oneway": "yes"}, Oneway.FORWARD),
        ({"highway": "primary", "oneway": "-1"}, Oneway.BACKWARD),
        ({"highway": "primary", "junction": "roundabout"}, Oneway.FORWARD),
        ({"highway": "motorway"}, Oneway.FORWARD),
        ({"highway": "motorway", "oneway": "no"}, Oneway.BOTH),
    ],
)
def test_the_direction_is_the_signed_or_the_implied_one(tmp_path, tags, oneway):
    assert one_street(tmp_path, **tags).oneway is oneway


@pytest.mark.parametrize(
    ("text", "kmh"),
    [
        ("50", 50.0),
        ("30 mph", 48.28032),
        ("80 km/h", 80.0),
        ("none", None),
        ("PT:urban", None),
        ("", None),
        (None, None),
    ],
)
def test_a_limit_is_a_number_in_kmh_or_unknown(text, kmh):
    assert maxspeed_kmh(text) == (None if kmh is None else pytest.approx(kmh))


@pytest.mark.parametrize("access", [{"access": "no"}, {"motor_vehicle": "no"}, {"area": "yes"}])
def test_what_is_closed_to_cars_is_left_out(tmp_path, access):
    extract = TinyExtract()
    extract.way((0.0, 0.0), (0.0, 1.0), highway="residential", **access)

    assert read_streets(extract.write(tmp_path / "closed.osm.pbf")) == []


def test_private_ways_and_those_opened_to_cars_again_are_kept(tmp_path):
    extract = TinyExtract()
    extract.way((0.0, 0.0), (0.0, 1.0), highway="service", access="private")
    extract.way((1.0, 0.0), (1.0, 1.0), highway="service", access="no", motor_vehicle="yes")

    assert len(read_streets(extract.write(tmp_path / "open.osm.pbf"))) == 2


def test_a_way_is_cut_where_its_nodes_are_missing(tmp_path):
    extract = TinyExtract()
    extract.way((0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 3.0), highway="primary")
    refs, tags = extract.ways[0]
    extract.ways[0] = ([refs[0], refs[1], 999, refs[2], refs[3], 998], tags)

    streets = read_streets(extract.write(tmp_path / "cut.osm.pbf"))

    assert [street.node_ids.tolist() for street in streets] == [[1, 2], [3, 4]]


def test_the_box_is_the_one_the_extract_declares(tmp_path):
    town = small_town()
    assert read_bounds(town.write(tmp_path / "boundless.osm.pbf")) is None

    town.box = (-8.0, 41.0, -7.9, 41.1)
    bounds = read_bounds(town.write(tmp_path / "boxed.osm.pbf"))

    assert bounds == pytest.approx((-8.0, 41.0, -7.9, 41.1))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ExtractError, match=r"nowhere\.osm\.pbf does not exist"):
        read_streets(tmp_path / "nowhere.osm.pbf")


def test_a_folder_is_no_extract(tmp_path):
    with pytest.raises(ExtractError, match="is a folder"):
        read_streets(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<osm/>", b"\x00" * 100])
def test_another_kind_of_file_is_told_from_an_extract(tmp_path, content):
    wrong = tmp_path / "wrong.osm.pbf"
    wrong.write_bytes(content)

    with pytest.raises(ExtractError, match="is not an OpenStreetMap extract"):
        read_streets(wrong)


def test_a_half_downloaded_extract_is_damaged(tmp_path):
    whole = small_town().write(tmp_path / "whole.osm.pbf").read_bytes()
    half = tmp_path / "half.osm.pbf"
    half.write_bytes(whole[: len(whole) * 2 // 3])

    with pytest.raises(ExtractError, match="damaged or incomplete"):
        read_streets(half)


def test_a_real_city_has_its_streets():
    city = SHARED_DATA / "maps" / "porto.osm.pbf"
    if not city.exists():
        pytest.skip("no folder with real maps here (ENROUTE_TEST_DATA)")

    streets = read_streets(city)

    assert len(streets) > 10_000
    assert {"motorway", "residential", "service"} <= {street.road_class for street in streets}


def test_a_street_across_the_180th_meridian_is_parted_there(tmp_path):
    extract = TinyExtract()
    for number, lon in enumerate((179.98, 179.99, -179.99, -179.98), start=1):
        extract.nodes[number] = (-16.8, lon)
    extract.link(1, 2, 3, 4, highway="primary")

    east, west = read_streets(extract.write(tmp_path / "island.osm.pbf"))

    assert [street.lons.tolist() for street in (east, west)] == [[179.98, 179.99], [-179.99, -179.98]]
