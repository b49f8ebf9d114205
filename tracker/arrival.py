"""Has the technician arrived? A circle with hysteresis, a dwell and an accuracy gate.

Entered at ``radius_m``, left at ``radius_m + max(10 %, 20 m)``. Arrival is announced after 20 s inside or two
slow fixes in a row inside; it is a suggestion and never completes a visit.
"""

from __future__ import annotations

from typing import Final

DWELL_MS: Final = 20_000
SLOW_MPS: Final = 3.0
"""Slower than this inside the circle is parking, not passing by."""
DOOR_SHARE: Final = 0.8
"""Of the radius. A fix strays by some metres: who stands just outside of the circle is within it now and then, but
hardly ever so far. On recorded trips with 8 m of noise added it takes a fifth off the arrivals that are told early."""


class ArrivalDetector:
    """Fed with the distance to the destination at each current fix, in order of fix time."""

    __slots__ = ("_entered_ms", "_parked", "_slow", "_within", "arrived_at", "last_ms", "leave_m", "radius_m")

    def __init__(self, radius_m: float = 75.0) -> None:
        self.radius_m = radius_m
        self.leave_m = radius_m + max(0.1 * radius_m, 20.0)
        self.arrived_at: int | None = None
        self._entered_ms: int | None = None
        self._slow = 0
        self._within = False
        self._parked = False
        self.last_ms = 0

    @property
    def inside(self) -> bool:
        return self._entered_ms is not None

    @property
    def at_the_door(self) -> bool:
        """Within the circle, and slow well inside of it at least once: "arriving" may be said. Driving through it is
        not enough, however long that takes, and neither is the ring in which nobody has left yet."""
        return self._within and self._parked

    def receive(
        self,
        *,
        distance_m: float,
        moved_m: float,
        accuracy_m: float | None,
        speed_mps: float | None,
        fixed_at: int,
    ) -> bool:
        """True exactly once: at the fix that settles the arrival.

        ``moved_m`` is the way from the previous current fix; with the time between it stands in for an
        unknown ``speed_mps``.
        """
        gap_s = (fixed_at - self.last_ms) / 1000.0
        self.last_ms = fixed_at
        self._within = False
        if self._entered_ms is None:
            if distance_m > self.radius_m:
                return False
            # A fix that may as well lie outside the circle does not open the door.
            if accuracy_m is not None and accuracy_m > 2.0 * self.radius_m:
                return False
            self._entered_ms = fixed_at
            self._slow = 0
            self._parked = False
        elif distance_m > self.leave_m:
            self._entered_ms = None
            return False
        self._within = distance_m <= self.radius_m
        if speed_mps is None or speed_mps < 0.0:
            speed_mps = moved_m / gap_s if gap_s > 0.0 else 0.0
        slow = speed_mps < SLOW_MPS
        if slow and distance_m <= DOOR_SHARE * self.radius_m:
            self._parked = True
        if self.arrived_at is not None:
            return False
        self._slow = self._slow + 1 if slow else 0
        if self._slow >= 2 or fixed_at - self._entered_ms >= DWELL_MS:
            self.arrived_at = fixed_at
            return True
        return False
