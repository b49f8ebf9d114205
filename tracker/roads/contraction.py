"""Lowest costs to one node, searched on what is left of a graph when the nodes that are merely passed through are
out.

Nodes whose removal leaves hardly more edges than there were go first, in rounds in which no two are neighbours; whoever
went through one is given an edge past it. Of a city a seventh of the nodes remains.
Those taken out get their costs from the nodes they led to, the last round first. (Node contraction: Geisberger,
Sanders, Schultes, Delling, "Contraction Hierarchies", 2008; without its hierarchy, for one search reaches every node
here.)
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

Array = np.ndarray[Any, np.dtype[Any]]

MOST_MORE = 12
"""A node may leave so many edges more than there were: fewer nodes are worth it, up to here."""
WORTH_A_ROUND = 0.01
"""A round that takes out a smaller share of what is there is the last one."""
ROUNDS = 60
SPARE = 512
"""Room for the edges that lead to the destination; more are no harm."""
ALIKE = ((1, 2), (3, 3), (4, 1 << 30))
"""Nodes with so many ways, at the least and at the most, are reckoned together: some ways that lead nowhere take less
time than another step."""


class _Led(NamedTuple):
    """Nodes and where they lead: ``onward`` and ``costs`` have a row for the first way of each, one for the second
    and so on. A node with fewer ways than rows has some of infinite cost."""

    nodes: Array
    onward: Array
    costs: Array


class _Round(NamedTuple):
    """Those taken out that led anywhere, and all edges that led to one, in the order of ``through``: from ``past``."""

    led: list[_Led]
    through: Array
    past: Array
    past_cost: Array


class _Edges(NamedTuple):
    before: Array
    after: Array
    costs: Array

    def those(self, which: Array) -> _Edges:
        return _Edges(self.before[which], self.after[which], self.costs[which])


class Contraction:
    """Of a graph with nodes 0 to ``count`` - 1 and edges from ``before`` to ``after`` of some ``costs``. It is made
    by calling ``advance`` until it is done."""

    def __init__(self, count: int, before: Array, after: Array, costs: Array) -> None:
        self.is_done = False
        self._count = count
        self._left = count
        self._rounds: list[_Round] = []
        self._round_of = np.full(count, ROUNDS, np.int32)
        self._chance = np.random.default_rng(1)
        edges = _Edges(before.astype(np.int64), after.astype(np.int64), costs)
        self._edges = edges.those(before != after)

    def advance(self) -> None:
        """One round: some ten milliseconds for a city."""
        chosen = self._choice(self._chance.permutation(self._count))
        size = int(np.count_nonzero(chosen))
        if size < max(WORTH_A_ROUND * self._left, 1) or len(self._rounds) == ROUNDS:
            self._finish()
            return
        self._round_of[chosen] = len(self._rounds)
        self._left -= size
        self._take_out(chosen)

    def costs_to(self, enders: Mapping[int, float], *, limit: float) -> Array:
        """From each node to a destination that these lead to, each at such a cost (above 0); inf where that is more
        than the limit. Only when it is done."""
        begun = self._begun(enders)
        ending: dict[int, list[int]] = {}
        for node in begun:
            ending.setdefault(int(self._round_of[node]), []).append(node)
        costs = np.full(self._count, np.inf)
        ends = {int(self._number[node]): begun[node] for node in ending.get(ROUNDS, ())}
        costs[self._core] = self._search(ends, limit)
        for number, each in reversed(list(enumerate(self._rounds))):
            for nodes, onward, onward_costs in each.led:
                way_costs = costs.take(onward)
                way_costs += onward_costs
                costs[nodes] = way_costs.min(axis=0)
            for node in ending.get(number, ()):
                costs[node] = min(costs[node], begun[node])
        costs[costs > limit] = np.inf
        return costs

    def _choice(self, order: Array) -> Array:
        """Which nodes are taken out together: of neighbours the one that saves more, then by ``order``."""
        before, after, _ = self._edges
        into, out = np.bincount(after, minlength=self._count), np.bincount(before, minlength=self._count)
        more = into * out - into - out
        may: Array = (more <= MOST_MORE) & (self._round_of == ROUNDS)
        both = may[before] & may[after]
        first, second = before[both], after[both]
        rank = more * self._count + order
        chosen = may.copy()
        chosen[np.where(rank[first] < rank[second], second, first)] = False
        return chosen

    def _take_out(self, chosen: Array) -> None:
        comes, goes = chosen[self._edges.after], chosen[self._edges.before]
        out, into = self._edges.those(goes), self._edges.those(comes)
        out = out.those(np.argsort(out.before, kind="stable"))
        into = into.those(np.argsort(into.after, kind="stable"))
        counts = np.bincount(out.before, minlength=self._count)
        starts = np.cumsum(counts) - counts
        alike = [np.flatnonzero((fewest <= counts) & (counts <= most)) for fewest, most in ALIKE]
        led = [_led(nodes, counts, starts, out) for nodes in alike if len(nodes)]
        self._rounds.append(_Round(led, into.after, into.before, into.costs))

        repeats = counts[into.after]
        first = np.cumsum(repeats) - repeats
        joined = np.repeat(starts[into.after] - first, repeats) + np.arange(repeats.sum())
        past = _Edges(
            np.repeat(into.before, repeats), out.after[joined], np.repeat(into.costs, repeats) + out.costs[joined]
        )
        rest, past = self._edges.those(~(comes | goes)), past.those(past.before != past.after)
        self._edges = _cheapest(_Edges(*map(np.concatenate, zip(rest, past, strict=True))), self._count)

    def _finish(self) -> None:
        """The remaining edges, turned round, in CSR form; one more row at the end is the destination's."""
        self._core = np.flatnonzero(self._round_of == ROUNDS)
        self._number = np.full(self._count, -1)
        self._number[self._core] = np.arange(len(self._core))
        rows = self._number[self._edges.after]
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=len(self._core))
        self._starts = np.concatenate([[0], np.cumsum(counts), [0]]).astype(np.int32)
        room = np.zeros(SPARE)
        self._indices = np.append(self._number[self._edges.before[order]], room).astype(np.int32)
        self._weights = np.append(self._edges.costs[order], room)
        del self._edges
        self.is_done = True

    def _begun(self, enders: Mapping[int, float]) -> dict[int, float]:
        """The enders, and besides whoever led to one of them that was taken out, directly or through others."""
        begun = dict(enders)
        waiting = [(int(self._round_of[node]), node) for node in begun]
        heapq.heapify(waiting)
        while waiting and waiting[0][0] < ROUNDS:
            number, node = heapq.heappop(waiting)
            each = self._rounds[number]
            first, end = np.searchsorted(each.through, (node, node + 1)).tolist()
            for past, past_cost in zip(each.past[first:end].tolist(), each.past_cost[first:end].tolist(), strict=True):
                if past not in begun:
                    heapq.heappush(waiting, (int(self._round_of[past]), past))
                begun[past] = min(begun.get(past, np.inf), begun[node] + past_cost)
        return begun

    def _search(self, ends: Mapping[int, float], limit: float) -> Array:
        size, first = len(self._core), int(self._starts[-2])
        end = self._starts[-1] = first + len(ends)
        if end > len(self._indices):
            self._indices, self._weights = (np.resize(array, 2 * end) for array in (self._indices, self._weights))
        self._indices[first:end] = list(ends)
        self._weights[first:end] = list(ends.values())
        arrays = (self._weights[:end], self._indices[:end], self._starts)
        reverse = csr_array(arrays, shape=(size + 1, size + 1), copy=False)
        found: Array = dijkstra(reverse, indices=size, limit=limit)[:-1]
        return found


def _led(nodes: Array, counts: Array, starts: Array, out: _Edges) -> _Led:
    count = counts[nodes]
    row = np.arange(count.max())[:, None]
    places = starts[nodes] + np.minimum(row, count - 1)
    return _Led(nodes, out.after[places], np.where(row < count, out.costs[places], np.inf))


def _cheapest(edges: _Edges, count: int) -> _Edges:
    """Of several edges between the same two only the cheapest counts."""
    pair = edges.before * count + edges.after
    order = np.argsort(pair, kind="stable")
    pair = pair[order]
    first = np.flatnonzero(np.append(True, pair[1:] != pair[:-1])[: len(pair)])
    if not len(first):
        return edges
    costs = np.minimum.reduceat(edges.costs[order], first)
    return _Edges(edges.before[order[first]], edges.after[order[first]], costs)
