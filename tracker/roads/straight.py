"""The engine-less default: distance × detour factor at a calibrated pace, marked as an estimate."""

from __future__ import annotations

from typing import Final

DETOUR: Final = 1.35
"""Road metres per straight metre in European cities; see the comparison of circuity by Giacomin & Levinson,
Environment and Planning B 42(6), 2015 (1.2-1.4)."""
PACE_S_PER_M: Final = 0.107
"""Seconds per road metre: 9.3 m/s, fitted on recorded city trips (lights and turns included)."""
START_S: Final = 45.0
"""What a drive costs apart from its length: pulling out, the last corner, finding the door."""
START_TAPERS_M: Final = 500.0


def straight_left_m(distance_m: float) -> float:
    """Expected road metres for a straight distance in metres."""
    return distance_m * DETOUR


def straight_left_s(distance_m: float) -> float:
    """Expected driving seconds for a straight distance in metres; 0 at 0, monotonic."""
    share = distance_m / START_TAPERS_M
    return START_S * (share if share < 1.0 else 1.0) + distance_m * (DETOUR * PACE_S_PER_M)
