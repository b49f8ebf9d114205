"""How long it takes from one place to another: the port, and the default that needs no road engine. Pure."""

from __future__ import annotations

from math import asin, ceil, cos, pi, sin, sqrt
from typing import NamedTuple, Protocol

EARTH_RADIUS_M = 6_371_008.8
# Ratio of driven to straight distance in European road networks; published values lie between 1.2 and 1.5.
DETOUR_FACTOR = 1.35
# Door-to-door pace in mixed traffic, 32 km/h along the road: lights, parking and the walk to the door included.
PACE_MPS = 9.0
# Where a coordinate is unknown: half an hour is more than most legs inside one town, so a day is planned too loose
# rather than too tight.
UNKNOWN_TRAVEL_S = 1800


class Point(NamedTuple):
    """Radians, with the cosine that every distance needs: build it once per place."""

    lat_rad: float
    lon_rad: float
    cos_lat: float


def known_point(*, lat: float | None, lon: float | None) -> Point | None:
    """The place, or None where it is unknown. 0,0 is what failed geocoders say, never an address."""
    if lat is None or lon is None or (lat == 0.0 and lon == 0.0):
        return None
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        return None
    lat_rad = lat * (pi / 180.0)
    return Point(lat_rad, lon * (pi / 180.0), cos(lat_rad))


def distance_m(a: Point, b: Point) -> float:
    """Great-circle distance (haversine)."""
    half_lat = sin((b.lat_rad - a.lat_rad) * 0.5)
    half_lon = sin((b.lon_rad - a.lon_rad) * 0.5)
    root = sqrt(half_lat * half_lat + a.cos_lat * b.cos_lat * half_lon * half_lon)
    return 2.0 * EARTH_RADIUS_M * asin(min(1.0, root))


class TravelTime(Protocol):
    """The port. Whole seconds, rounded up; None is an unknown place and must never cost nothing."""

    def seconds(self, origin: Point | None, destination: Point | None) -> int: ...


class StraightTravel:
    """Straight distance × detour factor at a calibrated pace."""

    __slots__ = ("_seconds_per_m", "_unknown_s")

    def __init__(
        self,
        *,
        pace_mps: float = PACE_MPS,
        detour_factor: float = DETOUR_FACTOR,
        unknown_s: int = UNKNOWN_TRAVEL_S,
    ) -> None:
        if not (pace_mps > 0 and detour_factor >= 1 and unknown_s > 0):
            raise ValueError(
                f"Impossible pace: pace_mps={pace_mps}, detour_factor={detour_factor}, unknown_s={unknown_s}."
                " The pace and the unknown time are above 0, the factor is at least 1."
            )
        self._seconds_per_m = detour_factor / pace_mps
        self._unknown_s = unknown_s

    def seconds(self, origin: Point | None, destination: Point | None) -> int:
        if origin is None or destination is None:
            return self._unknown_s
        if origin == destination:
            return 0
        return ceil(distance_m(origin, destination) * self._seconds_per_m)
