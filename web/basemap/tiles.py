"""Cutting layers into vector tiles.

Tiles are cut from coarse to fine: a tile's four children are cut from what is left in it, so a lake of ten
thousand points is that large only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from numpy.typing import NDArray

from web.basemap.layers import MAX_ZOOM, POINT, POLYGON, Layer
from web.basemap.mercator import BUFFER, EXTENT, Tile, units_per_metre

TOLERANCE = 4.0
"""Units by which a simplified outline may differ: half a pixel."""

FINEST_TOLERANCE = 1.0
"""The same for the last zoom, whose tiles are also shown enlarged."""

LEAST_AREA = 64.0
"""Square units below which an area is not drawn: one pixel."""

LEAST_WIDTH = 8.0
"""Units of the thinnest river: one pixel."""

_ENCODING = {"extents": EXTENT, "y_coord_down": True, "check_winding_order": False}


@dataclass(slots=True)
class _Cut:
    """What of a layer lies in a tile: places in the layer, and the clipped shapes."""

    layer: Layer
    places: NDArray[Any]
    shapes: NDArray[Any]


def cut_tiles(layers: list[Layer], roots: list[Tile]) -> Iterator[tuple[Tile, bytes, float]]:
    """Each tile that shows anything, its bytes, and which part of all the work (0..1) is done with it."""
    whole = [_Cut(layer, np.arange(len(layer)), layer.shapes) for layer in layers if len(layer)]
    for done, root in enumerate(roots):
        yield from _descend(root, whole, part=1 / len(roots), before=done / len(roots))


def _descend(tile: Tile, parent: list[_Cut], *, part: float, before: float) -> Iterator[tuple[Tile, bytes, float]]:
    cuts = [cut for cut in (_clip(each, tile) for each in parent) if len(cut.places)]
    if not cuts:
        return
    body = _encode(tile, cuts)
    if body:
        yield tile, body, before
    if tile.zoom < MAX_ZOOM:
        for turn, child in enumerate(tile.children()):
            yield from _descend(child, cuts, part=part / 4, before=before + turn * part / 4)


def _clip(cut: _Cut, tile: Tile) -> _Cut:
    west, north, east, south = box = tile.buffered_box()
    bounds = shapely.bounds(cut.shapes)
    least_x, least_y, most_x, most_y = bounds.T
    touching = (least_x <= east) & (most_x >= west) & (least_y <= south) & (most_y >= north)
    places, shapes, bounds = cut.places[touching], cut.shapes[touching], bounds[touching]
    least_x, least_y, most_x, most_y = bounds.T
    crossing = (least_x < west) | (most_x > east) | (least_y < north) | (most_y > south)
    if crossing.any():
        shapes[crossing] = shapely.clip_by_rect(shapes[crossing], *box)
        left = ~shapely.is_empty(shapes) & (shapely.get_dimensions(shapes) == cut.layer.dimension)
        places, shapes = places[left], shapes[left]
    return _Cut(cut.layer, places, shapes)


def _encode(tile: Tile, cuts: list[_Cut]) -> bytes:
    features: dict[str, list[dict[str, Any]]] = {}
    for cut in cuts:
        drawn = cut.layer.first_zooms[cut.places] <= tile.zoom
        if drawn.any():
            places = cut.places[drawn]
            shapes = shapely.transform(cut.shapes[drawn], tile.units)
            found = _features(tile, cut.layer, places, shapes)
            features.setdefault(cut.layer.name, []).extend(found)
    layers = [{"name": name, "features": found} for name, found in features.items() if found]
    return mapbox_vector_tile.encode(layers, default_options=_ENCODING) if layers else b""


def _features(tile: Tile, layer: Layer, places: NDArray[Any], shapes: NDArray[Any]) -> list[dict[str, Any]]:
    properties = [layer.properties[place] for place in places]
    if layer.dimension == POINT:
        at = shapely.get_coordinates(shapes)
        # A label belongs to one tile, or it would be written twice.
        own = ((at >= 0) & (at < EXTENT)).all(axis=1)
        return _as_features(shapes[own], [told for told, mine in zip(properties, own, strict=True) if mine])
    if layer.dimension == POLYGON:
        return _areas(tile, shapes, properties)
    if layer.widths_m is not None:
        per_metre = units_per_metre(zoom=tile.zoom, y=(tile.y + 0.5) / 2**tile.zoom)
        widths = np.maximum(layer.widths_m[places] * per_metre, LEAST_WIDTH)
        ribbons = shapely.buffer(_simplified(tile, shapes), widths / 2, quad_segs=2)
        ribbons = shapely.clip_by_rect(ribbons, -BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER)
        return _areas(tile, ribbons, properties)
    return _roads(tile, shapes, properties)


def _roads(tile: Tile, shapes: NDArray[Any], properties: list[dict[str, str]]) -> list[dict[str, Any]]:
    """One feature for all the pieces of a street: mappers split it at every crossing and change of limit."""
    streets: dict[tuple[tuple[str, str], ...], list[Any]] = {}
    for shape, told in zip(shapes, properties, strict=True):
        streets.setdefault(tuple(told.items()), []).append(shape)
    pieces = [shapely.multilinestrings(shapely.get_parts(np.array(same, dtype=object))) for same in streets.values()]
    merged = _simplified(tile, shapely.line_merge(np.array(pieces, dtype=object)))
    return _as_features(merged, [dict(told) for told in streets])


def _areas(tile: Tile, shapes: NDArray[Any], properties: list[dict[str, str]]) -> list[dict[str, Any]]:
    shapes = shapely.set_precision(_simplified(tile, shapes), 1.0)
    large = shapely.area(shapes) >= LEAST_AREA
    # Clockwise on a screen, where y runs down, is counter-clockwise to shapely.
    shapes = shapely.orient_polygons(shapes[large], exterior_cw=False)
    return _as_features(shapes, [told for told, kept in zip(properties, large, strict=True) if kept])


def _simplified(tile: Tile, shapes: NDArray[Any]) -> NDArray[Any]:
    tolerance = FINEST_TOLERANCE if tile.zoom == MAX_ZOOM else TOLERANCE
    simplified: NDArray[Any] = shapely.simplify(shapes, tolerance)
    return simplified


def _as_features(shapes: NDArray[Any], properties: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [{"geometry": shape, "properties": told} for shape, told in zip(shapes, properties, strict=True)]
