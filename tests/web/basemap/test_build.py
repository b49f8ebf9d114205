import gzip
from pathlib import Path

import mapbox_vector_tile
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles

from tests.tracker.roads.tiny_extract import TOWN_LAT, TOWN_LON, TinyExtract, small_town, square
from tracker.roads.extract import Bounds, ExtractError
from web.basemap.build import build_basemap
from web.basemap.layers import LAYERS
from web.basemap.mercator import Tile, tiles_of, world_box

TOWN_BOX = (TOWN_LON, TOWN_LAT, TOWN_LON + 0.04, TOWN_LAT + 0.04)


def decode(out: Path) -> dict[Tile, dict]:
    """Every tile of an archive, decoded; y runs down as on a screen."""
    with out.open("rb") as file:
        return {
            Tile(*zxy): mapbox_vector_tile.decode(gzip.decompress(body), default_options={"y_coord_down": True})
            for zxy, body in all_tiles(MmapSource(file))
        }


def build(extract: TinyExtract, tmp_path: Path) -> dict[Tile, dict]:
    build_basemap(extract.write(tmp_path / "in.osm.pbf"), tmp_path / "out.pmtiles")
    return decode(tmp_path / "out.pmtiles")


def features(tiles: dict[Tile, dict], layer: str, *, zoom: int) -> list[dict]:
    return [
        feature
        for tile, layers in tiles.items()
        if tile.zoom == zoom
        for feature in layers.get(layer, {}).get("features", [])
    ]


def test_the_header_and_metadata_describe_the_map(tmp_path):
    town = small_town()
    town.box = TOWN_BOX

    summary = build_basemap(town.write(tmp_path / "in.osm.pbf"), tmp_path / "out.pmtiles")

    with (tmp_path / "out.pmtiles").open("rb") as file:
        reader = Reader(MmapSource(file))
        header, metadata = reader.header(), reader.metadata()
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (10, 15, True)
    assert [header[side] for side in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")] == [
        -80_000_000,
        410_000_000,
        -79_600_000,
        410_400_000,
    ]
    assert (header["center_lon_e7"], header["center_lat_e7"]) == (-79_800_000, 410_200_000)
    assert metadata["attribution"] == "© OpenStreetMap contributors"
    assert [layer["id"] for layer in metadata["vector_layers"]] == list(LAYERS)
    assert summary.size_bytes == (tmp_path / "out.pmtiles").stat().st_size
    assert summary.features == {"landcover": 1, "water": 2, "buildings": 1, "roads": 4, "places": 1}


def test_a_tile_holds_the_known_layers_and_nothing_else(tmp_path):
    tiles = build(small_town(), tmp_path)

    assert {name for layers in tiles.values() for name in layers} == set(LAYERS)


def test_main_roads_show_from_afar_and_small_ones_near(tmp_path):
    tiles = build(small_town(), tmp_path)

    def classes(zoom):
        return {feature["properties"]["class"] for feature in features(tiles, "roads", zoom=zoom)}

    assert classes(10) == {"motorway"}
    assert classes(13) == {"motorway", "residential"}
    assert classes(15) == {"motorway", "residential", "footway"}
    assert features(tiles, "buildings", zoom=13) == []
    assert features(tiles, "buildings", zoom=14) != []


def test_the_pieces_of_a_street_are_one_line(tmp_path):
    tiles = build(small_town(), tmp_path)

    streets = [
        feature
        for feature in features(tiles, "roads", zoom=13)
        if feature["properties"].get("name") == "Rua das Flores"
    ]

    assert {feature["geometry"]["type"] for feature in streets} == {"LineString"}


