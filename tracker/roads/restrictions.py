"""What turn restrictions forbid: turns from edge to edge, and ways that lead over several edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracker.roads.junctions import Junctions, WayRule
from tracker.roads.segments import Network

Array = np.ndarray[Any, np.dtype[Any]]

Way = tuple[int, ...]
"""Edges, each of which is followed by the next."""

MOST_EDGES = 24
"""A rule that leads over more junctions than this is a mistake of the map."""


@dataclass(slots=True)
class Edges:
    """Directed edges before they are numbered for good. ``segment`` is doubled, plus one against its points."""

    segment: Array
    from_node: Array
    to_node: Array


@dataclass(slots=True)
class Turns:
    """From edge ``before`` (in rising order) to edge ``after`` in ``price_s`` seconds."""

    before: Array
    after: Array
    price_s: Array


@dataclass(slots=True)
class ForbiddenWays:
    """``no`` are whole ways that must not be driven; of who drove one of ``only``, the edges that alone may follow."""

    no: set[Way] = field(default_factory=set)
    only: dict[Way, set[int]] = field(default_factory=dict)

    def forbids(self, driven: Way, following: int) -> bool:
        """Is going on from the last edge of ``driven`` forbidden to who came that way?"""
        for start in range(len(driven) - 1):
            came = driven[start:]
            if (*came, following) in self.no or following not in self.only.get(came, (following,)):
                return True
        return False

    def begun(self) -> Iterator[Way]:
        """All ways of two edges or more after which something may be forbidden, now or further on."""
        for way in (*(way[:-1] for way in self.no), *self.only):
            for length in range(2, len(way) + 1):
                yield way[:length]


class _Meetings:
    """The edges at each node, and the number of the way on which each comes and goes there."""

    def __init__(self, network: Network, edges: Edges) -> None:
        self._segments = network.segments
        self._edges = edges
        self._by_end = np.argsort(edges.to_node, kind="stable")
        self._by_start = np.argsort(edges.from_node, kind="stable")
        self._ends = edges.to_node[self._by_end]
        self._starts = edges.from_node[self._by_start]

    def arriving(self, node: int, way: int) -> list[int]:
        first, end = np.searchsorted(self._ends, (node, node + 1))
        return [edge for edge in self._by_end[first:end].tolist() if self._way_at(edge, end=True) == way]

    def leaving(self, node: int) -> list[int]:
        first, end = np.searchsorted(self._starts, (node, node + 1))
        edges: list[int] = self._by_start[first:end].tolist()
        return edges

    def way_out(self, edge: int) -> int:
        return self._way_at(edge, end=False)

    def _way_at(self, edge: int, *, end: bool) -> int:
        number, against = divmod(int(self._edges.segment[edge]), 2)
        segment = self._segments[number]
        return segment.last_way if end != bool(against) else segment.first_way


def forbidden_turns(network: Network, junctions: Junctions, edges: Edges) -> set[tuple[int, int]]:
    """Pairs of edges that a turn restriction over a node parts."""
    meetings = _Meetings(network, edges)
    allowed: dict[int, set[int]] = defaultdict(set)
    banned: set[tuple[int, int]] = set()
    for rule in junctions.turn_rules:
        via = network.turn_nodes.get(rule.via_node)
        if via is None:
            continue
        arriving = meetings.arriving(via, rule.from_way)
        leaving = [edge for edge in meetings.leaving(via) if meetings.way_out(edge) == rule.to_way]
        if rule.only and leaving:
            for edge in arriving:
                allowed[edge].update(leaving)
        elif not rule.only:
            banned.update((a, b) for a in arriving for b in leaving)
    for edge, onward in allowed.items():
        banned.update((edge, other) for other in meetings.leaving(int(edges.to_node[edge])) if other not in onward)
    return banned


def forbidden_ways(network: Network, junctions: Junctions, edges: Edges) -> ForbiddenWays:
    """What restrictions over ways forbid.

    Of those that allow one way alone, only the last turn is taken: whether somebody may leave the way before it, or
    need not enter it at all, is read in several manners.
    """
    found = ForbiddenWays()
    if not junctions.way_rules:
        return found
    meetings = _Meetings(network, edges)
    vias = {way for rule in junctions.way_rules for way in rule.via_ways}
    nodes: dict[int, set[int]] = defaultdict(set)
    for segment in network.segments:
        if segment.first_way in vias:
            nodes[segment.first_way].update((segment.nodes[0], segment.nodes[-1]))
    for rule in junctions.way_rules:
        starts = set().union(*(nodes[way] for way in rule.via_ways))
        for way, leaving in _ways_over(rule, sorted(starts), meetings, edges):
            if rule.only:
                found.only.setdefault(way, set()).update(leaving)
            else:
                found.no.update((*way, edge) for edge in leaving)
    return found


def _ways_over(rule: WayRule, starts: list[int], meetings: _Meetings, edges: Edges) -> Iterator[tuple[Way, list[int]]]:
    """The edges from the end of the rule's first way over all between, and those of its last way that leave there.

    The ways between may be told in any order: extracts do.
    """
    waiting: list[tuple[Way, frozenset[int]]] = [
        ((edge,), frozenset(rule.via_ways)) for node in starts for edge in meetings.arriving(node, rule.from_way)
    ]
    while waiting:
        way, ahead = waiting.pop()
        leaving = meetings.leaving(int(edges.to_node[way[-1]]))
        last = [edge for edge in leaving if meetings.way_out(edge) == rule.to_way]
        if last and not ahead:
            yield way, last
            continue
        if len(way) >= MOST_EDGES:
            continue
        for edge in leaving:
            name = meetings.way_out(edge)
            goes_on = len(way) > 1 and name == meetings.way_out(way[-1])
            turns_round = edges.segment[edge] >> 1 == edges.segment[way[-1]] >> 1
            if (name in ahead or goes_on) and not turns_round and edge not in way:
                waiting.append(((*way, edge), ahead - {name}))


def kept_apart(edges: Edges, turns: Turns, ways: ForbiddenWays) -> tuple[Edges, Turns]:
    """The same roads, on which no forbidden way can be driven.

    Who may be about to drive one has edges of his own: copies that follow ``edges`` in number, with all turns of the
    edge they are copied from but the forbidden one.
    """
    begun = sorted(set(ways.begun()))
    if not begun:
        return edges, turns
    count = len(edges.segment)
    number_of = {way: count + place for place, way in enumerate(begun)}
    copied = np.array([way[-1] for way in begun])
    first = np.searchsorted(turns.before, copied)
    end = np.searchsorted(turns.before, copied + 1)

    after = turns.after.copy()
    more: list[tuple[int, int, float]] = []
    for way, start, stop in zip(begun, first.tolist(), end.tolist(), strict=True):
        for place in range(start, stop):
            following = int(turns.after[place])
            if ways.forbids(way, following):
                continue
            # What is remembered of the way is the longest end of it with which a forbidden one may begin.
            driven = (*way, following)
            ends = (number_of.get(driven[cut:]) for cut in range(len(driven) - 1))
            onto = next((number for number in ends if number is not None), following)
            more.append((number_of[way], onto, float(turns.price_s[place])))
    for way in begun:
        if len(way) == 2:
            place, stop = np.searchsorted(turns.before, (way[0], way[0] + 1)).tolist()
            after[place:stop][turns.after[place:stop] == way[1]] = number_of[way]

    added = np.array(more, np.float64).reshape(-1, 3)
    return (
        Edges(*(np.append(array, array[copied]) for array in (edges.segment, edges.from_node, edges.to_node))),
        Turns(
            np.append(turns.before, added[:, 0].astype(np.int64)),
            np.append(after, added[:, 1].astype(np.int64)),
            np.append(turns.price_s, added[:, 2]),
        ),
    )
