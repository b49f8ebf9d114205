"""Reading what lies between the streets of an extract: water, green, buildings, names of places."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path

import osmium
from osmium.osm import Area, Node, TagList, Way

from tracker.roads.extract import located_runs, reading

_WATER = {
    "natural": {"water", "bay"},
    "waterway": {"riverbank", "dock"},
    "landuse": {"reservoir", "basin"},
}
_GREEN = {
    "landuse": {
        "forest": "wood",
        "grass": "grass",
        "meadow": "grass",
        "recreation_ground": "grass",
        "village_green": "grass",
        "cemetery": "park",
        "allotments": "park",
        "orchard": "park",
        "vineyard": "park",
    },
    "natural": {"wood": "wood", "scrub": "grass", "grassland": "grass", "heath": "grass"},
    "leisure": {
        "park": "park",
        "garden": "park",
        "golf_course": "park",
        "playground": "park",
        "pitch": "grass",
    },
}
_WATERWAYS = frozenset({"river", "canal", "stream", "drain", "ditch"})
_PLACES = frozenset(
    {
        *("city", "town", "village", "borough", "suburb", "quarter"),
        *("neighbourhood", "hamlet", "island", "isolated_dwelling", "locality"),
    }
)


@dataclass(slots=True)
class Line:
    """An open line. ``kind`` is its tag's value."""

    kind: str
    lats: array[float]
    lons: array[float]


@dataclass(slots=True)
class Place:
    """A named point. ``kind`` is the value of its ``place`` tag."""

    kind: str
    name: str
    lat: float
    lon: float


@dataclass(slots=True)
class Landscape:
    """Areas are multipolygons in hexadecimal WKB (x is the longitude in degrees), as libosmium writes them."""

    water: list[str] = field(default_factory=list)
    waterways: list[Line] = field(default_factory=list)
    coastline: list[Line] = field(default_factory=list)
    """Land lies on the left of its direction, sea on the right."""
    green: list[tuple[str, str]] = field(default_factory=list)
    """Kind (``wood``, ``park`` or ``grass``) and area."""
    buildings: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    skipped: int = 0
    """Areas whose outline is broken."""


def read_landscape(extract: Path) -> Landscape:
    """Everything drawn besides streets. Raises ExtractError."""
    landscape = Landscape()
    area_keys = osmium.filter.KeyFilter("natural", "waterway", "landuse", "leisure", "building")
    drawn_keys = osmium.filter.KeyFilter("natural", "waterway", "landuse", "leisure", "building", "place")
    wkb = osmium.geom.WKBFactory()
    with reading(extract) as file:
        for entity in osmium.FileProcessor(file).with_areas(area_keys).with_filter(drawn_keys):
            match entity:
                case Area():
                    _read_area(landscape, entity, wkb)
                case Way():
                    _read_line(landscape, entity)
                case Node() if entity.tags.get("place") in _PLACES and entity.tags.get("name"):
                    at = entity.location
                    tags = entity.tags
                    landscape.places.append(Place(tags["place"], tags["name"], lat=at.lat, lon=at.lon))
    return landscape


def _read_area(landscape: Landscape, area: Area, wkb: osmium.geom.WKBFactory) -> None:
    tags = area.tags
    is_water = any(tags.get(key) in values for key, values in _WATER.items())
    is_building = tags.get("building", "no") != "no"
    green = None if is_water or is_building else _green_kind(tags)
    if not (is_water or is_building or green):
        return
    try:
        shape = wkb.create_multipolygon(area)
    except (RuntimeError, osmium.InvalidLocationError):
        landscape.skipped += 1
        return
    if is_water:
        landscape.water.append(shape)
    elif is_building:
        landscape.buildings.append(shape)
    elif green:
        landscape.green.append((green, shape))


def _green_kind(tags: TagList) -> str | None:
    kinds = (values.get(tags.get(key) or "") for key, values in _GREEN.items())
    return next((kind for kind in kinds if kind), None)


def _read_line(landscape: Landscape, way: Way) -> None:
    tags = way.tags
    waterway = tags.get("waterway")
    if waterway in _WATERWAYS and tags.get("tunnel", "no") == "no":
        landscape.waterways += [Line(waterway, lats, lons) for _, lats, lons in located_runs(way.nodes)]
    elif tags.get("natural") == "coastline":
        landscape.coastline += [Line("coastline", lats, lons) for _, lats, lons in located_runs(way.nodes)]
