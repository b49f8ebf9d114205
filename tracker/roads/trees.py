"""Makes shortest-path trees and travel-time tables with scipy. Holds the interpreter's lock for milliseconds:
servers do it in another process (``tracker.roads.worker``)."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.geo import distance_m
from tracker.roads.graph import E7, TURN_UNIT_S, RoadGraph
from tracker.roads.snap import NO_EDGE, Snap, candidates
from tracker.roads.tree import LAST, NO_NEXT, TREE_UNIT_M, TREE_UNIT_S, UNREACHABLE, Goal, Tree

Array = np.ndarray[Any, np.dtype[Any]]

MOST_S = (UNREACHABLE - 1) * TREE_UNIT_S
GOAL_WITHIN_M = 250.0
GOAL_SLACK_M = 20.0
"""Streets hardly further from the door than the nearest are ends of the trip as well."""
WALK_MPS = 1.5
FAST_CLASSES_M = 40.0
"""Nobody stops on a motorway: it must be so much nearer than a street to be an end."""
DEFAULT_RADIUS_M = 40_000.0


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float


class TreeMaker:
    """Trees of one graph. Holds the reversed graph with its weights, some 12 bytes per turn."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        edges = graph.edge_count
        turns = len(graph.next_edge)
        self._starts = np.frombuffer(graph.from_start, np.int32)
        self._next_start = np.frombuffer(graph.next_start, np.int32)
        self._next = np.frombuffer(graph.next_edge, np.int32)
        self._lengths = np.append(np.frombuffer(graph.edge_length_m, np.float32), np.float32(0))
        self._turn_owner = np.repeat(np.arange(edges, dtype=np.int32), np.diff(self._next_start))
        self._ordinal = (np.arange(turns) - self._next_start[self._turn_owner]).astype(np.uint8)
        # A spare row at the end is the destination; its entries are filled in for each tree.
        self._spare = 256
        self._indptr = np.append(self._starts, 0).astype(np.int32)
        self._indices = np.empty(turns + self._spare, np.int32)
        self._indices[:turns] = np.frombuffer(graph.from_edge, np.int32)
        self._weights = np.empty(turns + self._spare, np.float64)
        self._turns = turns
        self._version = -1
        self._weigh()

    def _weigh(self) -> None:
        graph = self.graph
        if self._version == graph.version:
            return
        seconds = np.frombuffer(graph.edge_s, np.float32).astype(np.float64)
        entered = np.repeat(seconds, np.diff(self._starts))
        price = np.frombuffer(graph.from_turn_qs, np.uint8) * TURN_UNIT_S
        self._weights[: self._turns] = np.maximum(entered + price, 1e-3)
        self._version = graph.version

    def goals(self, *, lat: float, lon: float) -> list[Goal]:
        """Where a trip to a place may end: both directions of the nearest street, and of others as near."""
        graph = self.graph
        near = candidates(graph, lat=lat, lon=lon, within_m=GOAL_WITHIN_M)
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
        return self.tree_of(goals) if goals else None

    def tree_of(self, goals: Sequence[Goal]) -> Tree:
        self._weigh()
        graph, edges = self.graph, self.graph.edge_count
        enders = self._enders(goals)
        end = self._turns + len(enders)
        self._indptr[-1] = end
        self._indices[self._turns : end] = list(enders)
        self._weights[self._turns : end] = [seconds for seconds, _, _ in enders.values()]
        reverse = csr_array(
            (self._weights[:end], self._indices[:end], self._indptr), shape=(edges + 1, edges + 1), copy=False
        )
        seconds, before = dijkstra(reverse, indices=edges, return_predecessors=True, limit=MOST_S)
        following, metres = self._ways(before, enders)
        reached = np.isfinite(seconds[:edges])
        units = np.full(edges, UNREACHABLE, np.uint16)
        units[reached] = np.rint(seconds[:edges][reached] / TREE_UNIT_S)
        units_m = np.minimum(np.rint(metres[:edges] / TREE_UNIT_M), UNREACHABLE).astype(np.uint16)
        return Tree(
            goals={goal.edge: goal for goal in goals},
            left_units=memoryview(units),
            left_units_m=memoryview(units_m),
            following=memoryview(following),
            shift=None,
            edge_s=graph.edge_s,
            version=graph.version,
        )

    def _enders(self, goals: Sequence[Goal]) -> dict[int, tuple[float, Goal, int]]:
        """Edge → the seconds from its end to the destination over the best goal that follows it, that goal, which
        of the following edges it is."""
        graph = self.graph
        best: dict[int, tuple[float, Goal, int]] = {}
        for goal in goals:
            share = goal.along_m / graph.edge_length_m[goal.edge]
            on_it_s = share * graph.edge_s[goal.edge] + goal.extra_s
            for place in range(graph.from_start[goal.edge], graph.from_start[goal.edge + 1]):
                edge = graph.from_edge[place]
                seconds = max(on_it_s + graph.from_turn_qs[place] * TURN_UNIT_S, 1e-3)
                if edge not in best or seconds < best[edge][0]:
                    best[edge] = seconds, goal, graph.onward(edge).index(goal.edge)
        return best

    def _ways(self, before: Array, enders: dict[int, tuple[float, Goal, int]]) -> tuple[Array, Array]:
        """For each edge which of its followers to take, and the metres that way."""
        edges = self.graph.edge_count
        following = np.full(edges, NO_NEXT, np.uint8)
        taken = np.flatnonzero(before[self._turn_owner] == self._next)
        following[self._turn_owner[taken]] = self._ordinal[taken]
        onward = np.where(before < 0, edges, before)
        metres = self._lengths[onward].astype(np.float64)
        for edge, (_, goal, ordinal) in enders.items():
            if before[edge] == edges:
                following[edge] = ordinal | LAST
                metres[edge] = goal.along_m
        # Each round doubles the stretch that is summed, until all stretches end at the destination.
        while onward.min() < edges:
            metres += metres[onward]
            onward = onward[onward]
        return following, metres


def _is_fast(graph: RoadGraph, at: Snap) -> bool:
    return graph.road_class(at.edge).startswith(("motorway", "trunk"))
