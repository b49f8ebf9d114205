"""Writing tiles as one PMTiles v3 archive (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md)."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from tracker.roads.extract import Bounds
from web.basemap.layers import LAYERS, MAX_ZOOM, MIN_ZOOM
from web.basemap.mercator import Tile

ATTRIBUTION = "© OpenStreetMap contributors"
"""Owed by the Open Database License wherever the map is shown."""

CENTER_ZOOM = 12

_FIELDS = {
    "roads": {"class": "String", "name": "String"},
    "landcover": {"class": "String"},
    "places": {"class": "String", "name": "String"},
}


def compressed(tile: bytes) -> bytes:
    # Without a time the same extract always gives the same file.
    return gzip.compress(tile, mtime=0)


def write_archive(out: Path, tiles: dict[Tile, bytes], bounds: Bounds) -> int:
    """Write compressed tiles to a file, whole or not at all; returns its size in bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
        try:
            writer = Writer(file)
            # In order of their number, readers fetch neighbours in one request.
            for number, tile in sorted((zxy_to_tileid(*tile), tile) for tile in tiles):
                writer.write_tile(number, tiles[tile])
            writer.finalize(_header(bounds), _metadata())
            file.flush()
            os.chmod(file.name, 0o644)
            size_bytes = os.stat(file.name).st_size
            os.replace(file.name, out)
        except BaseException:
            os.unlink(file.name)
            raise
    return size_bytes


def _header(bounds: Bounds) -> dict[str, Any]:
    west, south, east, north = (round(degrees * 10_000_000) for degrees in bounds)
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_zoom": CENTER_ZOOM,
        "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
    }


def _metadata() -> dict[str, Any]:
    return {
        "name": "Enroute basemap",
        "type": "baselayer",
        "format": "pbf",
        "attribution": ATTRIBUTION,
        "vector_layers": [
            {"id": name, "fields": _FIELDS.get(name, {}), "minzoom": MIN_ZOOM, "maxzoom": MAX_ZOOM} for name in LAYERS
        ],
    }
