"""Distances and local metres. The only place where latitude and longitude change their order."""

from __future__ import annotations

import math
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius of the earth (IUGG), good to 0.5 % for every distance used here."""
METRES_PER_DEGREE: Final = math.pi * EARTH_RADIUS_M / 180.0


def distance_m(*, lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Great-circle distance in metres by the haversine formula; accurate for short distances."""
    phi, to_phi = math.radians(lat), math.radians(to_lat)
    half_chord = (
        math.sin((to_phi - phi) / 2) ** 2
        + math.cos(phi) * math.cos(to_phi) * math.sin(math.radians(to_lon - lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half_chord)))


def bearing_deg(*, east_m: float, north_m: float) -> float:
    """Compass bearing, 0 = north, clockwise, in [0, 360)."""
    return math.degrees(math.atan2(east_m, north_m)) % 360.0


class LocalFrame:
    """Metres east and north of an origin: an equirectangular plane, within 0.1 % up to about 50 km
    from the origin away from the poles. Longitudes are taken the short way round, so a frame may
    straddle the antimeridian."""

    __slots__ = ("east_m_per_deg", "lat", "lon", "north_m_per_deg")

    def __init__(self, *, lat: float, lon: float) -> None:
        self.lat = lat
        self.lon = lon
        self.north_m_per_deg = METRES_PER_DEGREE
        # A floor keeps the frame invertible at the poles.
        self.east_m_per_deg = METRES_PER_DEGREE * max(math.cos(math.radians(lat)), 1e-6)

    def east_north(self, *, lat: float, lon: float) -> tuple[float, float]:
        delta = lon - self.lon
        if delta > 180.0:
            delta -= 360.0
        elif delta < -180.0:
            delta += 360.0
        return delta * self.east_m_per_deg, (lat - self.lat) * self.north_m_per_deg

    def lat_lon(self, *, east_m: float, north_m: float) -> tuple[float, float]:
        lon = self.lon + east_m / self.east_m_per_deg
        if lon > 180.0:
            lon -= 360.0
        elif lon < -180.0:
            lon += 360.0
        return self.lat + north_m / self.north_m_per_deg, lon
