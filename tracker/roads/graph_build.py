"""Makes the arrays of a road graph from a network of segments: numpy all along, once per extract."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from tracker.roads.extract import NoRoadsForCars
from tracker.roads.graph import ARRAYS, E7, TURN_UNIT_S, UNIT_M, RoadGraph, Shape
from tracker.roads.grid import grid_arrays
from tracker.roads.junctions import Junctions, Signal
from tracker.roads.restrictions import Edges, Turns, forbidden_turns, forbidden_ways, kept_apart
from tracker.roads.segments import Network, Segment
from tracker.roads.speeds import PEDESTRIAN_SIGNAL_S, ROAD_CLASSES, SIGNAL_S, free_kmh
from tracker.roads.turns import strong_parts, turns_of

Array = np.ndarray[Any, np.dtype[Any]]

TOLERANCE_M = 1.5
"""Bends flatter than this are left out: less than the width of a lane."""
TILE_M = 2000.0
_TILE_COLUMNS = 1 << 20
CELL_M = 40.0
ONE_CROSSING_M = 35.0
"""Lights nearer to each other than this are one crossing, and a street shorter than this lies within one."""


def graph_of(network: Network, junctions: Junctions) -> RoadGraph:
    """The graph of a network: its largest part in which every edge can be reached from every other, and islands alike.

    Raises NoRoadsForCars when there is none.
    """
    segments = network.segments
    lats = np.rint(np.array(network.lats) * E7).astype(np.int64)
    lons = np.rint(np.array(network.lons) * E7).astype(np.int64)
    edges = _directed(segments)
    bearing_out, bearing_in = _bearings(edges, segments, lats, lons)
    turns = Turns(
        *turns_of(
            from_node=edges.from_node,
            to_node=edges.to_node,
            segment=edges.segment >> 1,
            out_deg=bearing_out,
            in_deg=bearing_in,
            forbidden=forbidden_turns(network, junctions, edges),
        )
    )
    edges, turns = kept_apart(edges, turns, forbidden_ways(network, junctions, edges))
    kept_edges = strong_parts(len(edges.segment), turns.before, turns.after)
    if not kept_edges.any():
        raise NoRoadsForCars("there are no roads on which one can drive there and back")

    alive = np.unique(edges.segment[kept_edges] >> 1)
    shape, points, first_point, tile = _lines(network, alive, lats, lons)
    # Segments in the order of their tiles.
    order = np.argsort(tile, kind="stable")
    place_of = np.full(len(segments), -1, np.int64)
    place_of[alive[order]] = np.arange(len(order))
    points, first_point = _reordered(points, first_point, order)
    tile = tile[order]

    new_segment = place_of[edges.segment >> 1] * 2 + (edges.segment & 1)
    new_segment[~kept_edges] = -1
    edge_order = np.argsort(new_segment, kind="stable")[np.count_nonzero(~kept_edges) :]
    new_edge = np.full(len(edges.segment), -1, np.int64)
    new_edge[edge_order] = np.arange(len(edge_order))
    edge_segment = new_segment[edge_order]

    arrays: dict[str, Array] = {}
    arrays |= _point_arrays(points, first_point)
    arrays |= _segment_arrays([segments[number] for number in alive[order]], edge_segment)
    arrays |= _edge_arrays(segments, edges.segment[edge_order], edge_segment, arrays, network)
    arrays |= _turn_arrays(new_edge, turns)
    arrays |= _tile_arrays(tile[edge_segment >> 1], shape)
    arrays |= grid_arrays(arrays["point_segment"], shape, point_lat=arrays["point_lat"], point_lon=arrays["point_lon"])
    return RoadGraph(
        {name: memoryview(np.ascontiguousarray(arrays[name], dtype=code)) for name, code in ARRAYS.items()}, shape
    )


def _directed(segments: list[Segment]) -> Edges:
    numbers = np.arange(len(segments))
    two_way = np.array([not segment.oneway for segment in segments])
    first = np.array([segment.nodes[0] for segment in segments])
    last = np.array([segment.nodes[-1] for segment in segments])
    segment = np.concatenate([numbers * 2, numbers[two_way] * 2 + 1])
    return Edges(
        segment=segment,
        from_node=np.concatenate([first, last[two_way]]),
        to_node=np.concatenate([last, first[two_way]]),
    )


def _bearings(edges: Edges, segments: list[Segment], lats: Array, lons: Array) -> tuple[Array, Array]:
    """Compass degrees in which each edge sets out, and in which it arrives."""
    ends = np.array([(s.nodes[0], s.nodes[1], s.nodes[-2], s.nodes[-1]) for s in segments])
    first, second, last_but_one, last = ends.T
    sets_out, arrives = _bearing(first, second, lats, lons), _bearing(last_but_one, last, lats, lons)
    number, against = edges.segment >> 1, (edges.segment & 1).astype(bool)
    out_deg = np.where(against, arrives[number] + 180.0, sets_out[number])
    in_deg = np.where(against, sets_out[number] + 180.0, arrives[number])
    return out_deg % 360.0, in_deg % 360.0


def _bearing(a: Array, b: Array, lats: Array, lons: Array) -> Array:
    east = (lons[b] - lons[a]) * np.cos(np.radians(lats[a] / E7))
    return np.degrees(np.arctan2(east, (lats[b] - lats[a]).astype(float)))


def _lines(network: Network, alive: Array, lats: Array, lons: Array) -> tuple[Shape, Array, Array, Array]:
    """Grid shape; points (lat, lon in units) of all simplified polylines; first point of each; tile of each middle."""
    flat = [np.array(network.segments[number].nodes) for number in alive]
    owner = np.repeat(np.arange(len(flat)), [len(nodes) for nodes in flat])
    nodes = np.concatenate(flat)
    lat, lon = lats[nodes], lons[nodes]
    east_m = UNIT_M * np.cos(np.radians(lat / E7))
    # Simplified in metres about the first point of each line, so that one scale holds for all latitudes.
    start = np.searchsorted(owner, np.arange(len(flat)))
    scale = east_m[start][owner]
    xy = np.stack([(lon - lon[start][owner]) * scale, (lat - lat[start][owner]) * UNIT_M], axis=1)
    lines = shapely.simplify(shapely.linestrings(xy, indices=owner), TOLERANCE_M, preserve_topology=False)
    kept_xy, kept_owner = shapely.get_coordinates(lines, return_index=True)
    points = np.stack(
        [
            np.rint(kept_xy[:, 1] / UNIT_M).astype(np.int64) + lat[start][kept_owner],
            np.rint(kept_xy[:, 0] / east_m[start][kept_owner]).astype(np.int64) + lon[start][kept_owner],
        ],
        axis=1,
    )
    first_point = np.append(np.searchsorted(kept_owner, np.arange(len(flat))), len(points))
    south, west = points.min(axis=0).tolist()
    middle_deg = float(points[:, 0].mean()) / E7
    squeeze = max(float(np.cos(np.radians(middle_deg))), 0.05)
    shape = Shape(
        south=south,
        west=west,
        cell_height=round(CELL_M / UNIT_M),
        cell_width=round(CELL_M / UNIT_M / squeeze),
        tile_height=round(TILE_M / UNIT_M),
        tile_width=round(TILE_M / UNIT_M / squeeze),
    )
    middle = points[(first_point[:-1] + first_point[1:] - 1) // 2]
    tile = (middle[:, 0] - south) // shape.tile_height * _TILE_COLUMNS + (middle[:, 1] - west) // shape.tile_width
    return shape, points, first_point, tile


def _reordered(points: Array, first_point: Array, order: Array) -> tuple[Array, Array]:
    counts = np.diff(first_point)[order]
    starts = np.concatenate([[0], np.cumsum(counts)])
    taken = np.arange(starts[-1]) - np.repeat(starts[:-1], counts) + np.repeat(first_point[:-1][order], counts)
    return points[taken], starts


def _point_arrays(points: Array, first_point: Array) -> dict[str, Array]:
    owner = np.repeat(np.arange(len(first_point) - 1), np.diff(first_point))
    lat, lon = points.T
    east = np.diff(lon) * UNIT_M * np.cos(np.radians((lat[:-1] + lat[1:]) / 2 / E7))
    steps = np.concatenate([[0.0], np.maximum(np.hypot(east, np.diff(lat) * UNIT_M), 0.01)])
    total = np.cumsum(steps)
    return {
        "point_lat": lat,
        "point_lon": lon,
        "point_along_m": total - total[first_point[:-1]][owner],
        "point_segment": owner,
        "segment_point": first_point,
    }


def _segment_arrays(segments: list[Segment], edge_segment: Array) -> dict[str, Array]:
    edge_of = np.full(2 * len(segments), -1)
    # Of edges with copies, the first: backwards, so that it is written last.
    edge_of[edge_segment[::-1]] = np.arange(len(edge_segment))[::-1]
    return {
        "segment_forward": edge_of[0::2],
        "segment_backward": edge_of[1::2],
        "segment_class": np.array([segment.class_code for segment in segments]),
        "segment_limit_kmh": np.array([min(round(segment.maxspeed_kmh or 0.0), 255) for segment in segments]),
        "segment_private": np.array([segment.private for segment in segments]),
    }


def _edge_arrays(
    segments: list[Segment], old_segment: Array, edge_segment: Array, arrays: dict[str, Array], network: Network
) -> dict[str, Array]:
    length_m = arrays["point_along_m"][arrays["segment_point"][1:] - 1][edge_segment >> 1]
    lights = np.array(
        [
            _lights_on(segments[number >> 1], network, against=bool(number & 1), length_m=metres)
            for number, metres in zip(old_segment.tolist(), length_m.tolist(), strict=True)
        ]
    ).reshape(-1, 2)
    kmh = np.array(
        [free_kmh(ROAD_CLASSES[s.class_code], maxspeed_kmh=s.maxspeed_kmh, private=s.private) for s in segments]
    )[old_segment >> 1]
    return {
        "edge_segment": edge_segment,
        "edge_length_m": length_m,
        "edge_signals": lights[:, 0],
        "edge_pedestrian_signals": lights[:, 1],
        "edge_free_s": length_m / kmh * 3.6 + SIGNAL_S * lights[:, 0] + PEDESTRIAN_SIGNAL_S * lights[:, 1],
    }


def _lights_on(segment: Segment, network: Network, *, against: bool, length_m: float) -> tuple[int, int]:
    """Crossroads' and pedestrians' lights that are passed up to and with the end of an edge."""
    if not segment.lights:
        return 0, 0
    start, end = (segment.nodes[-1], segment.nodes[0]) if against else (segment.nodes[0], segment.nodes[-1])
    counts = {Signal.CROSSROADS: 0, Signal.PEDESTRIANS: 0}
    last: int | None = None
    for node, signal, direction in reversed(segment.lights) if against else segment.lights:
        if node == start or direction == (1 if against else -1):
            continue
        if node == end and length_m < ONE_CROSSING_M:
            continue
        if last is not None and _apart_m(network, last, node) < ONE_CROSSING_M:
            continue
        counts[signal] += 1
        last = node
    return min(counts[Signal.CROSSROADS], 255), min(counts[Signal.PEDESTRIANS], 255)


def _apart_m(network: Network, a: int, b: int) -> float:
    north = network.lats[b] - network.lats[a]
    east = (network.lons[b] - network.lons[a]) * np.cos(np.radians(network.lats[a]))
    return float(np.hypot(north, east)) * E7 * UNIT_M


def _turn_arrays(new_edge: Array, turns: Turns) -> dict[str, Array]:
    before, after = new_edge[turns.before], new_edge[turns.after]
    kept = (before >= 0) & (after >= 0)
    before, after = before[kept], after[kept]
    quarters = np.minimum(np.rint(turns.price_s[kept] / TURN_UNIT_S), 255)
    edges = np.arange(int(new_edge.max()) + 2)
    onward = np.lexsort((after, before))
    back = np.lexsort((before, after))
    return {
        "next_start": np.searchsorted(before[onward], edges),
        "next_edge": after[onward],
        "next_turn_qs": quarters[onward],
        "from_start": np.searchsorted(after[back], edges),
        "from_edge": before[back],
        "from_turn_qs": quarters[back],
    }


def _tile_arrays(tile_of_edge: Array, shape: Shape) -> dict[str, Array]:
    """Tiles that hold edges, numbered in order; the numbers before count empty ones too."""
    tiles, number, counts = np.unique(tile_of_edge, return_inverse=True, return_counts=True)
    return {
        "edge_tile": number,
        "tile_edge": np.concatenate([[0], np.cumsum(counts)]),
        "tile_lat": shape.south + tiles // _TILE_COLUMNS * shape.tile_height,
        "tile_lon": shape.west + tiles % _TILE_COLUMNS * shape.tile_width,
    }
