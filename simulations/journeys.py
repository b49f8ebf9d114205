"""One car's way through a town: the quickest path, and where the car is, how fast and which way, any second.

The car keeps to the streets, their direction and their limits; it speeds up and brakes like a van, slows
down for bends, waits at some signals, and is slower when the town is busy. Seeded. [pure]
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

from simulations.cities import City, Segment
from simulations.landscape import XY
from simulations.plane import Plane, heading_deg

SPEED_UP_MPS2 = 1.4
BRAKE_MPS2 = 1.9
RED_SHARE = 0.45  # of signals met
RED_S = (4.0, 38.0)
# What is left of free speed in each hour of a working day.
TRAFFIC = (
    (1.0,) * 6
    + (0.95, 0.75, 0.62, 0.7, 0.82, 0.85)
    + (0.8, 0.8, 0.84, 0.82, 0.74, 0.62, 0.6, 0.72, 0.86, 0.93, 0.97, 1.0)
)


class NoWayError(Exception):
    """No street leads from the one node or place to the other."""

    def __init__(self, start: object, end: object) -> None:
        super().__init__(start, end)
        self.start, self.end = start, end

    def __str__(self) -> str:
        return f"No street leads from {self.start} to {self.end}; choose two of one town."


def quickest_path(city: City, start: int, end: int) -> tuple[int, ...]:
    """Nodes from ``start`` to ``end``, both included, by the least driving time at the limits."""
    queue: list[tuple[float, int, int]] = [(0.0, start, start)]
    came_from: dict[int, int] = {}
    while queue:
        cost_s, node, before = heappop(queue)
        if node in came_from:
            continue
        came_from[node] = before
        if node == end:
            path = [end]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            return tuple(reversed(path))
        for segment in city.leaving.get(node, ()):
            if segment.end not in came_from:
                onward_s = segment.length_m / city.streets[segment.street].limit_mps
                heappush(queue, (cost_s + onward_s, segment.end, node))
    raise NoWayError(start, end)


def traffic_factor(hour: float) -> float:
    """The share of free speed at ``hour`` (0–24, local), from one hour's value to the next in a line."""
    whole = int(hour) % 24
    return TRAFFIC[whole] + (hour % 1.0) * (TRAFFIC[(whole + 1) % 24] - TRAFFIC[whole])


@dataclass(frozen=True, slots=True)
class Way:
    """A line to drive, at least one point. ``limits_mps[i]`` holds from point i to the next, which lies elsewhere;
    ``signals`` are the points where a light may be red."""

    plane: Plane
    points: tuple[XY, ...]
    limits_mps: tuple[float, ...]
    signals: frozenset[int]


