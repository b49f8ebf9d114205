"""A map for a benchmark's fleet: a street under each technician, joined by one road at either end."""

from __future__ import annotations

from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Way

from benchmarks.fleet import DRIVE_DEGREES, column_lon
from benchmarks.loading import CITY_LAT
from tracker.geo import METRES_PER_DEGREE
from tracker.roads.build import build_roads

POINT_EVERY_M = 40.0
"""As streets of real maps are cut, or finer."""
BEYOND_DEGREES = 0.01


def build_fleet_roads(folder: Path, *, technicians: int) -> Path:
    """The road graph of so many technicians' streets. A second or two for five hundred."""
    extract, graph = folder / "fleet.osm.pbf", folder / "fleet.graph"
    south, north = CITY_LAT - DRIVE_DEGREES - BEYOND_DEGREES, CITY_LAT + BEYOND_DEGREES
    rows = round((north - south) * METRES_PER_DEGREE / POINT_EVERY_M)
    writer = osmium.SimpleWriter(str(extract), overwrite=True)
    for column in range(technicians):
        for row in range(rows + 1):
            lat = south + (north - south) * row / rows
            writer.add_node(Node(id=column * (rows + 1) + row + 1, location=(column_lon(column), lat)))
    for column in range(technicians):
        first = column * (rows + 1) + 1
        street = list(range(first, first + rows + 1))
        writer.add_way(Way(id=column + 1, nodes=street, tags={"highway": "residential"}))
    for way, row in ((technicians + 1, 0), (technicians + 2, rows)):
        across = [column * (rows + 1) + row + 1 for column in range(technicians)]
        writer.add_way(Way(id=way, nodes=across, tags={"highway": "secondary"}))
    writer.close()
    build_roads(extract, graph)
    return graph
