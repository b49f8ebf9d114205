"""Reading the streets of an OpenStreetMap extract (.osm.pbf).

The reading half of the road engine: tags become plain values, and every node keeps its number, because two
streets meet where they share a node and nowhere else.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import osmium
from osmium.osm import NOTHING, TagList, Way, WayNodeList

from tracker.errors import TrackerError

DRIVABLE_CLASSES = frozenset(
    {
        *("motorway", "trunk", "primary", "secondary", "tertiary"),
        *("motorway_link", "trunk_link", "primary_link", "secondary_link", "tertiary_link"),
        *("unclassified", "residential", "living_street", "service", "road"),
    }
)
"""Values of ``highway`` that a technician's car may use."""

PATH_CLASSES = frozenset({"pedestrian", "footway", "cycleway", "path", "track", "steps", "bridleway"})
"""Values of ``highway`` that are only drawn."""

_PRIVATE_ACCESS = frozenset({"private", "destination", "customers", "delivery", "permit", "agricultural", "forestry"})

MPH_KMH = 1.609344

_SPEED = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*(mph|km/h|kmh)?\s*$")


class ExtractError(TrackerError):
    """The operator's file: not there, broken, or not an extract."""

    code = "extract_unreadable"


class NoRoadsForCars(ExtractError):
    """The extract can be read, but nobody can drive there and back in it."""

    code = "extract_without_roads"


class Oneway(IntEnum):
    """In which direction of its nodes a street may be driven."""

    BACKWARD = -1
    BOTH = 0
    FORWARD = 1


class Bounds(NamedTuple):
    """A box in degrees."""

    west_lon: float
    south_lat: float
    east_lon: float
    north_lat: float


@dataclass(slots=True, kw_only=True)
class Street:
    """A run of nodes with one class and one name. ``road_class`` is the value of the ``highway`` tag."""

    way_id: int
    road_class: str
    oneway: Oneway
    maxspeed_kmh: float | None
    """The signed limit; None when no number is given (also for ``none``, ``signals`` and ``PT:urban``)."""
    name: str | None
    private: bool
    """Not for through traffic: ``access`` (or a more specific tag) says private, destination or the like."""
    node_ids: array[int]
    lats: array[float]
    lons: array[float]


def read_streets(extract: Path, *, with_paths: bool = False) -> list[Street]:
    """All streets a car may use, with ``with_paths`` also what is only walked or cycled on.

    A way that leaves the extract is cut where its nodes are missing. Raises ExtractError.
    """
    classes = DRIVABLE_CLASSES | PATH_CLASSES if with_paths else DRIVABLE_CLASSES
    streets: list[Street] = []
    with reading(extract) as file:
        processor = osmium.FileProcessor(file).with_locations()
        for way in processor.with_filter(osmium.filter.KeyFilter("highway")):
            if isinstance(way, Way) and way.tags["highway"] in classes and _is_open(way.tags):
                streets.extend(_streets_of(way))
    return streets


def read_bounds(extract: Path) -> Bounds | None:
    """The box the extract was cut to, if it says so. Raises ExtractError."""
    with reading(extract) as file, osmium.io.Reader(file, NOTHING) as reader:
        box = reader.header().box()
        if not box.valid():
            return None
        south_west, north_east = box.bottom_left, box.top_right
        return Bounds(south_west.lon, south_west.lat, north_east.lon, north_east.lat)


@contextmanager
def reading(extract: Path) -> Iterator[osmium.io.File]:
    """Open an extract; what goes wrong while it is read becomes an ExtractError that names the file."""
    if not extract.is_file():
        what = "is a folder" if extract.is_dir() else "does not exist"
        raise ExtractError(f"{extract} {what}; give an OpenStreetMap extract such as city.osm.pbf")
    try:
        with extract.open("rb") as probe:
            start = probe.read(16)
    except OSError as error:
        raise ExtractError(f"{extract} cannot be read: {error.strerror}") from None
    # The first block is always the header: four bytes of length, then its type's name.
    if b"OSMHeader" not in start:
        raise ExtractError(f"{extract} is not an OpenStreetMap extract in PBF form (.osm.pbf)")
    try:
        yield osmium.io.File(str(extract), "pbf")
    except RuntimeError as error:
        # pyosmium tells every trouble with a file as a RuntimeError.
        raise ExtractError(f"{extract} is damaged or incomplete: {error}") from None


def located_runs(nodes: WayNodeList) -> Iterator[tuple[array[int], array[float], array[float]]]:
    """Node numbers, latitudes and longitudes of each stretch of two or more nodes that lie in the extract.

    The 180th meridian parts stretches as well: nothing here reaches from one end of the longitudes to the other.
    """
    node_ids, lats, lons = array("q"), array("d"), array("d")
    for node in nodes:
        location = node.location
        if location.valid():
            if lons and abs(location.lon - lons[-1]) > 180.0:
                if len(node_ids) > 1:
                    yield node_ids, lats, lons
                node_ids, lats, lons = array("q"), array("d"), array("d")
            node_ids.append(node.ref)
            lats.append(location.lat)
            lons.append(location.lon)
            continue
        if len(node_ids) > 1:
            yield node_ids, lats, lons
        node_ids, lats, lons = array("q"), array("d"), array("d")
    if len(node_ids) > 1:
        yield node_ids, lats, lons


def maxspeed_kmh(text: str | None) -> float | None:
    """The number of a ``maxspeed`` tag in km/h; None when it gives none."""
    match = _SPEED.match(text) if text else None
    if match is None:
        return None
    return float(match[1]) * (MPH_KMH if match[2] == "mph" else 1.0)


def oneway_of(tags: TagList) -> Oneway:
    """Direction by ``oneway``, else by what motorways and roundabouts imply."""
    match tags.get("oneway"):
        case "yes" | "true" | "1":
            return Oneway.FORWARD
        case "-1" | "reverse":
            return Oneway.BACKWARD
        case None if tags.get("junction") in ("roundabout", "circular"):
            return Oneway.FORWARD
        case None if tags.get("highway") in ("motorway", "motorway_link"):
            return Oneway.FORWARD
    return Oneway.BOTH


def _is_open(tags: TagList) -> bool:
    if tags.get("area") == "yes":
        return False
    # Private ways stay, homes lie on them.
    return tags["highway"] in PATH_CLASSES or _access_of(tags) != "no"


def _access_of(tags: TagList) -> str | None:
    """What cars may do here; the most specific tag decides."""
    return next((tags[key] for key in ("motorcar", "motor_vehicle", "vehicle", "access") if key in tags), None)


def _streets_of(way: Way) -> Iterator[Street]:
    tags = way.tags
    for node_ids, lats, lons in located_runs(way.nodes):
        yield Street(
            way_id=way.id,
            road_class=tags["highway"],
            oneway=oneway_of(tags),
            maxspeed_kmh=maxspeed_kmh(tags.get("maxspeed")),
            name=tags.get("name"),
            private=_access_of(tags) in _PRIVATE_ACCESS,
            node_ids=node_ids,
            lats=lats,
            lons=lons,
        )
