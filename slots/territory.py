"""Which territories a place lies in. Pure; shapely does the geometry, in (lon, lat) order only inside this file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import shapely

from slots.errors import InvalidSetup
from slots.model import Territory


class TerritoryMap:
    """An index over polygons; build it once per set of territories."""

    __slots__ = ("_ids", "_tree")

    def __init__(self, territories: Iterable[Territory]) -> None:
        """Raises InvalidSetup for a polygon that is none."""
        known = tuple(territories)
        self._ids = tuple(territory.id for territory in known)
        self._tree = shapely.STRtree([polygon_of(territory) for territory in known])

    def containing(self, *, lat: float, lon: float) -> frozenset[str]:
        """Ids of the territories the place lies in; their border belongs to them."""
        hits = self._tree.query(shapely.Point(lon, lat), predicate="intersects")
        return frozenset(self._ids[index] for index in hits)


def polygon_of(territory: Territory) -> shapely.Geometry:
    """Raises InvalidSetup if the text is no valid GeoJSON Polygon or MultiPolygon with an area."""
    at = f"territory {territory.id}"
    try:
        polygon = shapely.from_geojson(territory.polygon)
    except shapely.errors.GEOSException:
        raise InvalidSetup(at, "the polygon is no GeoJSON geometry") from None
    if polygon is None or polygon.geom_type not in ("Polygon", "MultiPolygon"):
        raise InvalidSetup(at, "expected a GeoJSON Polygon or MultiPolygon")
    if not polygon.is_valid:
        raise InvalidSetup(at, f"the polygon is not usable: {shapely.is_valid_reason(polygon)}")
    if polygon.is_empty or polygon.area == 0:
        raise InvalidSetup(at, "the polygon has no area")
    return polygon


@lru_cache(maxsize=8)
def territory_map(territories: tuple[Territory, ...]) -> TerritoryMap:
    """The index for these territories, built again only when one of them changed."""
    return TerritoryMap(territories)
