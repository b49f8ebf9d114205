"""Makes shortest-path trees and travel times with scipy. Holds the interpreter's lock for milliseconds:
servers do it in another process (``tracker.roads.worker``)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import ceil, hypot
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.roads.cover import Cover
from tracker.roads.graph import E7, TURN_UNIT_S, UNIT_M, RoadGraph, east_unit_m
from tracker.roads.onward import Onward
from tracker.roads.snap import NO_EDGE, Snap, candidates, snap
from tracker.roads.tree import LAST, NO_NEXT, TREE_UNIT_M, TREE_UNIT_S, UNREACHABLE, Goal, Tree

Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT_RADIUS_M = 40_000.0
"""A working day's area round a visit."""
RADIUS_STEP_M = 5_000.0
"""Radii for travel times are rounded up to this, so that destinations share covers."""
MOST_S = (UNREACHABLE - 1) * TREE_UNIT_S
GOAL_REACHES_M = (60.0, 250.0, 1000.0)
"""How far from a road a destination may lie, tried one after the other: farms and building sites are far from any."""
GOAL_SLACK_M = 20.0
"""Streets hardly further from the door than the nearest are ends of the trip as well."""
WALK_MPS = 1.5
FAST_CLASSES_M = 40.0
"""Nobody stops on a motorway: it must be so much nearer than a street to be an end."""
COVERS = 4
"""So many covers are kept: of a city there is one."""


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class _Ender(NamedTuple):
    """An edge that leads onto a goal: seconds from its end to the destination, the goal, its place in the followers."""

    seconds: float
    goal: Goal
    ordinal: int


class TreeMaker:
    """Trees of one graph."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self._covers: OrderedDict[tuple[int, ...], Cover] = OrderedDict()

    def goals(self, *, lat: float, lon: float) -> list[Goal]:
        """Where a trip to a place may end: both directions of the nearest street, and of others as near."""
        graph = self.graph
        near: list[Snap] = []
        for reach_m in GOAL_REACHES_M:
            near = candidates(graph, lat=lat, lon=lon, within_m=reach_m)
            if near:
                within_m = near[0].off_m + FAST_CLASSES_M + GOAL_SLACK_M
                near = candidates(graph, lat=lat, lon=lon, within_m=within_m)
                break
        fitness = [(at.off_m + (FAST_CLASSES_M if _is_fast(graph, at) else 0.0), at) for at in near]
        nearest_m = min((m for m, _ in fitness), default=0.0)
        return [
            Goal(edge, done_m, (fit_m - nearest_m) / WALK_MPS)
            for fit_m, at in fitness
            if fit_m <= nearest_m + GOAL_SLACK_M
            for edge, done_m in ((at.edge, at.done_m), (at.twin, at.length_m - at.done_m))
            if edge != NO_EDGE
        ]

    def tree(self, *, lat: float, lon: float, radius_m: float = DEFAULT_RADIUS_M) -> Tree | None:
        """The tree of all edges within ``radius_m`` of a destination; None when no road is near it."""
        goals = self.goals(lat=lat, lon=lon)
        return self.tree_to(goals, radius_m=radius_m) if goals else None

    def tree_to(self, goals: Sequence[Goal], *, radius_m: float = DEFAULT_RADIUS_M, with_ways: bool = True) -> Tree:
        """The tree to the nearest (in time) of several ends; without ways it knows seconds and no metres or lines."""
        graph = self.graph
        cover = self._cover([goal.edge for goal in goals], radius_m)
        enders = self._enders(cover, goals)
        seconds, before = _grown(cover, enders)
        following = np.full(cover.count, NO_NEXT, np.uint8)
        metres = np.zeros(cover.count)
        if with_ways:
            following, metres = _ways(cover, before, enders)
        reached = np.isfinite(seconds)
        units = np.full(cover.count, UNREACHABLE, np.uint16)
        units[reached] = np.rint(seconds[reached] / TREE_UNIT_S)
        units_m = np.minimum(np.rint(metres / TREE_UNIT_M), UNREACHABLE).astype(np.uint16)
        return Tree(
            goals={goal.edge: goal for goal in goals},
            left_units=memoryview(units),
            left_units_m=memoryview(units_m),
            following=memoryview(following),
            shift=cover.shift,
            edge_s=graph.edge_s,
            version=graph.version,
        )

    def times(self, origins: Sequence[Place], destinations: Sequence[Place]) -> list[list[float | None]]:
        """Driving seconds from each origin (in a row) to each destination; None where no way is known.

        One search for each destination back to the origins or, where these are fewer, for each origin onward. Its
        radius takes in all places of the other side.
        """
        if len(origins) < len(destinations):
            ends = [(place, self.goals(lat=place.lat, lon=place.lon)) for place in destinations]
            return [self._onward(origin, ends) for origin in origins]
        starts = [snap(self.graph, lat=origin.lat, lon=origin.lon) for origin in origins]
        columns = []
        for lat, lon in destinations:
            goals = self.goals(lat=lat, lon=lon)
            if not goals:
                columns.append([None] * len(origins))
                continue
            furthest_m = max((_reach_m(origin, lat=lat, lon=lon) for origin in origins), default=0.0)
            tree = self.tree_to(goals, radius_m=furthest_m, with_ways=False)
            lefts = [None if at is None else tree.left(self.graph, at) for at in starts]
            columns.append([None if left is None else left.seconds for left in lefts])
        return [[column[row] for column in columns] for row in range(len(origins))]

    def _onward(self, origin: Place, ends: Sequence[tuple[Place, list[Goal]]]) -> list[float | None]:
        """Seconds from one origin to the goals of each place."""
        at = snap(self.graph, lat=origin.lat, lon=origin.lon)
        if at is None:
            return [None] * len(ends)
        reached = [(place, goals) for place, goals in ends if goals]
        furthest_m = max((_reach_m(place, lat=origin.lat, lon=origin.lon) for place, _ in reached), default=0.0)
        edges = [at.edge, *(goal.edge for _, goals in reached for goal in goals)]
        search = Onward(self.graph, self._cover(edges, furthest_m), at, limit_s=MOST_S)
        return [search.seconds_to(goals) for _, goals in ends]

    def _cover(self, edges: Sequence[int], radius_m: float) -> Cover:
        """The circle is drawn round the tile of the first edge, so that visits nearby share a cover."""
        graph = self.graph
        shape = graph.shape
        home = graph.edge_tile[edges[0]]
        lats, lons = np.frombuffer(graph.tile_lat, np.int32), np.frombuffer(graph.tile_lon, np.int32)
        lat_deg = float(lats[home]) / E7
        north_m = (lats.astype(np.float64) - lats[home]) * UNIT_M
        east_m = (lons.astype(np.float64) - lons[home]) * east_unit_m(lat=lat_deg)
        diagonal_m = float(np.hypot(shape.tile_height * UNIT_M, shape.tile_width * east_unit_m(lat=lat_deg)))
        near = np.hypot(north_m, east_m) <= radius_m + diagonal_m
        near[[graph.edge_tile[edge] for edge in edges]] = True
        tiles = np.flatnonzero(near)
        key = (-1,) if len(tiles) == len(lats) else (home, round(radius_m))
        cover = self._covers.get(key)
        if cover is None or cover.version != graph.version:
            cover = self._covers[key] = Cover(graph, tiles)
        self._covers.move_to_end(key)
        while len(self._covers) > COVERS:
            self._covers.popitem(last=False)
        return cover

    def _enders(self, cover: Cover, goals: Sequence[Goal]) -> dict[int, _Ender]:
        """By edge, in the cover's numbers."""
        graph = self.graph
        best: dict[int, _Ender] = {}
        for goal in goals:
            on_it_s = goal.along_m / graph.edge_length_m[goal.edge] * graph.edge_s[goal.edge] + goal.extra_s
            for place in range(graph.from_start[goal.edge], graph.from_start[goal.edge + 1]):
                edge = graph.from_edge[place]
                number = cover.number(graph, edge)
                seconds = on_it_s + graph.from_turn_qs[place] * TURN_UNIT_S
                if number >= 0 and (number not in best or seconds < best[number].seconds):
                    best[number] = _Ender(seconds, goal, graph.onward(edge).index(goal.edge))
        return best


