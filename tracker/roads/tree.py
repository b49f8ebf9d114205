"""A reverse shortest-path tree: from every edge, the time and the way to one destination. [pure]

Made by ``tracker.roads.trees``; here it is looked things up in, in about a microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from tracker.roads.graph import E7, RoadGraph
from tracker.roads.snap import Snap
from tracker.route import Route

TREE_UNIT_S: Final = 0.5
"""Times are whole halves of a second: 65534 of them are 9.1 hours."""
TREE_UNIT_M: Final = 4.0
"""Metres in fours reach 262 km."""
UNREACHABLE: Final = 65535
NO_NEXT: Final = 255
LAST: Final = 0x80
"""Set beside the number of the following edge when the trip ends on that edge."""
OVERSHOT_M: Final = 30.0
"""Seen so far beyond the destination, a technician on its street is there: positions are no better."""
Stretch = tuple[int, float, float]
"""An edge, and from how many metres of it to how many."""


class Left(NamedTuple):
    """What lies between a place on the road and the destination, and the edge it is reckoned from."""

    seconds: float
    metres: float
    edge: int


class Goal(NamedTuple):
    """An edge on which the trip may end, so many metres from its start; ``extra_s``: what the walk from there adds."""

    edge: int
    along_m: float
    extra_s: float


@dataclass(slots=True)
class Tree:
    """``left_units``, ``left_units_m`` and ``following`` hold, per edge covered, what is left from the *end* of the
    edge.

    ``shift`` maps a tile of the graph to what must be added to an edge's number to find its place in the arrays;
    None when all edges are covered in order. ``goals`` are the ends, by edge. ``edge_s`` are the seconds it was made
    with.
    """

    goals: dict[int, Goal]
    left_units: memoryview[int]
    left_units_m: memoryview[int]
    following: memoryview[int]
    shift: dict[int, int] | None
    edge_s: memoryview[float]
    version: int

    @property
    def size_bytes(self) -> int:
        return self.left_units.nbytes + self.left_units_m.nbytes + self.following.nbytes

    def left(self, graph: RoadGraph, at: Snap) -> Left | None:
        """Seconds and metres left from a snapped place; where the direction is open, the shorter one counts.

        None when the destination cannot be reached from there, or the place lies outside the tree's radius.
        """
        best = self.left_on(graph, at.edge, at.done_m, at.length_m)
        if at.twin >= 0:
            other = self.left_on(graph, at.twin, at.length_m - at.done_m, at.length_m)
            if best is None or (other is not None and other.seconds < best.seconds):
                return other
        return best

    def left_on(self, graph: RoadGraph, edge: int, done_m: float, length_m: float) -> Left | None:
        """The same from ``done_m`` metres along an edge of ``length_m`` metres."""
        rest_m = length_m - done_m
        if edge in self.goals:
            goal = self.goals[edge]
            if done_m <= goal.along_m + OVERSHOT_M:
                ahead_m = goal.along_m - done_m if done_m < goal.along_m else 0.0
                return Left(ahead_m / length_m * self.edge_s[edge] + goal.extra_s, ahead_m, edge)
        place = edge
        if self.shift is not None:
            shift = self.shift.get(graph.edge_tile[edge])
            if shift is None:
                return None
            place += shift
        units = self.left_units[place]
        if units == UNREACHABLE:
            return None
        return Left(
            units * TREE_UNIT_S + rest_m / length_m * self.edge_s[edge],
            self.left_units_m[place] * TREE_UNIT_M + rest_m,
            edge,
        )

    def chain(self, graph: RoadGraph, edge: int) -> list[int]:
        """The edges that follow ``edge`` on the way to the destination, the goal's edge last; [] if unreachable."""
        chain: list[int] = []
        for _ in range(len(self.following) + 1):
            place = edge
            if self.shift is not None:
                place += self.shift[graph.edge_tile[edge]]
            ordinal = self.following[place]
            if ordinal == NO_NEXT:
                return []
            edge = graph.next_edge[graph.next_start[edge] + (ordinal & ~LAST)]
            chain.append(edge)
            if ordinal & LAST:
                return chain
        raise AssertionError("a tree with a ring in it")

    def stretches(self, graph: RoadGraph, at: Snap) -> list[Stretch]:
        """The edges of the way from a snapped place to the destination; [] where ``left`` is None. ``route`` goes the
        same way."""
        left = self.left(graph, at)
        if left is None:
            return []
        edge = left.edge
        done_m = at.done_m if edge == at.edge else at.length_m - at.done_m
        goal = self.goals.get(edge)
        if goal is not None and done_m <= goal.along_m + OVERSHOT_M:
            return [(edge, done_m, max(goal.along_m, done_m))]
        *between, last = self.chain(graph, edge)
        return [
            (edge, done_m, at.length_m),
            *((following, 0.0, graph.edge_length_m[following]) for following in between),
            (last, 0.0, self.goals[last].along_m),
        ]

    def route(self, graph: RoadGraph, at: Snap) -> Route | None:
        """The way from a snapped place to the destination, with seconds and metres at every bend.

        None where ``left`` is None.
        """
        left = self.left(graph, at)
        if left is None:
            return None
        edge = left.edge
        done_m = at.done_m if edge == at.edge else at.length_m - at.done_m
        line = _Line(graph, self.edge_s)
        goal = self.goals.get(edge)
        if goal is not None and done_m <= goal.along_m + OVERSHOT_M:
            line.follow(edge, from_m=done_m, to_m=max(goal.along_m, done_m))
            return line.route(goal.extra_s)
        line.follow(edge, from_m=done_m, to_m=at.length_m)
        *between, last = self.chain(graph, edge)
        for following in between:
            line.turn(edge, following)
            line.follow_all(following)
            edge = following
        line.turn(edge, last)
        line.follow(last, from_m=0.0, to_m=self.goals[last].along_m)
        return line.route(self.goals[last].extra_s)


