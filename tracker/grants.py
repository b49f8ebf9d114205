"""Who may see which trip, when. A grant is (visit, technician, time span), checked for every frame.

The right never follows from knowing a technician: it begins when they set off to this visit, ends when the
work begins, and shows nothing that was fixed before. Within a hidden zone (the previous customer's doorstep,
the technician's home) positions are held back until the technician has left it once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tracker.geo import distance_m


@dataclass(frozen=True, slots=True)
class Zone:
    """A circle in which a technician is not shown."""

    lat: float
    lon: float
    radius_m: float = 150.0

    def holds(self, *, lat: float, lon: float) -> bool:
        return distance_m(lat=lat, lon=lon, to_lat=self.lat, to_lon=self.lon) <= self.radius_m


@dataclass(slots=True)
class Grant:
    """The right of the watchers of ``trip_id`` to see ``technician_id`` between two instants (ms since 1970)."""

    trip_id: str
    technician_id: str
    from_ms: int
    until_ms: int | None = None
    zones: tuple[Zone, ...] = ()
    _left: bool = field(default=False)

    def __post_init__(self) -> None:
        self._left = not self.zones

    @property
    def held_back(self) -> bool:
        """True until the technician has left every hidden zone."""
        return not self._left

    def is_clear(self, technician_id: str, fixed_at: int) -> bool:
        """The common case of ``shows`` without a look at the place: open-ended, and every zone left behind."""
        return self._left and self.until_ms is None and fixed_at >= self.from_ms and technician_id == self.technician_id

    def shows(self, *, technician_id: str, fixed_at: int, lat: float, lon: float, now_ms: int) -> bool:
        """May this position go to the watchers of the trip?"""
        if technician_id != self.technician_id or fixed_at < self.from_ms:
            return False
        if self.until_ms is not None and now_ms >= self.until_ms:
            return False
        if not self._left:
            if any(zone.holds(lat=lat, lon=lon) for zone in self.zones):
                return False
            self._left = True
        return True

    def reveal(self) -> None:
        """The hidden zones were left earlier (known from before a restart)."""
        self._left = True

    def end(self, now_ms: int) -> None:
        self.until_ms = now_ms