def test_a_road_lies_where_it_is(tmp_path):
    town = TinyExtract()
    town.way((1.0, 1.0), (1.0, 1.02), highway="motorway")
    middle = Bounds(TOWN_LON + 0.0101, TOWN_LAT + 0.01, TOWN_LON + 0.0101, TOWN_LAT + 0.01)
    (expected,) = tiles_of(world_box(middle), zoom=15)
    world_x = (TOWN_LON + 0.01) / 360 + 0.5

    tiles = build(town, tmp_path)

    (line,) = [feature["geometry"]["coordinates"] for feature in tiles[expected]["roads"]["features"]]
    x = (world_x * 2**15 - expected.x) * 4096
    # 0.0002 degrees of longitude are 75 units at zoom 15.
    assert sorted(point[0] for point in line) == pytest.approx([x, x + 74.6], abs=1)


def test_shapes_end_at_the_border_of_their_tile(tmp_path):
    tiles = build(small_town(), tmp_path)

    coordinates = [
        point
        for layers in tiles.values()
        for layer in layers.values()
        for feature in layer["features"]
        for point in points_of(feature["geometry"]["coordinates"])
    ]
    assert len(tiles) > 20
    assert all(-129 <= value <= 4096 + 129 for point in coordinates for value in point)


def points_of(coordinates: list) -> list:
    if not isinstance(coordinates[0], list):
        return [coordinates]
    return [point for part in coordinates for point in points_of(part)]


def test_an_island_stays_a_hole(tmp_path):
    tiles = build(small_town(), tmp_path)

    lakes = [
        feature["geometry"]["coordinates"]
        for feature in features(tiles, "water", zoom=12)
        if feature["geometry"]["type"] == "Polygon" and len(feature["geometry"]["coordinates"]) == 2
    ]

    assert lakes


def test_a_river_is_an_area_of_at_least_a_pixel(tmp_path):
    town = TinyExtract()
    town.way((1.0, 0.0), (1.0, 2.0), waterway="river")

    (river,) = features(build(town, tmp_path), "water", zoom=10)

    heights = [point[1] for point in points_of(river["geometry"]["coordinates"])]
    assert river["geometry"]["type"] == "Polygon"
    assert 7 <= max(heights) - min(heights) <= 10


def test_a_name_is_written_in_one_tile_of_each_zoom(tmp_path):
    tiles = build(small_town(), tmp_path)

    for zoom in range(10, 16):
        (place,) = features(tiles, "places", zoom=zoom)
        assert place["properties"] == {"name": "Vila Nova", "class": "town"}


def test_the_same_extract_gives_the_same_file(tmp_path):
    extract = small_town().write(tmp_path / "in.osm.pbf")

    build_basemap(extract, tmp_path / "one.pmtiles")
    build_basemap(extract, tmp_path / "two.pmtiles")

    assert (tmp_path / "one.pmtiles").read_bytes() == (tmp_path / "two.pmtiles").read_bytes()


def test_what_lies_beyond_the_declared_box_is_not_drawn(tmp_path):
    town = TinyExtract(box=TOWN_BOX)
    town.way((1.0, 1.0), (1.0, 2.0), highway="motorway")
    town.way(*square(north=900, east=900, side=1), natural="water")

    tiles = build(town, tmp_path)

    assert {name for layers in tiles.values() for name in layers} == {"roads"}


def test_progress_runs_from_nothing_to_everything(tmp_path):
    told: list[tuple[str, float]] = []

    build_basemap(
        small_town().write(tmp_path / "in.osm.pbf"),
        tmp_path / "out.pmtiles",
        progress=lambda stage, part: told.append((stage, part)),
    )

    parts = [part for _, part in told]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)


def test_an_extract_without_anything_to_draw_says_so(tmp_path):
    empty = TinyExtract()
    empty.node(north=0, east=0)

    with pytest.raises(ExtractError, match="holds no streets"):
        build(empty, tmp_path)


def test_a_failed_build_keeps_the_map_there_was(tmp_path):
    out = tmp_path / "out.pmtiles"
    out.write_bytes(b"the old map")
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(small_town().write(tmp_path / "in.osm.pbf").read_bytes()[:-40])

    with pytest.raises(ExtractError):
        build_basemap(broken, out)

    assert out.read_bytes() == b"the old map"
    assert list(tmp_path.glob(".out*")) == []
