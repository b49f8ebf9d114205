"""Driving seconds from one place to many: the search that trees make backwards, made in the direction of driving."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.roads.costs import cost, seconds_of
from tracker.roads.cover import LEAST_S, Cover
from tracker.roads.graph import TURN_UNIT_S, RoadGraph
from tracker.roads.snap import NO_EDGE, Snap
from tracker.roads.tree import OVERSHOT_M, Goal


class Onward:
    """From one place on the road; where the direction is open, the shorter way counts, as in ``Tree.left``."""

    def __init__(self, graph: RoadGraph, cover: Cover, at: Snap, *, limit_s: float) -> None:
        self._graph = graph
        self._cover = cover
        self._begun = {at.edge: at.done_m}
        if at.twin != NO_EDGE:
            self._begun[at.twin] = at.length_m - at.done_m
        rest_s = {
            cover.number(graph, edge): (1.0 - done_m / at.length_m) * graph.edge_s[edge]
            for edge, done_m in self._begun.items()
        }
        covered = {number: seconds for number, seconds in rest_s.items() if number >= 0}
        begun = [cost(max(seconds, LEAST_S), 0.0) for seconds in covered.values()]
        arrays = cover.beginning_with(list(covered), begun)
        driven = csr_array(arrays, shape=(cover.count + 1, cover.count + 1), copy=False)
        # A view gives plain floats, three times as fast as the array does.
        self._seconds = memoryview(seconds_of(dijkstra(driven, indices=cover.count, limit=cost(limit_s, 0.0))))

    def seconds_to(self, goals: Sequence[Goal]) -> float | None:
        """To the nearest (in time) of the ends; None when none can be reached."""
        best_s = min(map(self._seconds_to, goals), default=inf)
        return None if best_s == inf else best_s

    def _seconds_to(self, goal: Goal) -> float:
        graph, cover, seconds = self._graph, self._cover, self._seconds
        edge, along_m, extra_s = goal
        length_m, edge_s = graph.edge_length_m[edge], graph.edge_s[edge]
        done_m = self._begun.get(edge)
        if done_m is not None and done_m <= along_m + OVERSHOT_M:
            return max(along_m - done_m, 0.0) / length_m * edge_s + extra_s
        from_edge, turns, whole = graph.from_edge, graph.from_turn_qs, cover.shift is None
        best_s = inf
        for place in range(graph.from_start[edge], graph.from_start[edge + 1]):
            before = from_edge[place]
            number = before if whole else cover.number(graph, before)
            if number >= 0:
                there_s = seconds[number] + turns[place] * TURN_UNIT_S
                if there_s < best_s:
                    best_s = there_s
        return best_s + along_m / length_m * edge_s + extra_s
