"""Driving seconds from many places to one: the search of trees, kept in seconds as they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from tracker.roads.cover import Array, Cover
from tracker.roads.graph import RoadGraph
from tracker.roads.snap import NO_EDGE, Snap
from tracker.roads.tree import OVERSHOT_M, Goal


class Backward:
    """To the nearest (in time) of several goals. Says of each pair of places what ``Onward`` says from the other end.

    ``seconds`` are those from the end of each edge of the cover to there.
    """

    def __init__(self, graph: RoadGraph, cover: Cover, goals: Sequence[Goal], seconds: Array) -> None:
        self._graph = graph
        self._cover = cover
        self._goals = {goal.edge: goal for goal in goals}
        self._seconds = memoryview(seconds)

    def seconds_from(self, at: Snap) -> float | None:
        """From a place on the road, None when no way leads from there; where the direction is open, the shorter one
        counts."""
        best_s = self._seconds_on(at.edge, at.done_m, at.length_m)
        if at.twin != NO_EDGE:
            best_s = min(best_s, self._seconds_on(at.twin, at.length_m - at.done_m, at.length_m))
        return None if best_s == inf else best_s

    def _seconds_on(self, edge: int, done_m: float, length_m: float) -> float:
        number = self._cover.number(self._graph, edge)
        edge_s = self._graph.edge_s[edge]
        round_s = inf if number < 0 else self._seconds[number] + (1.0 - done_m / length_m) * edge_s
        goal = self._goals.get(edge)
        if goal is None or done_m > goal.along_m + OVERSHOT_M:
            return round_s
        return min(round_s, max(goal.along_m - done_m, 0.0) / length_m * edge_s + goal.extra_s)
