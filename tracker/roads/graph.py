"""The road graph as flat arrays: what the snap, the trees and the learning of speeds read. [pure]

A *segment* is a polyline between two junctions. An *edge* is a segment driven in one direction; trees are made of
edges, because only between edges a turn has a price. The arrays lie in memory or in a mapped file; they are read one
number at a time (`memoryview`), for which numpy scalars would be three times slower.

Edges and segments are numbered tile by tile, so that what lies near has near numbers and a tree of bounded
radius is a few stretches of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians
from typing import Any, Final, NamedTuple

from tracker.geo import METRES_PER_DEGREE
from tracker.roads.speeds import ROAD_CLASSES

E7: Final = 10_000_000
"""Coordinates are kept as whole 10⁻⁷ degrees."""
UNIT_M: Final = METRES_PER_DEGREE / E7
"""Metres per unit of latitude."""

ARRAYS: Final[Mapping[str, str]] = {
    # Points: all polylines one after the other. A piece is the line from a point to the next one of its segment.
    "point_lat": "i",
    "point_lon": "i",
    "point_along_m": "f",
    "point_segment": "i",
    # Segments. The edges are -1 where that direction is closed.
    "segment_point": "i",
    "segment_forward": "i",
    "segment_backward": "i",
    "segment_class": "B",
    "segment_limit_kmh": "B",
    "segment_private": "B",
    # Edges. The segment's number is doubled, plus one for the direction against its points; copies (`alike`) share it.
    "edge_segment": "i",
    "edge_tile": "i",
    "edge_free_s": "f",
    "edge_length_m": "f",
    "edge_signals": "B",
    "edge_pedestrian_signals": "B",
    # Turns onward: edge e may go on to next_edge[next_start[e] .. next_start[e + 1]].
    "next_start": "i",
    "next_edge": "i",
    "next_turn_qs": "B",
    # The same turns by the edge that is entered, as the trees want them.
    "from_start": "i",
    "from_edge": "i",
    "from_turn_qs": "B",
    # Tiles: edges tile_edge[t] .. tile_edge[t + 1]; south-west corners.
    "tile_edge": "i",
    "tile_lat": "i",
    "tile_lon": "i",
    # The grid: row r holds the occupied columns cell_column[row_cell[r] .. row_cell[r + 1]], each with its pieces.
    "row_cell": "i",
    "cell_column": "i",
    "cell_piece": "i",
    "piece_point": "i",
}
"""Name → type code (little-endian when stored)."""

TURN_UNIT_S: Final = 0.25


class Shape(NamedTuple):
    """The numbers that go with the arrays: origin of the grid in units and its cell's height and width."""

    south: int
    west: int
    cell_height: int
    cell_width: int
    tile_height: int
    tile_width: int


