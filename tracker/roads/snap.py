"""From a position to the road it was driven on: a grid look-up in plain Python, tens of microseconds at most. [pure]"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Final

from tracker.roads.graph import E7, UNIT_M, RoadGraph, east_unit_m

REACHES_M = (30.0, 90.0, 250.0)
"""Looked at one after the other until something is near enough."""
GPS_M: Final = 10.0
"""Spread of positions about the road, lanes and map included."""
HEADING_WEIGHT: Final = 3.0
"""What a heading against the road (180 degrees) costs, in half squared spreads: it outweighs 24 m beside the road."""
HOP_COST: Final = 0.7
"""What leaving the last road and those that follow it costs, on the same scale: it outweighs 12 m."""
NO_EDGE: Final = -1


@dataclass(slots=True)
class Snap:
    """A place on the road. ``edge`` is the direction of driving as far as heading and one-way tell;
    ``twin`` is the edge the other way when that cannot be told, else -1."""

    edge: int
    twin: int
    done_m: float
    """From the start of ``edge``; from the start of ``twin`` it is ``length_m - done_m``."""
    length_m: float
    off_m: float
    cost: float


def snap(
    graph: RoadGraph,
    *,
    lat: float,
    lon: float,
    heading_deg: float | None = None,
    previous: int = NO_EDGE,
    within_m: float = REACHES_M[-1],
) -> Snap | None:
    """The likeliest place on the road, None when no road is within ``within_m``.

    ``heading_deg`` is the compass direction of driving, None while standing or unknown. ``previous`` is the edge
    of the last fix: roads that go on from it are preferred. Degrees; never raises for any place on earth.
    """
    for reach_m in REACHES_M:
        if reach_m > within_m:
            reach_m = within_m
        found = _nearest(graph, heading_deg, previous, reach_m, lat=lat, lon=lon)
        if found is not None:
            return found
        if reach_m >= within_m:
            break
    return None


def candidates(graph: RoadGraph, *, lat: float, lon: float, within_m: float, most: int = 8) -> list[Snap]:
    """The nearest place on each segment within reach, nearest first; both directions undecided."""
    best: dict[int, tuple[float, int, float]] = {}
    for point, share, off_sq in _pieces_near(graph, within_m, lat=lat, lon=lon):
        segment = graph.point_segment[point]
        if segment not in best or off_sq < best[segment][0]:
            best[segment] = (off_sq, point, share)
    nearest = sorted(best.values())[:most]
    return [_placed(graph, point, share, off_sq, off_sq / (2 * GPS_M * GPS_M), 0.0) for off_sq, point, share in nearest]


def _pieces_near(graph: RoadGraph, reach_m: float, *, lat: float, lon: float) -> list[tuple[int, float, float]]:
    """(point that begins the piece, share of it, square of the distance) for all pieces within reach."""
    qy, qx = lat * E7, lon * E7
    kx = east_unit_m(lat=lat)
    lats, lons = graph.point_lat, graph.point_lon
    found = []
    reach_sq = reach_m * reach_m
    for point in set(_points_near(graph, qy, qx, reach_m / UNIT_M, reach_m / kx)):
        x0, y0 = (lons[point] - qx) * kx, (lats[point] - qy) * UNIT_M
        dx, dy = (lons[point + 1] - qx) * kx - x0, (lats[point + 1] - qy) * UNIT_M - y0
        length_sq = dx * dx + dy * dy
        t = -(x0 * dx + y0 * dy) / length_sq if length_sq > 0.0 else 0.0
        t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
        off_sq = (x0 + t * dx) ** 2 + (y0 + t * dy) ** 2
        if off_sq <= reach_sq:
            found.append((point, t, off_sq))
    return found


def _points_near(graph: RoadGraph, qy: float, qx: float, high: float, wide: float) -> list[int]:
    south, west, cell_height, cell_width, _, _ = graph.shape
    row_cell, cell_column, cell_piece = graph.row_cell, graph.cell_column, graph.cell_piece
    first_row = int((qy - high - south) // cell_height)
    last_row = int((qy + high - south) // cell_height)
    first_column = int((qx - wide - west) // cell_width)
    last_column = int((qx + wide - west) // cell_width)
    first_row = 0 if first_row < 0 else first_row
    rows = len(row_cell) - 1
    points: list[int] = []
    for row in range(first_row, (last_row if last_row < rows else rows - 1) + 1):
        end = row_cell[row + 1]
        first = bisect_left(cell_column, first_column, row_cell[row], end)
        last = bisect_left(cell_column, last_column + 1, first, end)
        if last > first:
            points += graph.piece_point[cell_piece[first] : cell_piece[last]]
    return points


def _nearest(
    graph: RoadGraph, heading_deg: float | None, previous: int, reach_m: float, *, lat: float, lon: float
) -> Snap | None:
    qy, qx = lat * E7, lon * E7
    kx = east_unit_m(lat=lat)
    ky = UNIT_M
    lats, lons, segment_of = graph.point_lat, graph.point_lon, graph.point_segment
    forward, backward = graph.segment_forward, graph.segment_backward
    near = _near_segments(graph, previous) if previous >= 0 else None
    if heading_deg is not None:
        heading = radians(heading_deg)
        east, north = sin(heading), cos(heading)
    scale = 0.5 / (GPS_M * GPS_M)
    best_cost = reach_m * reach_m * scale + HEADING_WEIGHT + HOP_COST
    best_point = -1
    best_t = best_sq = best_along = 0.0
    limit_m = reach_m
    # A piece lies in several cells; a set is cheaper than to look at it again.
    for point in set(_points_near(graph, qy, qx, reach_m / ky, reach_m / kx)):
        y0 = (lats[point] - qy) * ky
        dy = (lats[point + 1] - qy) * ky
        # Most pieces lie wholly to one side of what can still be better.
        if (y0 > limit_m and dy > limit_m) or (y0 < -limit_m and dy < -limit_m):
            continue
        x0 = (lons[point] - qx) * kx
        dx = (lons[point + 1] - qx) * kx
        if (x0 > limit_m and dx > limit_m) or (x0 < -limit_m and dx < -limit_m):
            continue
        dx -= x0
        dy -= y0
        length_sq = dx * dx + dy * dy
        if length_sq > 0.0:
            t = -(x0 * dx + y0 * dy) / length_sq
            if t < 0.0:
                t = 0.0
            elif t > 1.0:
                t = 1.0
            x0 += t * dx
            y0 += t * dy
        else:
            t = 0.0
        off_sq = x0 * x0 + y0 * y0
        cost = off_sq * scale
        if cost >= best_cost or off_sq > limit_m * limit_m:
            continue
        along = 0.0
        if heading_deg is not None and length_sq > 0.0:
            along = (dx * east + dy * north) / length_sq**0.5
            segment = segment_of[point]
            if forward[segment] < 0:
                agrees = -along
            elif backward[segment] < 0:
                agrees = along
            else:
                agrees = along if along > 0.0 else -along
            cost += HEADING_WEIGHT * 0.5 * (1.0 - agrees)
        if near is not None and segment_of[point] not in near:
            cost += HOP_COST
        if cost < best_cost:
            best_cost = cost
            reach = (cost / scale) ** 0.5
            if reach < limit_m:
                limit_m = reach
            best_point = point
            best_t = t
            best_sq = off_sq
            best_along = along
    if best_point < 0:
        return None
    return _placed(graph, best_point, best_t, best_sq, best_cost, best_along)


def _near_segments(graph: RoadGraph, previous: int) -> set[int]:
    edge_segment = graph.edge_segment
    start, end = graph.next_start[previous], graph.next_start[previous + 1]
    near = {edge_segment[edge] >> 1 for edge in graph.next_edge[start:end]}
    near.add(edge_segment[previous] >> 1)
    return near


def _placed(graph: RoadGraph, point: int, share: float, off_sq: float, cost: float, along: float) -> Snap:
    segment = graph.point_segment[point]
    from_m = graph.point_along_m[point]
    done_m = from_m + share * (graph.point_along_m[point + 1] - from_m)
    edge, twin = graph.segment_forward[segment], graph.segment_backward[segment]
    length_m = graph.edge_length_m[edge if edge >= 0 else twin]
    if edge < 0 or (along < 0.0 and twin >= 0):
        edge, twin = twin, edge
        done_m = length_m - done_m
    # Across the road tells no direction.
    if along > 0.35 or along < -0.35:
        twin = NO_EDGE
    return Snap(edge, twin, done_m, length_m, off_sq**0.5, cost)
