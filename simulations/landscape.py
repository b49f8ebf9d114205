"""What lies between the streets of a made-up city: a river, parks, buildings. Local metres. [pure]"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

XY = tuple[float, float]

BANK_M = 30.0  # between the water's edge and the nearest junction
CELL_M = 9.0  # raster in which buildings keep clear of streets and of each other


@dataclass(frozen=True, slots=True)
class River:
    """A sine across the whole city, ``half_width_m`` to each side of ``offset_m + amplitude_m * sin``."""

    offset_m: float
    amplitude_m: float
    wave_m: float
    phase: float
    half_width_m: float
    reach_m: float

    def y_at(self, x: float) -> float:
        return self.offset_m + self.amplitude_m * math.sin(2 * math.pi * x / self.wave_m + self.phase)

    def distance_m(self, point: XY) -> float:
        """Metres to the river's middle line, by its slope at the same x (close enough for gentle bends)."""
        slope = (
            2 * math.pi * self.amplitude_m / self.wave_m * math.cos(2 * math.pi * point[0] / self.wave_m + self.phase)
        )
        return abs(point[1] - self.y_at(point[0])) / math.hypot(1.0, slope)

    def wets(self, point: XY, *, margin_m: float = 0.0) -> bool:
        return self.distance_m(point) < self.half_width_m + margin_m

    def middle(self, step_m: float = 60.0) -> list[XY]:
        count = round(2 * self.reach_m / step_m)
        return [(x, self.y_at(x)) for x in (-self.reach_m + i * step_m for i in range(count + 1))]

    def outline(self) -> list[XY]:
        """A closed ring round the water."""
        middle = self.middle()
        north, south = [], []
        for index, (x, y) in enumerate(middle):
            before, after = middle[max(index - 1, 0)], middle[min(index + 1, len(middle) - 1)]
            run, rise = after[0] - before[0], after[1] - before[1]
            length = math.hypot(run, rise)
            across = (-rise / length * self.half_width_m, run / length * self.half_width_m)
            north.append((x + across[0], y + across[1]))
            south.append((x - across[0], y - across[1]))
        ring = north + south[::-1]
        return [*ring, ring[0]]


@dataclass(frozen=True, slots=True)
class Park:
    """A rounded patch of green: its radius swings with the direction."""

    name: str
    centre: XY
    radius_m: float
    swing: float
    phase: float

    def edge_m(self, angle: float) -> float:
        return self.radius_m * (
            1 + self.swing * math.sin(2 * angle + self.phase) + 0.5 * self.swing * math.cos(3 * angle)
        )

    def covers(self, point: XY, *, margin_m: float = 0.0) -> bool:
        x, y = point[0] - self.centre[0], point[1] - self.centre[1]
        return math.hypot(x, y) < self.edge_m(math.atan2(y, x)) + margin_m

    def outline(self) -> list[XY]:
        """A closed ring of 28 points."""
        angles = [2 * math.pi * i / 28 for i in range(28)]
        ring = [
            (
                self.centre[0] + self.edge_m(a) * math.cos(a),
                self.centre[1] + self.edge_m(a) * math.sin(a),
            )
            for a in angles
        ]
        return [*ring, ring[0]]


def make_river(random: Random, *, radius_m: float) -> River:
    return River(
        offset_m=-0.34 * radius_m + random.uniform(-0.05, 0.05) * radius_m,
        amplitude_m=random.uniform(0.07, 0.11) * radius_m,
        wave_m=random.uniform(1.5, 1.9) * radius_m,
        phase=random.uniform(0, 2 * math.pi),
        half_width_m=random.uniform(38, 55),
        reach_m=1.25 * radius_m,
    )


def make_parks(random: Random, *, radius_m: float, river: River, names: Iterable[str]) -> list[Park]:
    parks: list[Park] = []
    for name in names:
        for _ in range(60):
            angle, away_m = random.uniform(0, 2 * math.pi), random.uniform(0.25, 0.9) * radius_m
            park = Park(
                name=name,
                centre=(away_m * math.cos(angle), away_m * math.sin(angle)),
                radius_m=random.uniform(95, 210),
                swing=random.uniform(0.08, 0.2),
                phase=random.uniform(0, 2 * math.pi),
            )
            apart = all(
                math.dist(park.centre, other.centre) > 1.6 * (park.radius_m + other.radius_m) for other in parks
            )
            if apart and not river.wets(park.centre, margin_m=1.5 * park.radius_m):
                parks.append(park)
                break
    return parks


def _cells(points: Iterable[XY]) -> set[tuple[int, int]]:
    return {(math.floor(x / CELL_M), math.floor(y / CELL_M)) for x, y in points}


def _along(start: XY, end: XY, step_m: float) -> list[XY]:
    count = max(1, math.ceil(math.dist(start, end) / step_m))
    return [
        (start[0] + (end[0] - start[0]) * i / count, start[1] + (end[1] - start[1]) * i / count)
        for i in range(count + 1)
    ]


def _rectangle(centre: XY, along: XY, *, length_m: float, depth_m: float) -> list[XY]:
    ax, ay = along[0] * length_m / 2, along[1] * length_m / 2
    dx, dy = -along[1] * depth_m / 2, along[0] * depth_m / 2
    x, y = centre
    ring = [
        (x - ax - dx, y - ay - dy),
        (x + ax - dx, y + ay - dy),
        (x + ax + dx, y + ay + dy),
        (x - ax + dx, y - ay + dy),
    ]
    return [*ring, ring[0]]


def make_buildings(
    random: Random, *, frontages: list[tuple[XY, XY]], streets: list[tuple[XY, XY]], most: int
) -> list[list[XY]]:
    """At most ``most`` closed rectangles along ``frontages``, none on one of ``streets`` or on another."""
    taken: set[tuple[int, int]] = set()
    for start, end in streets:
        taken |= _cells(_along(start, end, CELL_M / 2))
    buildings: list[list[XY]] = []
    for start, end in frontages:
        length_m = math.dist(start, end)
        along = ((end[0] - start[0]) / length_m, (end[1] - start[1]) / length_m)
        for side in (-1.0, 1.0):
            at_m = random.uniform(10, 18)
            while at_m < length_m - 10 and len(buildings) < most:
                width_m, depth_m = random.uniform(11, 24), random.uniform(10, 16)
                away_m = side * (random.uniform(7, 11) + depth_m / 2)
                middle_m = at_m + width_m / 2
                centre = (
                    start[0] + along[0] * middle_m - along[1] * away_m,
                    start[1] + along[1] * middle_m + along[0] * away_m,
                )
                ring = _rectangle(centre, along, length_m=width_m, depth_m=depth_m)
                covered = _cells(
                    point
                    for near, far in zip(_along(ring[0], ring[1], 5), _along(ring[3], ring[2], 5), strict=True)
                    for point in _along(near, far, 5)
                )
                if not covered & taken:
                    taken |= covered
                    buildings.append(ring)
                at_m += width_m + random.uniform(3, 12)
    return buildings
