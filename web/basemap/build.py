"""From an OpenStreetMap extract to a basemap file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from tracker.roads.extract import Bounds, ExtractError, read_bounds, read_streets
from tracker.roads.landscape import read_landscape
from web.basemap.archive import compressed, write_archive
from web.basemap.layers import MIN_ZOOM, Layer, coast_of, layers_of, sea_layer
from web.basemap.mercator import Tile, bounds_of_world, tiles_of, world_box
from web.basemap.sea import sea_polygons
from web.basemap.tiles import cut_tiles

Progress = Callable[[str, float], None]
"""Told what is being done and which part of everything (0..1) is behind."""

_READING_PART = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class BasemapSummary:
    """What a finished basemap holds. ``features`` counts what was read, by layer."""

    out: Path
    size_bytes: int
    tiles: int
    features: dict[str, int]
    bounds: Bounds
    skipped_areas: int


def build_basemap(extract: Path, out: Path, *, progress: Progress | None = None) -> BasemapSummary:
    """Make one PMTiles file; ``out`` is replaced only when it is complete.

    Raises ExtractError when the extract cannot be read or holds nothing to draw, OSError when the file cannot
    be written.
    """
    tell = progress or (lambda _stage, _part: None)
    tell("Reading streets", 0.0)
    streets = read_streets(extract, with_paths=True)
    tell("Reading water, green and buildings", _READING_PART / 2)
    landscape = read_landscape(extract)

    layers = layers_of(streets, landscape)
    if not any(len(layer) for layer in layers):
        raise ExtractError(f"{extract} holds no streets, water, green, buildings or places")
    declared = read_bounds(extract)
    box = world_box(declared) if declared else _box_of(layers)
    layers.insert(1, sea_layer(sea_polygons(coast_of(landscape), box)))
    layers = [_within(layer, box) for layer in layers]

    tiles: dict[Tile, bytes] = {}
    for tile, body, part in cut_tiles(layers, tiles_of(box, zoom=MIN_ZOOM)):
        tell("Cutting tiles", _READING_PART + (0.95 - _READING_PART) * part)
        tiles[tile] = compressed(body)
    if not tiles:
        raise ExtractError(f"{extract} holds nothing inside the box it declares")
    tell("Writing", 0.95)
    bounds = declared or bounds_of_world(box)
    size_bytes = write_archive(out, tiles, bounds)
    tell("Done", 1.0)

    features: Counter[str] = Counter()
    for layer in layers:
        features[layer.name] += len(layer)
    return BasemapSummary(
        out=out,
        size_bytes=size_bytes,
        tiles=len(tiles),
        features=dict(features),
        bounds=bounds,
        skipped_areas=landscape.skipped,
    )


def _box_of(layers: list[Layer]) -> tuple[float, float, float, float]:
    """The world box round all shapes."""
    west, north, east, south = shapely.total_bounds(np.concatenate([layer.shapes for layer in layers])).tolist()
    return west, north, east, south


def _within(layer: Layer, box: tuple[float, float, float, float]) -> Layer:
    """The shapes that reach into the box: ways of an extract often run on for miles."""
    least_x, least_y, most_x, most_y = shapely.bounds(layer.shapes).reshape(-1, 4).T
    west, north, east, south = box
    kept = (least_x <= east) & (most_x >= west) & (least_y <= south) & (most_y >= north)
    return Layer(
        layer.name,
        layer.dimension,
        layer.shapes[kept],
        layer.first_zooms[kept],
        [told for told, stays in zip(layer.properties, kept, strict=True) if stays],
        None if layer.widths_m is None else layer.widths_m[kept],
    )
