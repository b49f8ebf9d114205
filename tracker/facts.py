"""What the tracker is told about a visit; only the bridge knows where it comes from."""

from __future__ import annotations

import msgspec

from tracker.messages import TechnicianCard


class TripFacts(msgspec.Struct, frozen=True):
    """What the tracker must know about a visit to tell its watchers. Times in ms since 1970.

    ``version`` grows with every change: older facts never replace newer ones. ``tracking`` false: states are
    told, coordinates and arrival times are not. ``hidden_zones``: (lat, lon, radius_m) circles in which the
    technician is not shown until they have left them once.
    """

    version: int
    status: str
    time_zone: str
    window_start_ms: int
    window_end_ms: int
    destination_lat: float | None = None
    destination_lon: float | None = None
    technician: TechnicianCard | None = None
    tracking: bool = True
    hidden_zones: tuple[tuple[float, float, float], ...] = ()
