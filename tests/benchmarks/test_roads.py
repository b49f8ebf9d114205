from __future__ import annotations

from pathlib import Path

from benchmarks.roads import COLUMNS, Row, write_grid
from tests.benchmarks.smoke import smoke
from tracker.roads.build import build_graph


def test_a_grid_is_all_of_its_blocks_in_both_directions(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.osm.pbf", side=6, seed=1)

    graph = build_graph(tmp_path / "grid.osm.pbf")

    # 60 blocks; at each corner two of them are one bend, unless a main road meets a side street there.
    assert 2 * 56 <= graph.edge_count <= 2 * 60


def test_the_same_seed_is_the_same_grid(tmp_path: Path) -> None:
    write_grid(tmp_path / "one.osm.pbf", side=5, seed=3)
    write_grid(tmp_path / "two.osm.pbf", side=5, seed=3)

    one, two = build_graph(tmp_path / "one.osm.pbf"), build_graph(tmp_path / "two.osm.pbf")

    assert one.point_lat.tolist() == two.point_lat.tolist()


def test_every_figure_of_every_map_is_there(tmp_path: Path) -> None:
    rows, table = smoke("roads", tmp_path)

    assert [row["map"] for row in rows] == ["made-up city", "grid 12x12"]
    assert all(row[name] > 0 for row in rows for name in COLUMNS)
    assert set(COLUMNS) == set(Row.__struct_fields__) - {"map"}
    assert "snap us" in table