class RoadGraph:
    """Arrays by name (see ``ARRAYS``) and their ``shape``; ``edge_s`` are the seconds that trees and
    look-ups use: ``edge_free_s`` until learned ones are handed in by ``replace_seconds``.
    """

    __slots__ = (
        *ARRAYS,
        "arrays",
        "edge_count",
        "edge_s",
        "identity",
        "segment_count",
        "shape",
        "version",
    )

    def __init__(self, arrays: Mapping[str, memoryview[Any]], shape: Shape, *, identity: str = "") -> None:
        if missing := ARRAYS.keys() - arrays.keys():
            raise ValueError(f"a road graph without {', '.join(sorted(missing))}")
        self.arrays = dict(arrays)
        self.shape = shape
        self.identity = identity
        """Tells graphs apart: what was learned about the edges of one means nothing on another."""
        for name, code in ARRAYS.items():
            if arrays[name].format != code:
                raise ValueError(f"{name} holds {arrays[name].format!r} instead of {code!r}")
            setattr(self, name, arrays[name])
        self.edge_count = len(arrays["edge_segment"])
        self.segment_count = len(arrays["segment_class"])
        self.edge_s: memoryview[float] = arrays["edge_free_s"]
        self.version = 0
        """Counts the changes of ``edge_s``; a tree of another version is out of date, not wrong."""

    point_lat: memoryview[int]
    point_lon: memoryview[int]
    point_along_m: memoryview[float]
    point_segment: memoryview[int]
    segment_point: memoryview[int]
    segment_forward: memoryview[int]
    segment_backward: memoryview[int]
    segment_class: memoryview[int]
    segment_limit_kmh: memoryview[int]
    segment_private: memoryview[int]
    edge_segment: memoryview[int]
    edge_tile: memoryview[int]
    edge_free_s: memoryview[float]
    edge_length_m: memoryview[float]
    edge_signals: memoryview[int]
    edge_pedestrian_signals: memoryview[int]
    next_start: memoryview[int]
    next_edge: memoryview[int]
    next_turn_qs: memoryview[int]
    from_start: memoryview[int]
    from_edge: memoryview[int]
    from_turn_qs: memoryview[int]
    tile_edge: memoryview[int]
    tile_lat: memoryview[int]
    tile_lon: memoryview[int]
    row_cell: memoryview[int]
    cell_column: memoryview[int]
    cell_piece: memoryview[int]
    piece_point: memoryview[int]

    def replace_seconds(self, edge_s: bytes | memoryview[float]) -> None:
        """Use these float32 seconds per edge from now on. Raises ValueError when they are not one per edge."""
        view = memoryview(edge_s).cast("B").cast("f")
        if len(view) != self.edge_count:
            raise ValueError(f"{len(view)} times for {self.edge_count} edges")
        self.edge_s = view
        self.version += 1

    def twin(self, edge: int) -> int:
        """The edge of the same segment in the other direction, -1 where it is one-way."""
        segment, against = divmod(self.edge_segment[edge], 2)
        twin: int = self.segment_forward[segment] if against else self.segment_backward[segment]
        return twin

    def alike(self, edge: int) -> list[int]:
        """The edge and its copies, if any: the same road in the same direction, for those who came to it by a way after
        which a turn further on is forbidden. ``segment_forward`` and ``segment_backward`` name the first of them."""
        road = self.edge_segment[edge]
        first, end = edge, edge + 1
        while first > 0 and self.edge_segment[first - 1] == road:
            first -= 1
        while end < self.edge_count and self.edge_segment[end] == road:
            end += 1
        return list(range(first, end))

    def road_class(self, edge: int) -> str:
        return ROAD_CLASSES[self.segment_class[self.edge_segment[edge] >> 1]]

    def onward(self, edge: int) -> list[int]:
        """Edges that may follow."""
        return list(self.next_edge[self.next_start[edge] : self.next_start[edge + 1]])

    def turn_s(self, edge: int, following: int) -> float:
        """Seconds of the turn between two edges. Raises ValueError when it is not allowed."""
        for place in range(self.next_start[edge], self.next_start[edge + 1]):
            if self.next_edge[place] == following:
                return self.next_turn_qs[place] * TURN_UNIT_S
        raise ValueError(f"edge {edge} does not lead to edge {following}")

    def place(self, edge: int, along_m: float) -> tuple[float, float]:
        """(lat, lon) so many metres from the start of an edge."""
        points = self.line(edge)
        lat, lon, before_m = points[0]
        for to_lat, to_lon, at_m in points[1:]:
            if at_m >= along_m:
                share = (along_m - before_m) / (at_m - before_m) if at_m > before_m else 0.0
                share = 0.0 if share < 0.0 else share
                return lat + share * (to_lat - lat), lon + share * (to_lon - lon)
            lat, lon, before_m = to_lat, to_lon, at_m
        return lat, lon

    def midpoint(self, edge: int) -> tuple[float, float]:
        """(lat, lon) of the middle of an edge."""
        return self.place(edge, self.edge_length_m[edge] / 2)

    def line(self, edge: int) -> list[tuple[float, float, float]]:
        """(lat, lon, metres from the start) of each point of an edge in driving order."""
        segment, against = divmod(self.edge_segment[edge], 2)
        points = range(self.segment_point[segment], self.segment_point[segment + 1])
        lats, lons, along_m = self.point_lat, self.point_lon, self.point_along_m
        if not against:
            return [(lats[p] / E7, lons[p] / E7, along_m[p]) for p in points]
        length_m = along_m[points[-1]]
        return [(lats[p] / E7, lons[p] / E7, length_m - along_m[p]) for p in reversed(points)]


def east_unit_m(*, lat: float) -> float:
    """Metres per unit of longitude at a latitude in degrees."""
    return UNIT_M * max(cos(radians(lat)), 1e-6)
