"""What happens to fixes between a phone and us, applied to recorded trips with a seed. [pure]"""

from __future__ import annotations

import random
from math import cos, sin, tau

from tracker.geo import LocalFrame
from tracker.messages import Fix
from tracker.recordings import Recording

DROPPED = 0.30
GAP_FIXES = 6
JUMPS = 0.02
JUMP_M = (500.0, 3000.0)
DUPLICATES = 0.05
SWAPPED = 0.03
JITTER_M = 8.0


def damaged(recording: Recording, *, seed: int) -> list[Fix]:
    """The fixes in the order they are received; the same for the same trip and seed.

    30 % dropped, a gap of six, 2 % thrown 0.5-3 km away, 5 % twice, 3 % after their successor, all with 8 m of noise.
    The destination and the truth stay those of the recording.
    """
    # Not for secrets: the same damage every time.
    rng = random.Random(f"{seed}/{recording.trip_id}")  # noqa: S311
    kept = [fix for fix in recording.fixes if rng.random() >= DROPPED]
    if len(kept) > 2 * GAP_FIXES:
        start = rng.randrange(1, len(kept) - GAP_FIXES)
        del kept[start : start + GAP_FIXES]
    received: list[Fix] = []
    for fix in kept:
        frame = LocalFrame(lat=fix.lat, lon=fix.lon)
        east, north = rng.gauss(0.0, JITTER_M), rng.gauss(0.0, JITTER_M)
        if rng.random() < JUMPS:
            way, far_m = rng.uniform(0.0, tau), rng.uniform(*JUMP_M)
            east, north = east + far_m * cos(way), north + far_m * sin(way)
        lat, lon = frame.lat_lon(east_m=east, north_m=north)
        received.append(Fix(fixed_at=fix.fixed_at, lat=lat, lon=lon))
        if rng.random() < DUPLICATES:
            received.append(Fix(fixed_at=fix.fixed_at, lat=lat, lon=lon))
    for place in range(len(received) - 1):
        if rng.random() < SWAPPED:
            received[place], received[place + 1] = received[place + 1], received[place]
    return received
