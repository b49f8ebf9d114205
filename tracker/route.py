"""A way to drive and how far along it the technician is.

``Route`` is a polyline with cumulative metres and seconds, flattened once to local metres. ``RouteProgress``
projects each fix on the few segments ahead of the last one, in plain Python: one or two microseconds against
about twenty for a general geometry library.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot, inf
from typing import Final

from tracker.geo import LocalFrame

WINDOW: Final = 4
"""Segments looked at beyond the nearest one so far: streets of maps are cut into pieces of ten metres, and a phone
that tells its place every 15 s has passed a dozen of them."""
ON_IT_M: Final = 10.0
ON_IT_WINDOW: Final = 2
"""So near the line, fewer further segments are enough."""
NEAR_M: Final = 30.0
AHEAD_M: Final = 500.0
"""While nothing nearer than ``NEAR_M`` was found, so many metres beyond the nearest are looked at: round a block."""


class Route:
    """A polyline from ``points`` ((lat, lon) pairs in driving order, at least two).

    ``seconds`` is the driving time from the start to each point (same length, not decreasing); without it the
    time is spread evenly over the metres of ``total_s``. Raises ``ValueError`` for fewer than two points or
    seconds of another length.
    """

    __slots__ = ("east", "estimated", "frame", "length_m", "metres", "north", "points", "seconds", "total_s")

    def __init__(
        self,
        points: Sequence[tuple[float, float]],
        *,
        seconds: Sequence[float] | None = None,
        total_s: float = 0.0,
        estimated: bool = False,
    ) -> None:
        if len(points) < 2:
            raise ValueError(f"a route needs two points or more, not {len(points)}")
        self.points = list(points)
        lat, lon = points[0]
        self.frame = LocalFrame(lat=lat, lon=lon)
        flat = [self.frame.east_north(lat=lat, lon=lon) for lat, lon in points]
        self.east = [east for east, _ in flat]
        self.north = [north for _, north in flat]
        metres = [0.0]
        for (e0, n0), (e1, n1) in pairwise(flat):
            metres.append(metres[-1] + hypot(e1 - e0, n1 - n0))
        self.metres = metres
        self.length_m = metres[-1]
        if seconds is None:
            pace = total_s / self.length_m if self.length_m else 0.0
            seconds = [m * pace for m in metres]
        elif len(seconds) != len(points):
            raise ValueError(f"{len(points)} points but {len(seconds)} times")
        self.seconds = list(seconds)
        self.total_s = self.seconds[-1]
        self.estimated = estimated

    def polyline6(self) -> str:
        """The line as an encoded polyline with six decimals (Google's algorithm, precision 1e-6)."""
        out: list[str] = []
        previous = (0, 0)
        for lat, lon in self.points:
            current = (round(lat * 1e6), round(lon * 1e6))
            for value, before in zip(current, previous, strict=True):
                delta = value - before
                bits = ~(delta << 1) if delta < 0 else delta << 1
                while bits >= 0x20:
                    out.append(chr((0x20 | (bits & 0x1F)) + 63))
                    bits >>= 5
                out.append(chr(bits + 63))
            previous = current
        return "".join(out)


class RouteProgress:
    """How far along a route: metres and seconds done and left, and metres off the line.

    ``advance`` never looks behind the segment before the current one, so a street driven twice is not confused
    with its first pass; ``done_m`` may fall by the length of a few metres of GPS noise and no more.
    """

    __slots__ = ("_segment", "done_m", "done_s", "off_m", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.done_m = 0.0
        self.done_s = 0.0
        self.off_m = 0.0
        self._segment = 0

    @property
    def left_m(self) -> float:
        return self.route.length_m - self.done_m

    @property
    def left_s(self) -> float:
        return self.route.total_s - self.done_s

    def advance(self, *, lat: float, lon: float) -> float:
        """Project one position; returns ``off_m``, the distance to the line ahead."""
        route = self.route
        frame = route.frame
        # LocalFrame.east_north in place: this is the hot path.
        delta_deg = lon - frame.lon
        if delta_deg > 180.0:
            delta_deg -= 360.0
        elif delta_deg < -180.0:
            delta_deg += 360.0
        x = delta_deg * frame.east_m_per_deg
        y = (lat - frame.lat) * frame.north_m_per_deg
        east = route.east
        north = route.north
        metres = route.metres
        start = self._segment - 1 if self._segment else 0
        best_sq = inf
        best = start
        best_t = 0.0
        for i in range(start, len(east) - 1):
            if i > best + ON_IT_WINDOW and best_sq <= ON_IT_M * ON_IT_M:
                break
            if i > best + WINDOW and (best_sq <= NEAR_M * NEAR_M or metres[i] > metres[best] + AHEAD_M):
                break
            x0 = east[i]
            y0 = north[i]
            dx = east[i + 1] - x0
            dy = north[i + 1] - y0
            length_sq = dx * dx + dy * dy
            if length_sq > 0.0:
                t = ((x - x0) * dx + (y - y0) * dy) / length_sq
                t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
            else:
                t = 0.0
            off_e = x - x0 - t * dx
            off_n = y - y0 - t * dy
            off_sq = off_e * off_e + off_n * off_n
            if off_sq < best_sq:
                best_sq = off_sq
                best = i
                best_t = t
        self._segment = best
        seconds = route.seconds
        self.done_m = metres[best] + best_t * (metres[best + 1] - metres[best])
        self.done_s = seconds[best] + best_t * (seconds[best + 1] - seconds[best])
        self.off_m = best_sq**0.5
        return self.off_m
