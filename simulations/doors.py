"""Where customers live: doors a few metres off the street. Seeded. [pure]"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from simulations.plane import Plane

OFF_STREET_M = 9.0


@dataclass(frozen=True, slots=True)
class Door:
    """An address and its place in degrees."""

    address: str
    lat: float
    lon: float


def door_beside(random: Random, plane: Plane, place: tuple[float, float], *, street: str, town: str) -> Door:
    """A door near ``place`` (local metres), which lies on ``street``."""
    x, y = place
    angle = random.uniform(0, 2 * math.pi)
    lat, lon = plane.lat_lon(x + OFF_STREET_M * math.cos(angle), y + OFF_STREET_M * math.sin(angle))
    return Door(f"{street} {random.randint(1, 180)}, {town}", round(lat, 6), round(lon, 6))
