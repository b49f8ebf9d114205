"""The part of a road graph that trees are grown on: tiles within a radius, turned round and weighed for scipy.

Of a city that is everything; of a country, some thousand square kilometres, whatever the country's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from tracker.roads.contraction import Contraction
from tracker.roads.costs import cost
from tracker.roads.graph import TURN_UNIT_S, RoadGraph

Array = np.ndarray[Any, np.dtype[Any]]

SPARE = 512
"""Room for the turns into the destination's edges."""
LEAST_S = 1e-3
"""Nothing is free: else a tree might run in a ring."""


class Cover:
    """Edges of the given tiles, renumbered from 0 in their order (``shift`` as in ``tree.Tree``).

    ``starts``, ``indices`` and ``weights`` are the reversed graph in CSR form: row f holds the edges that lead to f,
    each with what that turn and driving f cost (``costs``). One more row at the end is the destination's, empty until
    ``ending_with``.
    """

    def __init__(self, graph: RoadGraph, tiles: Array) -> None:
        self.version = graph.version
        runs = _runs(graph, tiles)
        self.edges = np.concatenate([np.arange(first, end) for first, end in runs])
        self.count = len(self.edges)
        self.shift = self._shifts(graph, tiles)
        from_start = np.frombuffer(graph.from_start, np.int32)
        next_start = np.frombuffer(graph.next_start, np.int32)
        lengths = np.frombuffer(graph.edge_length_m, np.float32)
        length_m = lengths[self.edges].astype(np.float64)

        rows, before, inside = self._turns(graph, runs, from_start, np.frombuffer(graph.from_edge, np.int32))
        price = _sliced(np.frombuffer(graph.from_turn_qs, np.uint8), from_start, runs) * TURN_UNIT_S
        seconds = np.frombuffer(graph.edge_s, np.float32)[self.edges].astype(np.float64)
        self.turns = int(np.count_nonzero(inside))
        self.starts = np.append(np.searchsorted(rows[inside], np.arange(self.count + 1)), 0).astype(np.int32)
        self.indices = np.zeros(self.turns + SPARE, np.int32)
        self.indices[: self.turns] = before[inside]
        self.weights = np.zeros(self.turns + SPARE)
        self.weights[: self.turns] = cost(np.maximum(seconds[rows] + price, LEAST_S), length_m[rows])[inside]

        owner, after, inside = self._turns(graph, runs, next_start, np.frombuffer(graph.next_edge, np.int32))
        first_turn = np.cumsum(np.bincount(owner, minlength=self.count)) - np.bincount(owner, minlength=self.count)
        ordinal = np.arange(len(owner)) - first_turn[owner]
        self.turn_owner = owner[inside]
        self.turn_after = after[inside]
        self.turn_ordinal = ordinal[inside].astype(np.uint8)
        price = _sliced(np.frombuffer(graph.next_turn_qs, np.uint8), next_start, runs)[inside] * TURN_UNIT_S
        self.turn_costs = cost(np.maximum(seconds[self.turn_after] + price, LEAST_S), length_m[self.turn_after])
        self.searches = 0
        self._contraction: Contraction | None = None
        # Only tables from few places to many want it.
        self._driven: tuple[Array, Array, Array] | None = None

    @property
    def size_bytes(self) -> int:
        kept = (self.edges, self.starts, self.indices, self.weights)
        turns = (self.turn_owner, self.turn_after, self.turn_ordinal, self.turn_costs)
        return sum(array.nbytes for array in (*kept, *turns))

    @property
    def is_contracted(self) -> bool:
        return self._contraction is not None and self._contraction.is_done

    def contract(self) -> None:
        """The next round of what makes later searches quicker."""
        if self._contraction is None:
            after = np.repeat(np.arange(self.count), np.diff(self.starts[:-1]))
            turns = slice(self.turns)
            self._contraction = Contraction(self.count, self.indices[turns], after, self.weights[turns])
        self._contraction.advance()

    def costs_to(self, enders: Mapping[int, float], *, limit_s: float) -> Array:
        """From the end of each edge to a destination that these (in the cover's numbers) lead to at such a cost; inf
        where that takes longer than the limit."""
        self.searches += 1
        limit = cost(limit_s, 0.0)
        if self._contraction is not None and self._contraction.is_done:
            return self._contraction.costs_to(enders, limit=limit)
        arrays = self.ending_with(list(enders), list(enders.values()))
        reverse = csr_array(arrays, shape=(self.count + 1, self.count + 1), copy=False)
        found: Array = dijkstra(reverse, indices=self.count, limit=limit)[:-1]
        return found

    def ending_with(self, enders: list[int], costs: list[float]) -> tuple[Array, Array, Array]:
        """(weights, indices, starts) with these edges (in the cover's numbers) leading to the destination.

        The arrays are the cover's own: valid until the next call.
        """
        end = self.turns + len(enders)
        self.starts[-1] = end
        self.indices[self.turns : end] = enders
        self.weights[self.turns : end] = costs
        return self.weights[:end], self.indices[:end], self.starts

    def beginning_with(self, begun: list[int], costs: list[float]) -> tuple[Array, Array, Array]:
        """(weights, indices, starts) of the graph as it is driven, with these edges (in the cover's numbers) following
        the place of departure. Valid until the next call, as in ``ending_with``."""
        if self._driven is None:
            reverse = csr_array(
                (self.weights[: self.turns], self.indices[: self.turns], self.starts[:-1]),
                shape=(self.count, self.count),
            )
            driven = reverse.T.tocsr()
            self._driven = (
                np.append(driven.data, np.zeros(SPARE)),
                np.append(driven.indices, np.zeros(SPARE, np.int32)).astype(np.int32),
                np.append(driven.indptr, 0).astype(np.int32),
            )
        weights, indices, starts = self._driven
        end = self.turns + len(begun)
        starts[-1] = end
        indices[self.turns : end] = begun
        weights[self.turns : end] = costs
        return weights[:end], indices[:end], starts

    def number(self, graph: RoadGraph, edge: int) -> int:
        """The edge's number in the cover, below 0 when it is not covered."""
        if self.shift is None:
            return edge
        return edge + self.shift.get(graph.edge_tile[edge], -1 - edge)

    def _shifts(self, graph: RoadGraph, tiles: Array) -> dict[int, int] | None:
        tile_edge = np.frombuffer(graph.tile_edge, np.int32)
        counts = tile_edge[tiles + 1] - tile_edge[tiles]
        shifts = np.cumsum(counts) - counts - tile_edge[tiles]
        self._shift_of = np.full(len(tile_edge) - 1, np.iinfo(np.int64).min // 2)
        self._shift_of[tiles] = shifts
        return None if len(tiles) == len(tile_edge) - 1 else dict(zip(tiles.tolist(), shifts.tolist(), strict=True))

    def _turns(
        self, graph: RoadGraph, runs: list[tuple[int, int]], starts: Array, others: Array
    ) -> tuple[Array, Array, Array]:
        """(edge, other edge, is the other covered) of all turns of the covered edges, in the cover's numbers."""
        counts = np.concatenate([np.diff(starts[first : end + 1]) for first, end in runs])
        mine = np.repeat(np.arange(self.count), counts)
        other = _sliced(others, starts, runs).astype(np.int64)
        if self.shift is not None:
            other += self._shift_of[np.frombuffer(graph.edge_tile, np.int32)[other]]
        return mine, other, other >= 0


def _runs(graph: RoadGraph, tiles: Array) -> list[tuple[int, int]]:
    """First and end of each stretch of edge numbers that the tiles (in order) hold."""
    breaks = np.flatnonzero(np.diff(tiles) > 1) + 1
    return [
        (graph.tile_edge[int(run[0])], graph.tile_edge[int(run[-1]) + 1]) for run in np.split(tiles, breaks) if len(run)
    ]


def _sliced(values: Array, starts: Array, runs: list[tuple[int, int]]) -> Array:
    return np.concatenate([values[starts[first] : starts[end]] for first, end in runs])
