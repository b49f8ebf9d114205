"""The seconds left of one trip on the map: place on the road, time by the tree, pace of the traffic. [pure]

A fix on the line costs a projection; any other is snapped and looked up in the destination's tree, so that a
technician who drives another way never waits for a new route. The whole model of the time left is::

    expected  = min(MAP_PACE × (road seconds − those inside the circle), straight-line bounds)
    left      = expected × pace of the traffic × a little of this technician's own pace × what history corrects,
                and of the last minutes a little less, of the very last a little more

More was tried on recorded trips and gave nothing, or jumps: recent speed, turns left,
straightness, standing, heading, averages over several snaps, the exact crossing of the arrival circle.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Final

from tracker.calibration import Calibration
from tracker.eta import Pace
from tracker.filters import TrackFilter
from tracker.roads.destination import Destination
from tracker.roads.snap import NO_EDGE
from tracker.roads.tree import Tree
from tracker.route import Route, RouteProgress
from tracker.traffic import MINUTE_MS, Traffic

MAP_PACE: Final = 1.4
"""Driven for cold map seconds at a log pace of 0: detours, parking, everything a shortest way does not know."""
ENTRY_S_PER_M: Final = 24.0 / 75.0
"""Road seconds per metre of the arrival circle's radius: arriving is entering the circle, not reaching its middle."""
NEAR_S: Final = 1.0
NEAR_MPS: Final = 2.65
"""However the streets lie, nobody is further from the circle than so many seconds and straight metres per second: a
one-way round the block is cut by other ways, or the circle entered from another side. It takes a quarter off the
relative error."""
FAR_S: Final = 1.0
FAR_MPS: Final = 12.0
"""And nobody in a city comes nearer than so fast."""
LAST_SHARE: Final = 0.89
LAST_S: Final = 500.0
"""Less is told of the last minutes, down to 89 %: most stops that an average expects are over or did not happen."""
CLOSE_MORE: Final = 0.6
CLOSE_S: Final = 95.0
"""Of the very last more again, up to 14 s at three quarters of a minute: a light, the bends and the look for the door,
which no road explains and no traffic stretches. On both recorded days and at both rhythms (15 s and 60 s) it takes 2 to
12 % off the error of the last two minutes and adds nothing to that of all."""
TRAFFIC_POWER: Final = 1.08
"""Detours and searching grow a little faster than the pace on the way."""
OWN_PACE_POWER: Final = 0.2
"""Of ``Pace.factor``, itself a root: what one technician drives differs little from what all drive."""
ON_LINE_M: Final = 30.0
STEP_GAP_S: Final = 300.0
"""A longer silence says nothing about the pace."""
STREET_DETOUR: Final = 1.2
"""Street metres per straight metre between two fixes."""
LEAP_M: Final = 200.0
LEAP_RATIO: Final = 2.0
LEAP_S: Final = 40.0
"""More than 200 m, and street seconds between two fixes beyond twice the time between them and forty: where the time
left does not agree with it either, such a fix is believed only when the next one is there too. The filter lets pass
what a car could do on a motorway; if it were believed, the way there and back would count as quick driving in
everybody's pace. Within 200 m a slow lane beside the street is the likelier reason."""
LATER_SHARE: Final = 0.5
LATER_S: Final = 30.0
"""So is one after more than 200 m that leaves more time by half a minute and half of what passed: few turn back so
quickly, and if one did, the arrival is told one fix later. On recorded trips, damaged as feeds are with two seeds that
were bad ones, it takes 0.3 and 1.4 s off the error of the last two minutes, and adds less than 0.1 s to that of whole
ones."""
QUICKEST: Final = 6.0
AHEAD_S: Final = 60.0
"""More of the map's time than six times what a step took, and a minute, was not driven: it is no pace."""


