"""Fixes and drives on a plane around one place, in metres and seconds from there and then."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tracker.geo import LocalFrame
from tracker.messages import Fix

NOW_MS = 1_764_000_000_000
PLACE = LocalFrame(lat=41.15, lon=-8.62)


def fix_at(
    *, east_m: float = 0.0, north_m: float = 0.0, s: float = 0.0, around: LocalFrame = PLACE, **details: Any
) -> Fix:
    """A fix that many metres from the place and seconds after ``NOW_MS``."""
    lat, lon = around.lat_lon(east_m=east_m, north_m=north_m)
    return Fix(fixed_at=NOW_MS + round(s * 1000), lat=lat, lon=lon, **details)


def drive(
    *, every_s: float, mps: float, lasting_s: float, rms_m: float = 0.0, seed: int = 1, tells_speed: bool = False
) -> Iterator[Fix]:
    """Straight to the east from the place, with GPS noise."""
    noise = random.Random(seed)
    sigma_m = rms_m / 2**0.5
    for number in range(round(lasting_s / every_s)):
        s = number * every_s
        yield fix_at(
            east_m=mps * s + noise.gauss(0, sigma_m),
            north_m=noise.gauss(0, sigma_m),
            s=s,
            speed_mps=mps if tells_speed else None,
        )
