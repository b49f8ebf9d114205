"""Driving seconds from one place to many: the search that trees make backwards, made in the direction of driving."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.roads.cover import Cover
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
        arrays = cover.beginning_with(list(covered), list(covered.values()))
        driven = csr_array(arrays, shape=(cover.count + 1, cover.count + 1), copy=False)
        self._seconds = dijkstra(driven, indices=cover.count, limit=limit_s)

    def seconds_to(self, goals: Sequence[Goal]) -> float | None:
        """To the nearest (in time) of the ends; None when none can be reached."""
        return min((s for goal in goals for s in self._ways_to(goal)), default=None)

    def _ways_to(self, goal: Goal) -> list[float]:
        graph, cover = self._graph, self._cover
        length_m, edge_s = graph.edge_length_m[goal.edge], graph.edge_s[goal.edge]
        done_m = self._begun.get(goal.edge)
        if done_m is not None and done_m <= goal.along_m + OVERSHOT_M:
            return [max(goal.along_m - done_m, 0.0) / length_m * edge_s + goal.extra_s]
        on_it_s = goal.along_m / length_m * edge_s + goal.extra_s
        found = []
        for place in range(graph.from_start[goal.edge], graph.from_start[goal.edge + 1]):
            number = cover.number(graph, graph.from_edge[place])
            if number >= 0 and self._seconds[number] != float("inf"):
                found.append(float(self._seconds[number]) + graph.from_turn_qs[place] * TURN_UNIT_S + on_it_s)
        return found
