"""What recorded trips drove on the map, step by step from fix to fix. Numpy; seconds for a thousand trips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tracker.filters import CURRENT, TrackFilter
from tracker.guide import AHEAD_S, MAP_PACE, QUICKEST, STEP_GAP_S
from tracker.messages import Fix
from tracker.recordings import Recording
from tracker.roads.graph import RoadGraph
from tracker.roads.matching import way_between
from tracker.roads.snap import NO_EDGE, Snap, snap
from tracker.traffic import MINUTE_MS, Traffic

Array = np.ndarray[Any, np.dtype[Any]]


class Steps(NamedTuple):
    """Driving between fixes, one row per fix: when it ended, seconds taken, seconds expected (cold, at the map's pace),
    log pace of the traffic then, longitude; and one row per piece of road: the step, the edge, the expected seconds."""

    at_ms: Array
    took_s: Array
    expected_s: Array
    log_pace: Array
    step: Array
    edge: Array
    piece_s: Array
    lon: float


def driven_steps(
    graph: RoadGraph, trips: Sequence[Recording], progress: Callable[[float], None]
) -> tuple[Steps, list[int]]:
    """Every step of every trip, and where each trip's begin (one more at the end)."""
    traffic = Traffic()
    edge_s = graph.edge_s
    rows: list[tuple[int, float, float, float]] = []
    pieces: list[tuple[int, int, float]] = []
    first: list[int] = []
    lons = []
    for number, trip in enumerate(trips):
        first.append(len(rows))
        lons.append(trip.destination.lon)
        minute, log_pace = -1, 0.0
        for (before, at_before), (after, at_after) in pairwise(_places(graph, trip)):
            took_s = (after - before) / 1000.0
            if not 0.0 < took_s <= STEP_GAP_S:
                continue
            limit_s = (QUICKEST * took_s + AHEAD_S) / MAP_PACE
            way = way_between(graph, at_before, at_after, limit_s=limit_s)
            if not way:
                continue
            if after // MINUTE_MS != minute:
                minute = after // MINUTE_MS
                log_pace = traffic.log_pace(at_ms=after, lon=trip.destination.lon)
            seconds = [MAP_PACE * piece.share * edge_s[piece.edge] for piece in way]
            expected_s = sum(seconds)
            traffic.observe(at_ms=after, took_s=took_s, expected_s=expected_s)
            pieces.extend((len(rows), piece.edge, s) for piece, s in zip(way, seconds, strict=True))
            rows.append((after, took_s, expected_s, log_pace))
        progress((number + 1) / len(trips))
    first.append(len(rows))
    table = np.array(rows, np.float64).reshape(-1, 4)
    parts = np.array(pieces, np.float64).reshape(-1, 3)
    steps = Steps(
        at_ms=table[:, 0].astype(np.int64),
        took_s=table[:, 1],
        expected_s=table[:, 2],
        log_pace=table[:, 3],
        step=parts[:, 0].astype(np.int64),
        edge=parts[:, 1].astype(np.int64),
        piece_s=parts[:, 2],
        lon=float(np.mean(lons)),
    )
    return steps, first


def _places(graph: RoadGraph, trip: Recording) -> list[tuple[int, Snap]]:
    """When and where on the road each believed fix was."""
    track = TrackFilter()
    edge = NO_EDGE
    places = []
    for fix in trip.fixes:
        fresh = Fix(fixed_at=fix.fixed_at, lat=fix.lat, lon=fix.lon)
        if track.receive(fresh, fix.fixed_at) is not CURRENT:
            continue
        heading_deg = track.heading_deg if track.speed_mps > 1.0 else None
        at = snap(graph, lat=track.lat, lon=track.lon, heading_deg=heading_deg, previous=edge)
        if at is not None:
            edge = at.edge
            places.append((fix.fixed_at, at))
    return places


def of_trips(steps: Steps, first_step: Sequence[int], trips: set[int]) -> Steps:
    """The steps of some trips only."""
    wanted = np.zeros(len(steps.at_ms), bool)
    for trip in trips:
        wanted[first_step[trip] : first_step[trip + 1]] = True
    renumbered = np.cumsum(wanted) - 1
    pieces = wanted[steps.step]
    return Steps(
        at_ms=steps.at_ms[wanted],
        took_s=steps.took_s[wanted],
        expected_s=steps.expected_s[wanted],
        log_pace=steps.log_pace[wanted],
        step=renumbered[steps.step[pieces]],
        edge=steps.edge[pieces],
        piece_s=steps.piece_s[pieces],
        lon=steps.lon,
    )
