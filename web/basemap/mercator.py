"""The square Web Mercator world: x from 0 (180° W) to 1 (180° E), y from 0 (north) to 1 (south)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.roads.extract import Bounds

LIMIT_LAT = 85.0511287798
"""Where the square ends."""

EXTENT = 4096
"""Units along one side of a tile, as MapLibre expects."""

BUFFER = 128
"""Units drawn beyond each side, so that a wide line at the border is whole: 16 pixels of a 512 pixel tile."""

EQUATOR_M = 40_075_016.686


class Tile(NamedTuple):
    zoom: int
    x: int
    y: int

    def children(self) -> list[Tile]:
        zoom, x, y = self.zoom + 1, self.x * 2, self.y * 2
        return [Tile(zoom, x, y), Tile(zoom, x + 1, y), Tile(zoom, x, y + 1), Tile(zoom, x + 1, y + 1)]

    def buffered_box(self) -> tuple[float, float, float, float]:
        """The tile and its border in world units: least x, least y, most x, most y."""
        side, border = 1 / 2**self.zoom, BUFFER / EXTENT / 2**self.zoom
        west, north = self.x * side, self.y * side
        return west - border, north - border, west + side + border, north + side + border

    def units(self, world: NDArray[Any]) -> NDArray[Any]:
        """World points in units of this tile."""
        units: NDArray[Any] = (world * 2.0**self.zoom - (self.x, self.y)) * EXTENT
        return units


def world_of_degrees(lon_lat: NDArray[Any]) -> NDArray[Any]:
    """Rows of longitude and latitude as rows of world x and y."""
    lat = np.radians(np.clip(lon_lat[:, 1], -LIMIT_LAT, LIMIT_LAT))
    x = lon_lat[:, 0] / 360 + 0.5
    y = 0.5 - np.arcsinh(np.tan(lat)) / (2 * np.pi)
    return np.column_stack((x, y))


def world_box(bounds: Bounds) -> tuple[float, float, float, float]:
    """Least x, least y, most x, most y of a box in degrees."""
    corners = np.array([(bounds.west_lon, bounds.north_lat), (bounds.east_lon, bounds.south_lat)])
    (west, north), (east, south) = world_of_degrees(corners).tolist()
    return west, north, east, south


def bounds_of_world(box: tuple[float, float, float, float]) -> Bounds:
    """The inverse of ``world_box``."""
    west, north, east, south = box

    def lat(y: float) -> float:
        return math.degrees(math.atan(math.sinh((0.5 - y) * 2 * math.pi)))

    return Bounds((west - 0.5) * 360, lat(south), (east - 0.5) * 360, lat(north))


def tiles_of(box: tuple[float, float, float, float], *, zoom: int) -> list[Tile]:
    """Every tile of one zoom that touches a world box."""
    last = 2**zoom - 1
    first_x, first_y, last_x, last_y = (max(0, min(last, math.floor(value * 2**zoom))) for value in box)
    return [Tile(zoom, x, y) for y in range(first_y, last_y + 1) for x in range(first_x, last_x + 1)]


def units_per_metre(*, zoom: int, y: float) -> float:
    """Tile units of one metre on the ground at a world y."""
    cos_lat = 1 / math.cosh((0.5 - y) * 2 * math.pi)
    return EXTENT * 2**zoom / (EQUATOR_M * cos_lat)
