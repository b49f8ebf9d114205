"""Makes shortest-path trees and travel times with scipy. Holds the interpreter's lock for milliseconds:
servers do it in another process (``tracker.roads.worker``)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import ceil, hypot
from typing import Any, NamedTuple

import numpy as np

from tracker.roads.backward import Backward
from tracker.roads.costs import cost, seconds_and_metres, seconds_of
from tracker.roads.cover import LEAST_S, Cover
from tracker.roads.graph import E7, TURN_UNIT_S, UNIT_M, RoadGraph, east_unit_m
from tracker.roads.onward import Onward
from tracker.roads.snap import NO_EDGE, Snap, candidates, snap
from tracker.roads.tree import LAST, NO_NEXT, TREE_UNIT_M, TREE_UNIT_S, UNREACHABLE, Goal, Tree

Array = np.ndarray[Any, np.dtype[Any]]

DEFAULT_RADIUS_M = 40_000.0
"""A working day's area round a visit."""
LEG_RADII_M = (20e3, 40e3, 80e3, 160e3)
"""A travel time is looked for within the first that holds its way, whatever else is asked with it: the same leg takes
the same time in every table."""
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
WHOLE = (-1,)
"""The key of the cover that holds the whole map."""
SMALL_MAP = 200_000
"""Edges: what a visit searches is likely the whole map, so that it is worth being prepared before the first one."""
WORTH_CONTRACTING = 8
"""Searches of one cover of a larger map: it takes as long as some twenty, and saves a good part of each."""
BLOCK_SHARE = 0.5
MOST_OF_MAP = 0.5
PLACES_KEPT = 20_000
"""Where a place lies on the road is found once for all tables: some 10 MB."""


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class _Ender(NamedTuple):
    """An edge that leads onto a goal: what the way from its end to the destination costs, and the goal's place in its
    followers."""

    cost: float
    ordinal: int


