"""What is drawn from which zoom on: an extract as layers of shapes in the Mercator world."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tracker.roads.extract import PATH_CLASSES, Street
from tracker.roads.landscape import Landscape, Line
from web.basemap.mercator import world_of_degrees

MIN_ZOOM = 10
"""A whole city on a phone's screen. Farther out there is nothing to see of one visit."""

MAX_ZOOM = 15
"""A unit is 20 cm here; the viewer enlarges these tiles for closer zooms."""

LAYERS = ("roads", "water", "landcover", "buildings", "places")

ROAD_ZOOMS = {
    "motorway": 10,
    "trunk": 10,
    "primary": 10,
    "motorway_link": 11,
    "trunk_link": 11,
    "primary_link": 11,
    "secondary": 11,
    "secondary_link": 12,
    "tertiary": 12,
    "tertiary_link": 12,
    "unclassified": 12,
    "residential": 13,
    "living_street": 13,
    "service": 14,
} | dict.fromkeys(PATH_CLASSES, 14)

WATERWAYS = {
    "river": (10, 12.0),
    "canal": (11, 8.0),
    "stream": (13, 3.0),
    "drain": (14, 2.0),
    "ditch": (14, 2.0),
}
"""First zoom, and the width in metres that is drawn: an extract seldom tells it."""

PLACE_ZOOMS = {
    "city": 10,
    "town": 10,
    "village": 11,
    "borough": 11,
    "suburb": 12,
    "island": 13,
    "quarter": 13,
    "hamlet": 13,
    "neighbourhood": 14,
    "isolated_dwelling": 14,
    "locality": 14,
}
BUILDING_ZOOM = 14

POINT, LINE, POLYGON = 0, 1, 2


@dataclass(slots=True)
class Layer:
    """Shapes of one dimension, each with the zoom from which it is drawn and what is told of it.

    ``width_m`` makes areas of lines, each as wide as its number says.
    """

    name: str
    dimension: int
    shapes: NDArray[Any]
    first_zooms: NDArray[Any]
    properties: list[dict[str, str]]
    widths_m: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.shapes)


def layers_of(streets: Iterable[Street], landscape: Landscape) -> list[Layer]:
    """All layers in drawing order. ``water`` comes twice: as areas, and as lines with a width."""
    streets = list(streets)
    kinds = [line.kind for line in landscape.waterways]
    return [
        _polygons("landcover", [area for _, area in landscape.green], [kind for kind, _ in landscape.green]),
        _polygons("water", landscape.water),
        Layer(
            "water",
            LINE,
            _lines(landscape.waterways),
            _zooms(WATERWAYS[kind][0] for kind in kinds),
            [{} for _ in kinds],
            np.array([WATERWAYS[kind][1] for kind in kinds]),
        ),
        _polygons("buildings", landscape.buildings, first_zoom=BUILDING_ZOOM),
        Layer(
            "roads",
            LINE,
            _lines(streets),
            _zooms(ROAD_ZOOMS[_drawn_class(street)] for street in streets),
            [_road_properties(street) for street in streets],
        ),
        Layer(
            "places",
            POINT,
            shapely.points(
                world_of_degrees(np.array([(place.lon, place.lat) for place in landscape.places]).reshape(-1, 2))
            ),
            _zooms(PLACE_ZOOMS[place.kind] for place in landscape.places),
            [{"name": place.name, "class": place.kind} for place in landscape.places],
        ),
    ]


def coast_of(landscape: Landscape) -> NDArray[Any]:
    """The coastline as lines in the world."""
    return _lines(landscape.coastline)


def sea_layer(sea: NDArray[Any]) -> Layer:
    """Sea areas as a further part of ``water``."""
    return Layer("water", POLYGON, sea, np.full(len(sea), MIN_ZOOM), [{} for _ in sea])


def _drawn_class(street: Street) -> str:
    # ``road`` means that a surveyor did not know better.
    return "unclassified" if street.road_class == "road" else street.road_class


def _road_properties(street: Street) -> dict[str, str]:
    named = {"name": street.name} if street.name else {}
    return {"class": _drawn_class(street), **named}


def _zooms(values: Iterable[int]) -> NDArray[Any]:
    return np.fromiter(values, dtype=np.int64)


def _lines(lines: Iterable[Street | Line]) -> NDArray[Any]:
    shapes = [shapely.linestrings(world_of_degrees(np.column_stack((line.lons, line.lats)))) for line in lines]
    return np.array(shapes, dtype=object)


def _polygons(name: str, areas: list[str], kinds: list[str] | None = None, *, first_zoom: int = MIN_ZOOM) -> Layer:
    shapes = shapely.from_wkb(np.array(areas, dtype=object))
    shapes = shapely.transform(shapes, world_of_degrees)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    properties = [{"class": kind} for kind in kinds] if kinds is not None else [{} for _ in areas]
    return Layer(name, POLYGON, shapes, np.full(len(areas), first_zoom), properties)
