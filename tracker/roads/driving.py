"""Seconds that cars really take on each edge, before and after learning. Numpy, once per graph; not the hot path.

The cold speeds are flatter than a free road's: in a city a broad street is faster than a narrow one by a half, not by
three times, and lights take the most. Rounded from a fit of least absolute errors on recorded city
trips with the pace of the hour taken out; against free-flow speeds times one factor they save 5 % of the error at
night and 15 % in the evening, on the same trips.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracker.calibration import CELL_M, Calibration, Cell
from tracker.geo import METRES_PER_DEGREE
from tracker.roads.graph import E7, RoadGraph
from tracker.roads.speeds import PRIVATE_DRIVEN, ROAD_CLASSES

Array = np.ndarray[Any, np.dtype[Any]]

DRIVEN_KMH = {
    "motorway": 65.0,
    "motorway_link": 42.0,
    "trunk": 52.0,
    "trunk_link": 38.0,
    "primary": 36.0,
    "primary_link": 34.0,
    "secondary": 27.0,
    "secondary_link": 27.0,
    "tertiary": 26.0,
    "tertiary_link": 25.0,
    "unclassified": 25.0,
    "residential": 24.0,
    "living_street": 14.0,
    "service": 15.0,
    "road": 24.0,
}
"""Between lights, in daytime."""
FAST_CLASSES = ("motorway", "trunk")
FAST_LIMIT_DRIVEN = 0.8
FAST_AT_MOST = 1.3
"""A signed limit makes a motorway so much faster than the class at most."""
LIMIT_DRIVEN = 0.9
SIGNAL_S = 10.0
PEDESTRIAN_SIGNAL_S = 2.0


def driven_seconds(graph: RoadGraph, calibration: Calibration) -> Array:
    """Seconds per edge (float32, for ``RoadGraph.replace_seconds``) with the learned ratios of its squares."""
    seconds = cold_seconds(graph)
    if calibration.cells:
        seconds *= _ratios(graph, calibration.cells)
    return seconds.astype(np.float32)


def cold_seconds(graph: RoadGraph) -> Array:
    """Seconds per edge before anything was learned."""
    segment = np.frombuffer(graph.edge_segment, np.int32) >> 1
    road_class = np.frombuffer(graph.segment_class, np.uint8)[segment]
    limit = np.frombuffer(graph.segment_limit_kmh, np.uint8)[segment].astype(np.float64)
    private = np.frombuffer(graph.segment_private, np.uint8)[segment] > 0
    kmh = np.array([DRIVEN_KMH[name] for name in ROAD_CLASSES])[road_class]
    fast = np.isin(road_class, [ROAD_CLASSES.index(name) for name in FAST_CLASSES])
    limited = np.where(
        fast, np.minimum(limit * FAST_LIMIT_DRIVEN, kmh * FAST_AT_MOST), np.minimum(kmh, limit * LIMIT_DRIVEN)
    )
    kmh = np.where(limit > 0, np.maximum(limited, 4.0), kmh)
    kmh = np.where(private, kmh * PRIVATE_DRIVEN, kmh)
    length_m = np.frombuffer(graph.edge_length_m.cast("B"), np.float32).astype(np.float64)
    signals = np.frombuffer(graph.edge_signals, np.uint8)
    pedestrian = np.frombuffer(graph.edge_pedestrian_signals, np.uint8)
    seconds: Array = length_m / kmh * 3.6 + SIGNAL_S * signals + PEDESTRIAN_SIGNAL_S * pedestrian
    return seconds


def edge_cells(graph: RoadGraph, size_m: float) -> tuple[Array, Array, Array]:
    """(row, column, quadrant) of the square each edge's middle point lies in, and the direction it is driven."""
    segment = np.frombuffer(graph.edge_segment, np.int32)
    against = (segment & 1).astype(bool)
    segment = segment >> 1
    first = np.frombuffer(graph.segment_point, np.int32)
    start, end = first[segment], first[segment + 1] - 1
    lats = np.frombuffer(graph.point_lat, np.int32)
    lons = np.frombuffer(graph.point_lon, np.int32)
    middle = (start + end) // 2
    lat, lon = lats[middle] / E7, lons[middle] / E7
    north = (lats[end].astype(np.float64) - lats[start]) / E7
    east = (lons[end].astype(np.float64) - lons[start]) / E7 * np.cos(np.radians(lat))
    angle = np.arctan2(north, east) + np.where(against, np.pi, 0.0)
    quadrant = np.floor(angle / (np.pi / 2) + 0.5).astype(np.int64) % 4
    row = np.floor(lat * METRES_PER_DEGREE / size_m).astype(np.int64)
    # Columns are as wide as the size at their row's latitude.
    row_lat = (row + 0.5) * size_m / METRES_PER_DEGREE
    column = np.floor(lon * METRES_PER_DEGREE * np.cos(np.radians(row_lat)) / size_m).astype(np.int64)
    return row, column, quadrant


def _ratios(graph: RoadGraph, cells: tuple[Cell, ...]) -> Array:
    row, column, quadrant = edge_cells(graph, CELL_M)
    known = {(cell.row, cell.column, cell.quadrant): cell.ratio for cell in cells}
    ratios = np.ones(graph.edge_count)
    places = zip(row.tolist(), column.tolist(), quadrant.tolist(), strict=True)
    for edge, (at_row, at_column, at_quadrant) in enumerate(places):
        for way in (-1, at_quadrant):
            ratio = known.get((at_row, at_column, way))
            if ratio is not None:
                ratios[edge] *= ratio
    return ratios
