"""The sea of an extract: its coastline closed along the edge of the map.

OpenStreetMap draws no sea, only the line where land (on its left) meets it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

GAP = 0.05
"""How far from the edge, as a part of the box's diagonal, a coast may end and still be led on to it: extracts
leave out the nodes beyond their edge, and with them the last piece of every line."""

_ON_LINE = 1e-11
"""World units (under a millimetre) that rounding may put between a point and the line it lies on."""


def sea_polygons(coastline: NDArray[Any], box: tuple[float, float, float, float]) -> NDArray[Any]:
    """The parts of a world box that lie on the sea's side of the coast (world y runs south).

    A coast that ends well inside the box closes nothing and is left out; without any coast there is no sea.
    """
    clipped = shapely.clip_by_rect(coastline, *box)
    clipped = clipped[~shapely.is_empty(clipped)]
    if not len(clipped):
        return np.array([], dtype=object)
    shores = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(shapely.get_parts(clipped)), directed=True))
    edge = shapely.box(*box).boundary
    lines = shapely.union_all([edge, *shores, *_led_to_edge(shores, edge)])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    starts, ends = _segments(shores)
    return faces[[_is_sea(face, starts, ends) for face in faces]]


def _led_to_edge(shores: NDArray[Any], edge: Any) -> NDArray[Any]:
    """From each loose end near the edge the straight line to it."""
    loose = shores[~shapely.is_closed(shores)]
    ends = np.concatenate([shapely.get_point(loose, 0), shapely.get_point(loose, -1)])
    west, north, east, south = shapely.bounds(edge)
    reach = GAP * np.hypot(east - west, south - north)
    away = shapely.distance(ends, edge)
    near: NDArray[Any] = shapely.shortest_line(ends[(away > 0) & (away < reach)], edge)
    return near


def _segments(lines: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Start and end points of every segment, in the lines' direction."""
    points = [shapely.get_coordinates(line) for line in lines]
    return np.concatenate([each[:-1] for each in points]), np.concatenate([each[1:] for each in points])


def _is_sea(face: Any, starts: NDArray[Any], ends: NDArray[Any]) -> bool:
    """Whether a face lies on the right of the longest piece of shore along its rim."""
    middles = (starts + ends) / 2
    lengths = np.hypot(*(ends - starts).T)
    on_rim = shapely.distance(shapely.points(middles), face.boundary) < _ON_LINE
    if not on_rim.any():
        return False
    at = int(np.argmax(np.where(on_rim, lengths, -1)))
    along = ends[at] - starts[at]
    # y runs south: turned right, east (1, 0) becomes south (0, 1).
    beside = middles[at] + np.array((-along[1], along[0])) * 1e-3
    return bool(shapely.contains_xy(face, *beside))
