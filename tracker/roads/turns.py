"""Which edge may follow which, at what price; and which edges can all reach one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from tracker.roads.speeds import U_TURN_S, turn_s

Array = np.ndarray[Any, np.dtype[Any]]

_TURN_S = np.array([turn_s(float(degree)) for degree in range(-180, 181)])
ISLAND_SHARE = 0.1
"""A separate part of the network is kept when it has so many of the edges of the largest: an island, not a car park
that the map forgot to connect."""


def turns_of(
    *,
    from_node: Array,
    to_node: Array,
    segment: Array,
    out_deg: Array,
    in_deg: Array,
    forbidden: set[tuple[int, int]],
) -> tuple[Array, Array, Array]:
    """All turns as (edge, following edge, seconds).

    Edges run from ``from_node`` to ``to_node``, set out at ``out_deg`` and arrive at ``in_deg`` (compass degrees).
    Turning round is possible everywhere, at its price: that is what people do who missed a turn, and so every edge
    leads everywhere. At the end of a cul-de-sac it costs half.
    """
    count = len(from_node)
    nodes = int(max(from_node.max(), to_node.max())) + 1
    leaving = np.argsort(from_node, kind="stable")
    first = np.searchsorted(from_node[leaving], np.arange(nodes + 1))
    choices = (first[1:] - first[:-1])[to_node]
    before = np.repeat(np.arange(count), choices)
    offset = np.arange(len(before)) - np.repeat(np.cumsum(choices) - choices, choices)
    after = leaving[first[to_node[before]] + offset]

    angle = (out_deg[after] - in_deg[before] + 180.0) % 360.0 - 180.0
    price_s = _TURN_S[np.rint(angle).astype(np.int64) + 180]
    u_turn = (segment[before] == segment[after]) & (before != after)
    # Where nothing but the road itself goes on there is no junction: a bend, or a change of speed limit.
    junction = _roads_at(from_node, to_node, segment, nodes)[to_node[before]] > 2
    price_s = np.where(junction, price_s, 0.0)
    price_s = np.where(u_turn, np.where(choices[before] == 1, U_TURN_S / 2, U_TURN_S), price_s)
    if forbidden:
        banned = np.array([a * count + b for a, b in forbidden])
        open_ = ~np.isin(before * count + after, banned)
        before, after, price_s = before[open_], after[open_], price_s[open_]
    return before, after, price_s


def _roads_at(from_node: Array, to_node: Array, segment: Array, nodes: int) -> Array:
    """How many ends of segments meet at each node."""
    _, one = np.unique(segment, return_index=True)
    return np.bincount(from_node[one], minlength=nodes) + np.bincount(to_node[one], minlength=nodes)


def strong_parts(edges: int, before: Array, after: Array) -> Array:
    """A mask of the edges of the largest part within which all reach all; the same of each island worth keeping."""
    links = csr_array((np.ones(len(before), np.int8), (before, after)), shape=(edges, edges))
    _, part = connected_components(links, directed=True, connection="strong")
    _, land = connected_components(links, directed=True, connection="weak")
    sizes = np.bincount(part)
    land_of_part = np.empty(len(sizes), np.int64)
    land_of_part[part] = land
    kept = np.zeros(len(sizes), bool)
    # Of two parts of one land that are as large, the first: between them one could go but not come back.
    order = np.argsort(-sizes, kind="stable")
    _, first = np.unique(land_of_part[order], return_index=True)
    kept[order[first]] = True
    # A single edge is a part only if it leads to itself: a ring.
    rings = np.zeros(len(sizes), bool)
    rings[part[before[before == after]]] = True
    kept &= (sizes >= ISLAND_SHARE * sizes.max()) & ((sizes > 1) | rings)
    return np.asarray(kept[part])
