"""What does the embedded road engine cost, and how does it grow from a city to a country?

Each map is built as `enroute map build` does, opened as the server does, and asked what visits and fixes ask: a tree
for each visit, made in the worker process; a snap and a look-up for each fix; a line for the map. The grids are made
up: crooked blocks of 100 m, a main road every eighth, so that nothing but the size differs.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from math import cos, radians
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time_ns
from typing import Any

import click
import msgspec
import osmium
import uvloop
from osmium.osm.mutable import Node, Way

from benchmarks.loading import CITY_LAT, CITY_LON, as_json
from simulations.cities import make_city
from simulations.city_pbf import write_city
from tracker.geo import METRES_PER_DEGREE
from tracker.roads.build import build_roads
from tracker.roads.embedded import EmbeddedRoads
from tracker.roads.graph import RoadGraph
from tracker.roads.snap import snap
from tracker.roads.trees import TreeMaker

BLOCK_M = 100.0
MAIN_ROAD_EVERY = 8
NOISE_M = 8.0
VISITS = 1000
"""What the memory is reckoned for."""
TRIP_DEG = 5000.0 / METRES_PER_DEGREE
"""A technician sets out 5 km away: their tree reaches 10 km."""
RADIUS_M = 10_000.0


COLUMNS = {
    "road_km": ("km", 0),
    "edges": ("edges", 0),
    "build_s": ("build s", 1),
    "file_mb": ("file MB", 1),
    "open_ms": ("open ms", 1),
    "tree_ms": ("tree ms", 1),
    "visit_ms": ("visit ms", 1),
    "visit_kb": ("visit KB", 0),
    "thousand_visits_mb": ("1000: MB", 0),
    "snap_us": ("snap us", 1),
    "snap_left_us": ("+ left us", 1),
    "line_us": ("line us", 0),
}
"""Field of a row → heading and decimals."""


class Row(msgspec.Struct, frozen=True):
    """One map. Times of visits are wall-clock medians, times of fixes CPU medians."""

    map: str
    road_km: float
    edges: int
    build_s: float
    file_mb: float
    open_ms: float
    tree_ms: float
    visit_ms: float
    visit_kb: float
    thousand_visits_mb: float
    snap_us: float
    snap_left_us: float
    line_us: float


def write_grid(path: Path, *, side: int, seed: int, lat: float = CITY_LAT, lon: float = CITY_LON) -> None:
    """An extract of ``side`` x ``side`` junctions; (``lat``, ``lon``) is its south-western one."""
    chance = random.Random(seed)
    step_lat = BLOCK_M / METRES_PER_DEGREE
    step_lon = step_lat / cos(radians(lat))
    writer = osmium.SimpleWriter(str(path), overwrite=True)
    for row in range(side):
        for column in range(side):
            at_lat = lat + step_lat * (row + chance.uniform(-0.2, 0.2))
            at_lon = lon + step_lon * (column + chance.uniform(-0.2, 0.2))
            writer.add_node(Node(id=row * side + column + 1, location=(at_lon, at_lat)))
    for number in range(side):
        tags = {"highway": "secondary" if number % MAIN_ROAD_EVERY == 0 else "residential"}
        writer.add_way(Way(id=2 * number + 1, nodes=[number * side + k + 1 for k in range(side)], tags=tags))
        writer.add_way(Way(id=2 * number + 2, nodes=[k * side + number + 1 for k in range(side)], tags=tags))
    writer.close()


def measure(name: str, extract: Path, folder: Path, *, visits: int, fixes: int, seed: int) -> Row:
    """Build, open and ask one map."""
    file = folder / f"{name}.graph"
    began_s = perf_counter()
    summary = build_roads(extract, file)
    built_s = perf_counter()
    roads = EmbeddedRoads(file)
    opened_s = perf_counter()
    graph = roads.graph
    chance = random.Random(seed)
    places = [graph.midpoint(chance.randrange(graph.edge_count)) for _ in range(visits)]
    tree_ms = median(_milliseconds(TreeMaker(graph), places))
    visit_ms, visit_bytes, lookups = uvloop.run(_visits(roads, places, lambda: _fixes(graph, chance, fixes)))
    return Row(
        map=name,
        road_km=round(summary.road_km, 1),
        edges=graph.edge_count,
        build_s=built_s - began_s,
        file_mb=summary.size_bytes / 1e6,
        open_ms=(opened_s - built_s) * 1e3,
        tree_ms=tree_ms,
        visit_ms=visit_ms,
        visit_kb=visit_bytes / 1e3,
        thousand_visits_mb=(VISITS * visit_bytes + summary.size_bytes) / 1e6,
        **lookups,
    )


def _milliseconds(maker: TreeMaker, places: list[tuple[float, float]]) -> Iterator[float]:
    for lat, lon in places:
        began_s = perf_counter()
        maker.tree(lat=lat, lon=lon, radius_m=RADIUS_M)
        yield (perf_counter() - began_s) * 1e3


async def _visits(
    roads: EmbeddedRoads, places: list[tuple[float, float]], fixes: Callable[[], list[tuple[float, float, float]]]
) -> tuple[float, int, dict[str, float]]:
    """(milliseconds a new visit waits for its tree, bytes of one, the look-ups of fixes)."""
    try:
        # The first one waits for the worker to start.
        await roads.destination(lat=places[0][0], lon=places[0][1])
        took_ms = []
        destination = None
        for lat, lon in places:
            began_s = perf_counter()
            # Two metres aside, so that no tree is found in the cache.
            destination = await roads.destination(lat=lat + 2e-5, lon=lon, from_lat=lat + TRIP_DEG, from_lon=lon)
            took_ms.append((perf_counter() - began_s) * 1e3)
        assert destination is not None
        graph, tree = destination.graph, destination.tree
        track = fixes()
        snapped = [snap(graph, lat=lat, lon=lon, heading_deg=heading) for lat, lon, heading in track]
        found = [at for at in snapped if at is not None]
        lookups = {
            "snap_us": _microseconds(
                lambda: [snap(graph, lat=lat, lon=lon, heading_deg=heading) for lat, lon, heading in track], len(track)
            ),
            "snap_left_us": _microseconds(
                lambda: [
                    tree.left(graph, at)
                    for lat, lon, heading in track
                    if (at := snap(graph, lat=lat, lon=lon, heading_deg=heading)) is not None
                ],
                len(track),
            ),
            "line_us": _microseconds(lambda: [tree.route(graph, at) for at in found[:200]], len(found[:200])),
        }
        return median(took_ms), tree.size_bytes, lookups
    finally:
        await roads.close()


def _fixes(graph: RoadGraph, chance: random.Random, count: int) -> list[tuple[float, float, float]]:
    """(lat, lon, heading) beside roads, as far as phones are off, some along the road and some not."""
    fixes = []
    for _ in range(count):
        lat, lon = graph.midpoint(chance.randrange(graph.edge_count))
        north, east = chance.gauss(0, NOISE_M), chance.gauss(0, NOISE_M)
        east_deg = east / METRES_PER_DEGREE / cos(radians(lat))
        fixes.append((lat + north / METRES_PER_DEGREE, lon + east_deg, chance.uniform(0, 360)))
    return fixes


def _microseconds(loop: Callable[[], Any], count: int) -> float:
    took_ns = []
    for _ in range(3):
        began_ns = thread_time_ns()
        loop()
        took_ns.append(thread_time_ns() - began_ns)
    return median(took_ns) / 1e3 / count


@click.command("roads")
@click.option("--smoke", is_flag=True, help="Two small maps: proves that it runs, measures nothing.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An extract to measure besides (repeatable).",
)
@click.option(
    "--grid",
    "grids",
    multiple=True,
    default=(100, 300, 600),
    show_default=True,
    help="Junctions on a side (repeatable).",
)
@click.option("--visits", default=100, show_default=True, help="Destinations on each map.")
@click.option("--fixes", default=5000, show_default=True, help="Positions on each map.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the rows here.")
def main(
    smoke: bool,
    maps: tuple[Path, ...],
    grids: tuple[int, ...],
    visits: int,
    fixes: int,
    seed: int,
    json_path: Path | None,
) -> None:
    """Cost of the road engine, and how it grows with the map."""
    if smoke:
        grids, visits, fixes = (12,), 3, 50
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        write_city(make_city(seed), room / "made-up city.osm.pbf")
        extracts = [room / "made-up city.osm.pbf", *maps]
        for side in grids:
            extracts.append(room / f"grid {side}x{side}.osm.pbf")
            write_grid(extracts[-1], side=side, seed=seed)
        click.echo(f"{'map':20} " + " ".join(f"{head:>10}" for head, _ in COLUMNS.values()))
        for extract in extracts:
            name = extract.name.removesuffix(".osm.pbf")
            row = measure(name, extract, room, visits=visits, fixes=fixes, seed=seed)
            rows.append(row)
            told = [f"{getattr(row, field):10.{places}f}" for field, (_, places) in COLUMNS.items()]
            click.echo(f"{name:20} " + " ".join(told))
    if json_path:
        json_path.write_bytes(as_json(rows))


if __name__ == "__main__":
    main()