def way_along(city: City, path: tuple[int, ...]) -> Way:
    """The line of ``path``. Raises NoWayError where no street joins two of its nodes."""
    segments = [_segment(city, a, b) for a, b in pairwise(path)]
    return Way(
        plane=city.plane,
        points=tuple(city.nodes[node] for node in path),
        limits_mps=tuple(city.streets[segment.street].limit_mps for segment in segments),
        signals=frozenset(i for i, node in enumerate(path) if node in city.signals),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the car is ``t_s`` seconds after it left."""

    t_s: float
    lat: float
    lon: float
    speed_mps: float
    heading_deg: float
    driven_m: float


@dataclass(frozen=True, slots=True)
class _Phase:
    """Constant acceleration from ``start_s`` and ``start_m`` on."""

    start_s: float
    start_m: float
    speed_mps: float
    acceleration_mps2: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Journey:
    """A finished plan of one drive; ask it with :meth:`at`."""

    way: Way
    reach_m: tuple[float, ...]
    phases: tuple[_Phase, ...]
    duration_s: float

    @property
    def length_m(self) -> float:
        return self.reach_m[-1]

    def at(self, t_s: float) -> Moment:
        """The car at ``t_s``; before 0 it stands at the start, after ``duration_s`` at the end."""
        if not self.phases or t_s >= self.duration_s:
            return self._moment(t_s, self.length_m, 0.0)
        t_s = max(0.0, t_s)
        phase = self.phases[max(0, bisect_right(self.phases, t_s, key=lambda p: p.start_s) - 1)]
        run_s = min(t_s - phase.start_s, phase.duration_s)
        speed_mps = phase.speed_mps + phase.acceleration_mps2 * run_s
        driven_m = phase.start_m + (phase.speed_mps + speed_mps) / 2 * run_s
        return self._moment(t_s, driven_m, speed_mps)

    def _moment(self, t_s: float, driven_m: float, speed_mps: float) -> Moment:
        points = self.way.points
        index = min(max(bisect_right(self.reach_m, driven_m) - 1, 0), max(len(points) - 2, 0))
        (ax, ay), (bx, by) = points[index], points[min(index + 1, len(points) - 1)]
        length_m = math.dist((ax, ay), (bx, by))
        share = (driven_m - self.reach_m[index]) / length_m if length_m else 0.0
        lat, lon = self.way.plane.lat_lon(ax + (bx - ax) * share, ay + (by - ay) * share)
        return Moment(t_s, lat, lon, max(0.0, speed_mps), heading_deg(bx - ax, by - ay), driven_m)


def drive(city: City, path: tuple[int, ...], *, seed: str, traffic: float = 1.0) -> Journey:
    """Plan the drive along ``path``, as ``drive_way`` does."""
    return drive_way(way_along(city, path), seed=seed, traffic=traffic)


def drive_way(way: Way, *, seed: str, traffic: float = 1.0) -> Journey:
    """Plan the drive. ``traffic`` (0–1] scales the speed reached between junctions."""
    random = Random(f"drive {seed}")
    habit = random.uniform(0.86, 1.0)
    points = way.points
    lengths_m = [math.dist(a, b) for a, b in pairwise(points)]
    limits = [limit_mps * habit * traffic * random.uniform(0.94, 1.0) for limit_mps in way.limits_mps]
    stops_s = [0.0] * len(points)
    passing = [0.0] * len(points)
    for i in range(1, len(points) - 1):
        passing[i] = min(limits[i - 1], limits[i], _bend_mps(points[i - 1], points[i], points[i + 1]))
        if i in way.signals and random.random() < RED_SHARE:
            passing[i], stops_s[i] = 0.0, random.uniform(*RED_S)
    for i in range(1, len(points)):
        fastest = math.sqrt(passing[i - 1] ** 2 + 2 * SPEED_UP_MPS2 * lengths_m[i - 1])
        passing[i] = min(passing[i], fastest)
    for i in range(len(points) - 2, -1, -1):
        fastest = math.sqrt(passing[i + 1] ** 2 + 2 * BRAKE_MPS2 * lengths_m[i])
        passing[i] = min(passing[i], fastest)

    clock_s, driven_m = 0.0, 0.0
    reach_m = [0.0]
    phases: list[_Phase] = []
    for i, length_m in enumerate(lengths_m):
        for speed_mps, acceleration, duration_s in _trapezoid(length_m, passing[i], limits[i], passing[i + 1]):
            phases.append(_Phase(clock_s, driven_m, speed_mps, acceleration, duration_s))
            clock_s += duration_s
            driven_m += (speed_mps + acceleration * duration_s / 2) * duration_s
        reach_m.append(reach_m[-1] + length_m)
        driven_m = reach_m[-1]
        if stops_s[i + 1]:
            phases.append(_Phase(clock_s, driven_m, 0.0, 0.0, stops_s[i + 1]))
            clock_s += stops_s[i + 1]
    return Journey(way, tuple(reach_m), tuple(phases), clock_s)


def _segment(city: City, a: int, b: int) -> Segment:
    for segment in city.leaving.get(a, ()):
        if segment.end == b:
            return segment
    raise NoWayError(a, b)


def _bend_mps(a: XY, b: XY, c: XY) -> float:
    """How fast a van passes the bend at ``b``: as before when straight, walking pace when it turns back."""
    (ax, ay), (bx, by), (cx, cy) = a, b, c
    turn = math.degrees(math.atan2(cy - by, cx - bx) - math.atan2(by - ay, bx - ax))
    turn = abs((turn + 180) % 360 - 180)
    if turn < 20:
        return math.inf
    return max(2.5, 14.0 - 10.0 * (min(turn, 110.0) - 20) / 70)


def _trapezoid(
    length_m: float, enter_mps: float, cruise_mps: float, leave_mps: float
) -> list[tuple[float, float, float]]:
    """(speed at its start, acceleration, seconds) of speeding up, holding and braking over ``length_m``."""
    peak_mps = min(
        cruise_mps,
        math.sqrt(
            (2 * SPEED_UP_MPS2 * BRAKE_MPS2 * length_m + BRAKE_MPS2 * enter_mps**2 + SPEED_UP_MPS2 * leave_mps**2)
            / (SPEED_UP_MPS2 + BRAKE_MPS2)
        ),
    )
    peak_mps = max(peak_mps, enter_mps, leave_mps)
    up_m = (peak_mps**2 - enter_mps**2) / (2 * SPEED_UP_MPS2)
    down_m = (peak_mps**2 - leave_mps**2) / (2 * BRAKE_MPS2)
    hold_m = max(0.0, length_m - up_m - down_m)
    parts = [
        (enter_mps, SPEED_UP_MPS2, (peak_mps - enter_mps) / SPEED_UP_MPS2),
        (peak_mps, 0.0, hold_m / peak_mps if peak_mps else 0.0),
        (peak_mps, -BRAKE_MPS2, (peak_mps - leave_mps) / BRAKE_MPS2),
    ]
    return [part for part in parts if part[2] > 0]