def _grown(cover: Cover, enders: dict[int, _Ender]) -> tuple[Array, Array]:
    """Seconds from the end of each edge to the destination, and the edge that follows."""
    arrays = cover.ending_with(list(enders), [ender.seconds for ender in enders.values()])
    reverse = csr_array(arrays, shape=(cover.count + 1, cover.count + 1), copy=False)
    seconds, before = dijkstra(reverse, indices=cover.count, return_predecessors=True, limit=MOST_S)
    return seconds[:-1], before


def _ways(cover: Cover, before: Array, enders: dict[int, _Ender]) -> tuple[Array, Array]:
    """For each edge which of its followers to take, and the metres from its end to the destination."""
    end = cover.count
    following = np.full(end, NO_NEXT, np.uint8)
    taken = np.flatnonzero(before[cover.turn_owner] == cover.turn_after)
    following[cover.turn_owner[taken]] = cover.turn_ordinal[taken]
    onward = np.where(before < 0, end, before)
    metres = cover.lengths[onward]
    for number, ender in enders.items():
        if before[number] == end:
            following[number] = ender.ordinal | LAST
            metres[number] = ender.goal.along_m
    # Each round doubles the stretch that is summed, until all stretches end at the destination.
    while onward.min() < end:
        metres += metres[onward]
        onward = onward[onward]
    return following, metres[:-1]


def _reach_m(origin: Place, *, lat: float, lon: float) -> float:
    """A radius that holds the way from an origin, detours included."""
    north_m = (origin.lat - lat) * E7 * UNIT_M
    east_m = (origin.lon - lon) * E7 * east_unit_m(lat=lat)
    return ceil((1.3 * hypot(north_m, east_m) + 3_000.0) / RADIUS_STEP_M) * RADIUS_STEP_M


def _is_fast(graph: RoadGraph, at: Snap) -> bool:
    return graph.road_class(at.edge).startswith(("motorway", "trunk"))