class TreeMaker:
    """Trees of one graph."""

    def __init__(self, graph: RoadGraph, *, leg_radii_m: Sequence[float] = LEG_RADII_M) -> None:
        self.graph = graph
        self._leg_radii_m = leg_radii_m
        self._covers: OrderedDict[tuple[int, ...], Cover] = OrderedDict()
        self._tile_lats = np.frombuffer(graph.tile_lat, np.int32).astype(np.float64)
        self._tile_lons = np.frombuffer(graph.tile_lon, np.int32).astype(np.float64)
        self._tile_edges = np.diff(np.frombuffer(graph.tile_edge, np.int32))
        # The roads themselves never change, only the seconds that they take.
        self._start_at = lru_cache(PLACES_KEPT)(lambda place: snap(graph, lat=place.lat, lon=place.lon))
        self._goals_at = lru_cache(PLACES_KEPT)(lambda place: self.goals(lat=place.lat, lon=place.lon))

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
            Goal(alike, done_m, (fit_m - nearest_m) / WALK_MPS)
            for fit_m, at in fitness
            if fit_m <= nearest_m + GOAL_SLACK_M
            for edge, done_m in ((at.edge, at.done_m), (at.twin, at.length_m - at.done_m))
            if edge != NO_EDGE
            for alike in graph.alike(edge)
        ]

    def tree(self, *, lat: float, lon: float, radius_m: float = DEFAULT_RADIUS_M) -> Tree | None:
        """The tree of all edges within ``radius_m`` of a destination; None when no road is near it."""
        goals = self.goals(lat=lat, lon=lon)
        return self.tree_to(goals, radius_m=radius_m) if goals else None

    def tree_to(self, goals: Sequence[Goal], *, radius_m: float = DEFAULT_RADIUS_M) -> Tree:
        """The tree to the nearest (in time) of several ends."""
        graph = self.graph
        cover = self._cover([goal.edge for goal in goals], radius_m)
        enders = self._enders(cover, goals)
        costs = cover.costs_to({number: ender.cost for number, ender in enders.items()}, limit_s=MOST_S)
        units, units_m = _units(costs)
        return Tree(
            goals={goal.edge: goal for goal in goals},
            left_units=memoryview(units),
            left_units_m=memoryview(units_m),
            following=memoryview(_following(cover, costs, enders)),
            shift=cover.shift,
            edge_s=graph.edge_s,
            version=graph.version,
        )

    def prepare(self) -> bool:
        """A step towards quicker searches, of some ten milliseconds for a city; False when there is nothing to prepare.
        For idle moments."""
        is_small = self.graph.edge_count <= SMALL_MAP
        if is_small:
            self._cover_of(WHOLE, np.ones(len(self._tile_lats), bool))
        for key, cover in self._covers.items():
            is_due = (is_small and key == WHOLE) or cover.searches >= WORTH_CONTRACTING
            if is_due and not cover.is_contracted and cover.version == self.graph.version:
                cover.contract()
                return True
        return False

    def times(self, origins: Sequence[Place], destinations: Sequence[Place]) -> list[list[float | None]]:
        """Driving seconds from each origin (in a row) to each destination; None where no way is known.

        One search for each destination back to the origins or, where these are fewer, for each origin onward; one more
        where some are so far away that a wider part of the map is searched for them.
        """
        if len(origins) < len(destinations):
            return [self._onward(origin, destinations) for origin in origins]
        columns = [self._backward(origins, destination) for destination in destinations]
        return [[column[row] for column in columns] for row in range(len(origins))]

    def _onward(self, origin: Place, ends: Sequence[Place]) -> list[float | None]:
        at = self._start_at(origin)
        found: list[float | None] = [None] * len(ends)
        if at is None:
            return found
        for cover, numbers in self._within(at.edge, [self._leg_radius_m(origin, end) for end in ends]):
            search = Onward(self.graph, cover, at, limit_s=MOST_S)
            for number in numbers:
                found[number] = search.seconds_to(self._goals_at(ends[number]))
        return found

    def _backward(self, starts: Sequence[Place], end: Place) -> list[float | None]:
        goals = self._goals_at(end)
        found: list[float | None] = [None] * len(starts)
        if not goals:
            return found
        for cover, numbers in self._within(goals[0].edge, [self._leg_radius_m(start, end) for start in starts]):
            enders = {number: ender.cost for number, ender in self._enders(cover, goals).items()}
            seconds = seconds_of(cover.costs_to(enders, limit_s=MOST_S))
            search = Backward(self.graph, cover, goals, seconds)
            for number in numbers:
                at = self._start_at(starts[number])
                found[number] = None if at is None else search.seconds_from(at)
        return found

    def _leg_radius_m(self, start: Place, end: Place) -> float:
        """That of a circle which holds the way, detours included."""
        north_m = (start.lat - end.lat) * E7 * UNIT_M
        east_m = (start.lon - end.lon) * E7 * east_unit_m(lat=(start.lat + end.lat) / 2)
        needed_m = 1.3 * hypot(north_m, east_m) + 3_000.0
        widest_m = self._leg_radii_m[-1]
        return next(
            (radius_m for radius_m in self._leg_radii_m if radius_m >= needed_m), ceil(needed_m / widest_m) * widest_m
        )

    def _within(self, edge: int, radii_m: Sequence[float]) -> Iterator[tuple[Cover, list[int]]]:
        """What to search, and for which of the radii, by their places in the list."""
        covers = {radius_m: self._leg_cover(edge, radius_m) for radius_m in set(radii_m)}
        numbers: dict[Cover, list[int]] = {}
        for number, radius_m in enumerate(radii_m):
            numbers.setdefault(covers[radius_m], []).append(number)
        yield from numbers.items()

    def _cover(self, edges: Sequence[int], radius_m: float) -> Cover:
        """The circle is drawn round the tile of the first edge, so that visits nearby share a cover."""
        home = self.graph.edge_tile[edges[0]]
        lat_deg = self._tile_lats[home] / E7
        near = self._tiles_off_m(lat_deg, self._tile_lons[home] / E7) <= radius_m + self._diagonal_m(lat_deg)
        near[[self.graph.edge_tile[edge] for edge in edges]] = True
        return self._cover_of((home, round(radius_m)), near)

    def _leg_cover(self, edge: int, radius_m: float) -> Cover:
        """Drawn round the block that the edge lies in, a quarter of the circle wide: legs of a whole city share some
        few."""
        home = self.graph.edge_tile[edge]
        high = radius_m * BLOCK_SHARE / UNIT_M
        row = int(self._tile_lats[home] // high)
        lat_deg = (row + 0.5) * high / E7
        wide = radius_m * BLOCK_SHARE / east_unit_m(lat=lat_deg)
        column = int(self._tile_lons[home] // wide)
        off_m = self._tiles_off_m(lat_deg, (column + 0.5) * wide / E7)
        near = off_m <= radius_m * (1.0 + BLOCK_SHARE * 0.71) + self._diagonal_m(lat_deg)
        return self._cover_of((row, column, round(radius_m)), near)

    def _tiles_off_m(self, lat_deg: float, lon_deg: float) -> Array:
        north_m = (self._tile_lats - lat_deg * E7) * UNIT_M
        east_m = (self._tile_lons - lon_deg * E7) * east_unit_m(lat=lat_deg)
        return np.hypot(north_m, east_m)

    def _diagonal_m(self, lat_deg: float) -> float:
        shape = self.graph.shape
        return hypot(shape.tile_height * UNIT_M, shape.tile_width * east_unit_m(lat=lat_deg))

    def _cover_of(self, key: tuple[int, ...], near: Array) -> Cover:
        """Of the tiles that are near. What holds most of the map holds all of it: made once, searched often."""
        graph = self.graph
        if self._tile_edges[near].sum() > MOST_OF_MAP * graph.edge_count:
            near[:] = True
            key = WHOLE
        cover = self._covers.get(key)
        if cover is None or cover.version != graph.version:
            cover = self._covers[key] = Cover(graph, np.flatnonzero(near))
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
                there = cost(max(on_it_s + graph.from_turn_qs[place] * TURN_UNIT_S, LEAST_S), goal.along_m)
                if number >= 0 and (number not in best or there < best[number].cost):
                    best[number] = _Ender(there, graph.onward(edge).index(goal.edge))
        return best


def _units(costs: Array) -> tuple[Array, Array]:
    """The seconds and the metres of each as a tree keeps them."""
    reached = np.isfinite(costs)
    seconds, metres = seconds_and_metres(np.where(reached, costs, 0.0))
    units = np.where(reached, np.rint(seconds / TREE_UNIT_S), UNREACHABLE)
    units_m = np.minimum(np.rint(metres / TREE_UNIT_M), UNREACHABLE)
    return units.astype(np.uint16), units_m.astype(np.uint16)


def _following(cover: Cover, costs: Array, enders: dict[int, _Ender]) -> Array:
    """For each edge which of its followers to take."""
    following = np.full(cover.count, NO_NEXT, np.uint8)
    way_costs = costs.take(cover.turn_after)
    way_costs += cover.turn_costs
    # Costs are whole numbers: the way that was found costs exactly as much, and where none leads none costs 0.
    lowest = np.where(np.isfinite(costs), costs, 0.0)
    taken = np.flatnonzero(way_costs <= lowest.take(cover.turn_owner))
    following[cover.turn_owner.take(taken)] = cover.turn_ordinal.take(taken)
    for number, ender in enders.items():
        if ender.cost <= lowest[number]:
            following[number] = ender.ordinal | LAST
    return following


def _is_fast(graph: RoadGraph, at: Snap) -> bool:
    return graph.road_class(at.edge).startswith(("motorway", "trunk"))