class Guide:
    """``follow`` gives the seconds left at a current fix, None off every road.

    ``road_s`` and ``road_m`` are what the map says without any pace; ``log_pace`` is the traffic's.
    """

    __slots__ = (
        "_destination",
        "_doubts",
        "_east",
        "_edge",
        "_expected_s",
        "_first_ms",
        "_last_ms",
        "_left_s",
        "_minute",
        "_north",
        "_slowness",
        "_took_s",
        "_traffic",
        "entry_s",
        "log_pace",
        "pace",
        "radius_m",
        "road_m",
        "road_s",
        "scale",
    )

    def __init__(
        self, destination: Destination, *, traffic: Traffic, calibration: Calibration, pace: Pace, radius_m: float
    ) -> None:
        self._destination = destination
        self._traffic = traffic
        self.pace = pace
        self.radius_m = radius_m
        self.entry_s = ENTRY_S_PER_M * radius_m
        self.scale = calibration.scale * MAP_PACE
        self.road_s = self.road_m = 0.0
        self.log_pace = 0.0
        self._slowness = 1.0
        self._left_s = 0.0
        self._east = self._north = 0.0
        self._first_ms = 0
        self._doubts = False
        self._edge = NO_EDGE
        self._last_ms = 0
        self._minute = -1
        self._took_s = self._expected_s = 0.0

    def follow(
        self,
        track: TrackFilter,
        line: RouteProgress | None,
        fixed_at: int,
        distance_m: float,
        east: float,
        north: float,
    ) -> float | None:
        """``line`` is the way that the fix lies on, already advanced; None when it has to be looked for.

        ``distance_m`` is straight to the destination; ``east`` and ``north`` are the fix in its metres from there.
        """
        before_s = self.road_s
        if line is not None:
            route = line.route
            road_s = route.total_s - line.done_s
            self.road_m = route.length_m - line.done_m
            self._edge = NO_EDGE
            driven_s = before_s - road_s
        else:
            destination = self._destination
            at = destination.snap(
                lat=track.lat,
                lon=track.lon,
                # From a place that was doubted nobody came.
                heading_deg=track.heading_deg if track.speed_mps > 1.0 and not self._doubts else None,
                previous=self._edge,
            )
            left = destination.left(at) if at is not None else None
            if at is None or left is None:
                self._last_ms = 0
                return None
            road_s = left.seconds
            driven_s = before_s - road_s
            moved_e = east - self._east
            moved_n = north - self._north
            moved_m = sqrt(moved_e * moved_e + moved_n * moved_n)
            street_s = STREET_DETOUR * moved_m * destination.tree.edge_s[left.edge] / max(at.length_m, 1.0)
            took_s = (fixed_at - self._last_ms) / 1000.0
            if moved_m > LEAP_M:
                limit_s = LEAP_RATIO * took_s + LEAP_S
                leaps = False
                if street_s > limit_s:
                    if -LEAP_S < driven_s < limit_s:
                        # The map knows a quicker way there.
                        street_s = driven_s
                    else:
                        leaps = True
                # Nothing speaks for the very first place but itself: the second one is believed wherever it is.
                if (
                    (leaps or driven_s < -LATER_SHARE * took_s - LATER_S)
                    and self._last_ms > self._first_ms
                    and not self._doubts
                ):
                    # Place, time and pace stay those of the last believed fix: the next one is held against them.
                    self._doubts = True
                    return max(self._left_s - took_s, 0.0)
            if not self._first_ms:
                self._first_ms = fixed_at
            self.road_m = left.metres
            self._edge = left.edge
            # Off the shortest way less is gained than is driven; the pace is of the driving.
            if not 0.5 * street_s - 5.0 < driven_s < 2.0 * street_s + 10.0:
                driven_s = street_s
        self._doubts = False
        self.road_s = road_s
        self._east = east
        self._north = north
        minute = fixed_at // MINUTE_MS
        if minute != self._minute:
            self._look_around(fixed_at, lon=track.lon)
            self._minute = minute
        if self._last_ms:
            took_s = (fixed_at - self._last_ms) / 1000.0
            driven_s *= MAP_PACE
            if took_s <= STEP_GAP_S and driven_s < QUICKEST * took_s + AHEAD_S:
                self._took_s += took_s
                self._expected_s += driven_s
        self._last_ms = fixed_at
        # The time by the map within what the straight line allows.
        far_m = distance_m - self.radius_m
        if far_m < 0.0:
            far_m = 0.0
        expected_s = (road_s - self.entry_s) * MAP_PACE
        most_s = NEAR_S + far_m / NEAR_MPS
        if expected_s > most_s:
            expected_s = most_s
        least_s = FAR_S + far_m / FAR_MPS
        if expected_s < least_s:
            expected_s = least_s
        left_s = expected_s * self._slowness
        if left_s < LAST_S:
            left_s *= LAST_SHARE + (1.0 - LAST_SHARE) * left_s / LAST_S
            if left_s < CLOSE_S:
                left_s *= 1.0 + CLOSE_MORE - CLOSE_MORE / CLOSE_S * left_s
        self._left_s = left_s
        return left_s

    @property
    def tree(self) -> Tree:
        return self._destination.tree

    def line(self, track: TrackFilter) -> Route | None:
        """The way from the track's newest position; some hundred microseconds."""
        destination = self._destination
        at = destination.snap(
            lat=track.lat,
            lon=track.lon,
            heading_deg=track.heading_deg if track.speed_mps > 1.0 else None,
            previous=self._edge,
        )
        return destination.route(at) if at is not None else None

    def _look_around(self, fixed_at: int, *, lon: float) -> None:
        """Once a minute: tell the traffic what was driven up to the last fix, and ask it for the pace."""
        traffic = self._traffic
        if self._took_s:
            traffic.observe(at_ms=self._last_ms or fixed_at, took_s=self._took_s, expected_s=self._expected_s)
            self.pace.observe(self._took_s, self._expected_s * exp(self.log_pace))
            self._took_s = self._expected_s = 0.0
        self.log_pace = traffic.log_pace(at_ms=fixed_at, lon=lon)
        self._slowness = exp(TRAFFIC_POWER * self.log_pace) * self.pace.factor**OWN_PACE_POWER * self.scale / MAP_PACE