class _Line:
    """Points and times of a way while it is put together."""

    def __init__(self, graph: RoadGraph, edge_s: memoryview[float]) -> None:
        self.graph = graph
        self.edge_s = edge_s
        self.points: list[tuple[float, float]] = []
        self.seconds: list[float] = []
        self.second = 0.0

    def turn(self, edge: int, following: int) -> None:
        self.second += self.graph.turn_s(edge, following)

    def follow(self, edge: int, *, from_m: float, to_m: float) -> None:
        graph = self.graph
        pace = self.edge_s[edge] / graph.edge_length_m[edge]
        started = self.second
        if not self.points:
            self._reach(graph.place(edge, from_m), started)
        for lat, lon, along_m in graph.line(edge):
            if from_m < along_m < to_m:
                self._reach((lat, lon), started + (along_m - from_m) * pace)
        self._reach(graph.place(edge, to_m), started + (to_m - from_m) * pace)

    def follow_all(self, edge: int) -> None:
        """From end to end; its first point is the last one's last."""
        graph = self.graph
        pace = self.edge_s[edge] / graph.edge_length_m[edge]
        started = self.second
        segment, against = divmod(graph.edge_segment[edge], 2)
        first, last = graph.segment_point[segment], graph.segment_point[segment + 1] - 1
        lats, lons, along_m = graph.point_lat, graph.point_lon, graph.point_along_m
        points, seconds = self.points, self.seconds
        if against:
            length_m = along_m[last]
            for p in range(last - 1, first - 1, -1):
                points.append((lats[p] / E7, lons[p] / E7))
                seconds.append(started + (length_m - along_m[p]) * pace)
        else:
            for p in range(first + 1, last + 1):
                points.append((lats[p] / E7, lons[p] / E7))
                seconds.append(started + along_m[p] * pace)
        self.second = seconds[-1]

    def _reach(self, point: tuple[float, float], second: float) -> None:
        self.second = second
        self.points.append(point)
        self.seconds.append(second)

    def route(self, extra_s: float) -> Route:
        self.seconds[-1] += extra_s
        return Route(self.points, seconds=self.seconds)
