import struct
from pathlib import Path

import pytest

from tests.tracker.roads.tiny_extract import small_town
from tracker.roads.build import build_roads
from tracker.roads.graph import ARRAYS
from tracker.roads.graph_file import RoadsFileError, Source, open_graph, read_source, source_of, write_graph

SOURCE = Source("town.osm.pbf", 1234, "ab" * 32)


@pytest.fixture
def file(graph, tmp_path) -> Path:
    write_graph(graph, tmp_path / "maps" / "town.graph", source=SOURCE)
    return tmp_path / "maps" / "town.graph"


def overwrite(path: Path, at: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(content)] = content
    path.write_bytes(whole)


def test_a_graph_comes_back_as_it_was_written(graph, file):
    opened = open_graph(file)

    assert {name: opened.arrays[name].tolist() for name in ARRAYS} == {
        name: graph.arrays[name].tolist() for name in ARRAYS
    }
    assert opened.shape == graph.shape
    assert opened.edge_s.tolist() == graph.edge_free_s.tolist()


def test_the_size_that_is_told_is_the_size_of_the_file(graph, tmp_path):
    told = write_graph(graph, tmp_path / "a.graph", source=SOURCE)

    assert told == (tmp_path / "a.graph").stat().st_size


def test_a_file_knows_the_extract_it_was_made_from(tmp_path):
    extract = small_town().write(tmp_path / "town.osm.pbf")

    build_roads(extract, tmp_path / "town.graph")

    assert read_source(tmp_path / "town.graph") == source_of(extract)
    assert source_of(extract).name == "town.osm.pbf"


def test_the_same_extract_gives_the_same_file_and_identity(tmp_path):
    extract = small_town().write(tmp_path / "town.osm.pbf")
    one, two = tmp_path / "one.graph", tmp_path / "two.graph"

    build_roads(extract, one)
    build_roads(extract, two)

    assert one.read_bytes() == two.read_bytes()
    assert open_graph(one).identity == open_graph(two).identity != ""


def test_graphs_of_other_roads_have_another_identity(file, tmp_path):
    build_roads(small_town().write(tmp_path / "town.osm.pbf"), tmp_path / "small.graph")

    assert open_graph(file).identity != open_graph(tmp_path / "small.graph").identity


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(RoadsFileError, match=r"none\.graph cannot be read .*enroute map build EXTRACT\.osm\.pbf"):
        open_graph(tmp_path / "none.graph")


@pytest.mark.parametrize("content", [b"", b"PMTiles", b"x" * 1000])
def test_another_kind_of_file_is_no_road_graph(tmp_path, content):
    (tmp_path / "wrong").write_bytes(content)

    with pytest.raises(RoadsFileError, match="is not a road graph"):
        open_graph(tmp_path / "wrong")


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (99, "a newer")])
def test_another_version_is_named(file, version, age):
    overwrite(file, 8, struct.pack("<I", version))

    with pytest.raises(RoadsFileError, match=f"is of {age} version"):
        open_graph(file)


def test_a_file_cut_short_is_damaged(file):
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(RoadsFileError, match="is damaged"):
        open_graph(file)


def test_a_broken_header_is_damage(file):
    overwrite(file, 40, b"!!!!")

    with pytest.raises(RoadsFileError, match="header is broken"):
        open_graph(file)


def test_a_flipped_bit_anywhere_in_the_arrays_is_damage(file):
    whole = file.read_bytes()
    overwrite(file, len(whole) - 1000, bytes([whole[-1000] ^ 1]))

    with pytest.raises(RoadsFileError, match="checksum does not match"):
        open_graph(file)
    assert open_graph(file, verify=False).edge_count > 0


def test_what_cannot_be_written_leaves_the_old_file_alone(graph, file, monkeypatch):
    before = file.read_bytes()

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tracker.roads.graph_file.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_graph(graph, file, source=SOURCE)

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
