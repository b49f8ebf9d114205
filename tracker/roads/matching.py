"""The way that was driven between two fixes: the quickest one, looked for outward from the first. [pure]"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from tracker.roads.graph import TURN_UNIT_S, RoadGraph
from tracker.roads.snap import NO_EDGE, Snap

BACK_M = 25.0
"""So far behind the last place on the same street is noise, not a way round the block."""


class Piece(NamedTuple):
    """A share (0 to 1) of an edge."""

    edge: int
    share: float


def way_between(graph: RoadGraph, start: Snap, end: Snap, *, limit_s: float) -> list[Piece]:
    """The pieces of road from one place to another; [] when there is no way within ``limit_s`` seconds.

    Time by ``graph.edge_s``. Some ten microseconds for the fixes of a phone.
    """
    length_m = start.length_m
    starts = _sides(start)
    ends = {alike: done_m for edge, done_m in _sides(end).items() for alike in graph.alike(edge)}
    for edge, done_m in starts.items():
        to_m = ends.get(edge, -BACK_M)
        if to_m >= done_m - BACK_M and edge in ends:
            return [Piece(edge, max(to_m - done_m, 0.0) / length_m)]
    edge_s, next_start, next_edge, turns = graph.edge_s, graph.next_start, graph.next_edge, graph.next_turn_qs
    queue: list[tuple[float, int, int]] = []
    for edge, done_m in starts.items():
        heappush(queue, ((1.0 - done_m / length_m) * edge_s[edge], edge, NO_EDGE))
    before: dict[int, int] = {}
    best_s = limit_s
    best: tuple[int, int] | None = None
    while queue:
        at_s, edge, came_from = heappop(queue)
        if at_s >= best_s:
            break
        if edge in before:
            continue
        before[edge] = came_from
        for place in range(next_start[edge], next_start[edge + 1]):
            following = next_edge[place]
            entered_s = at_s + turns[place] * TURN_UNIT_S
            if following in ends:
                there_s = entered_s + ends[following] / end.length_m * edge_s[following]
                if there_s < best_s:
                    best_s = there_s
                    best = edge, following
            passed_s = entered_s + edge_s[following]
            if passed_s < best_s and following not in before:
                heappush(queue, (passed_s, following, edge))
    if best is None:
        return []
    edge, last = best
    pieces = [Piece(last, ends[last] / end.length_m)]
    while edge != NO_EDGE:
        came_from = before[edge]
        pieces.append(Piece(edge, 1.0 - starts[edge] / length_m if came_from == NO_EDGE else 1.0))
        edge = came_from
    return pieces[::-1]


def _sides(at: Snap) -> dict[int, float]:
    """Edge → metres done on it, for the directions that are open."""
    sides = {at.edge: at.done_m}
    if at.twin != NO_EDGE:
        sides[at.twin] = at.length_m - at.done_m
    return sides
