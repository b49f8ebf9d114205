"""Learning from finished trips: what the map's squares and the hours of the week are like here.

Nightly, or whenever there is a history: thousands of trips take seconds to a minute. What was learned is kept only
where it predicts trips better than the cold start that it has not seen, the most recent ones among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tracker.calibration import CELL_M, COLD, Calibration, Cell
from tracker.filters import CURRENT, TrackFilter
from tracker.guide import DELAY_S, MAP_PACE, SLOWEST, STEP_GAP_S
from tracker.messages import Fix
from tracker.recordings import Recording
from tracker.rehearsal import Rehearsal, Told
from tracker.roads.driving import cold_seconds, edge_cells
from tracker.roads.graph import RoadGraph
from tracker.roads.matching import way_between
from tracker.roads.snap import NO_EDGE, Snap, snap
from tracker.traffic import HOURS_PER_WEEK, MINUTE_MS, Traffic, usual_log

Array = np.ndarray[Any, np.dtype[Any]]

FEWEST_TRIPS = 20
HELD_BACK = 4
"""One trip in so many is held back twice to judge what was learned from the others: the most recent ones, which may
lie in other hours, and every fourth."""
JUDGES = 250
WORSE_BY = 1.03
"""On the most recent trips alone a part that helps over all may cost three percent, which is noise."""
CELL_PRIOR_S = 800.0
"""Seconds of expected driving by which a square is believed to be like all. Larger squares on top gave nothing: how
districts differ changes with the hour."""
RATIOS = (0.4, 3.0)
HOUR_PRIOR_S = 3000.0
HOUR_PRIOR_DAYS = 1.0
"""An hour seen on one day is believed by half, on three by three quarters: a single day's clock wrecks the others."""
SCALE_PRIOR_TRIPS = 100.0
RANGE_PRIOR_TRIPS = 200.0
SCALES = (0.85, 1.15)
RANGE_SCALES = (0.9, 1.6)
"""Other days are less like the last ones than these are like each other: ranges are rather widened than narrowed."""
RANGE_OUTSIDE = 0.1
WEEKDAYS = 5

Progress = Callable[[float], None]


class Learned(NamedTuple):
    """What is to be used from now on, and the mean absolute errors in seconds on trips that it was not learned from;
    None when there were too few."""

    calibration: Calibration
    cold_mae_s: float | None
    mae_s: float | None

    @property
    def summary(self) -> str:
        if self.cold_mae_s is None or self.mae_s is None:
            return f"Nothing learned: fewer than {FEWEST_TRIPS} usable trips"
        kept = [name for name in ("hours", "cells") if getattr(self.calibration, name)]
        return (
            f"Learned from {self.calibration.trips} trips; kept: {', '.join(kept) or 'nothing'}."
            f" Error on trips held back {self.cold_mae_s:.1f} s cold, {self.mae_s:.1f} s learned"
        )


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


def learn(graph: RoadGraph, history: Sequence[Recording], *, progress: Progress = lambda _: None) -> Learned:
    """The calibration that finished trips give. ``graph`` is left with the cold seconds."""
    usable = sorted((trip for trip in history if len(trip.fixes) > 2), key=lambda trip: trip.started_at)
    if len(usable) < FEWEST_TRIPS:
        return Learned(COLD, None, None)
    graph.replace_seconds(cold_seconds(graph).astype(np.float32).tobytes())
    steps, first_step = _steps(graph, usable, lambda part: progress(0.3 * part))
    held = len(usable) // HELD_BACK
    numbers = range(len(usable))
    panels = []
    for judges in (numbers[-held:], numbers[::HELD_BACK]):
        train = set(numbers) - set(judges)
        panels.append(
            _Panel(
                [usable[number] for number in judges[-JUDGES:]],
                _fitted(graph, _of_trips(steps, first_step, train), len(train)),
            )
        )
    kept, cold_mae_s, mae_s = _judged(graph, panels, lambda part: progress(0.3 + 0.65 * part))
    final = _fitted(graph, steps, len(usable))
    final = msgspec.structs.replace(
        final,
        hours=final.hours if "hours" in kept else (),
        cells=final.cells if "cells" in kept else (),
    )
    final = _corrected(
        final, [trip for panel in panels for trip in panel.judges], [rows for panel in panels for rows in panel.told]
    )
    graph.replace_seconds(cold_seconds(graph).astype(np.float32).tobytes())
    progress(1.0)
    return Learned(final, cold_mae_s, mae_s)


class _Panel:
    """Trips that judge, what was learned without them, and what was told on them by what is kept so far."""

    def __init__(self, judges: Sequence[Recording], candidate: Calibration) -> None:
        self.judges = judges
        self.candidate = candidate
        self.told: list[list[tuple[int, Told]]] = []
        self.error_s = 0.0


def _judged(graph: RoadGraph, panels: Sequence[_Panel], progress: Progress) -> tuple[tuple[str, ...], float, float]:
    """The names of the parts to keep: each must make the error smaller than it was without."""
    kept: tuple[str, ...] = ()
    cold_mae_s = 0.0
    parts: tuple[tuple[str, ...], ...] = ((), ("hours",), ("cells",))
    rounds = len(parts) * len(panels)
    for number, part in enumerate(parts):
        tried = kept + part
        seen = []
        for place, panel in enumerate(panels):
            calibration = msgspec.structs.replace(COLD, **{name: getattr(panel.candidate, name) for name in tried})
            begun = number * len(panels) + place
            told = rehearse(graph, calibration, panel.judges, _part_of(progress, begun, rounds))
            seen.append((told, mean_error_s(panel.judges, told)))
        if number == 0:
            cold_mae_s = sum(error_s for _, error_s in seen) / len(panels)
        elif sum(error_s for _, error_s in seen) >= sum(panel.error_s for panel in panels) or any(
            error_s > WORSE_BY * panel.error_s for panel, (_, error_s) in zip(panels, seen, strict=True)
        ):
            continue
        kept = tried
        for panel, (told, error_s) in zip(panels, seen, strict=True):
            panel.told, panel.error_s = told, error_s
    return kept, cold_mae_s, sum(panel.error_s for panel in panels) / len(panels)


def _part_of(progress: Progress, number: int, of: int) -> Progress:
    """Progress of one of several equal parts."""
    return lambda share: progress((number + share) / of)


def rehearse(
    graph: RoadGraph, calibration: Calibration, trips: Sequence[Recording], progress: Progress = lambda _: None
) -> list[list[tuple[int, Told]]]:
    """What would have been told at each fix of each trip."""
    rehearsal = Rehearsal(graph, calibration)
    told = []
    for number, trip in enumerate(trips):
        rehearsal.start(lat=trip.destination.lat, lon=trip.destination.lon)
        rows = []
        for fix in trip.fixes:
            rehearsal.receive(Fix(fixed_at=fix.fixed_at, lat=fix.lat, lon=fix.lon))
            rehearsal.line_up()
            rows.append((fix.fixed_at, rehearsal.told(fix.fixed_at)))
        told.append(rows)
        progress((number + 1) / len(trips))
    return told


def mean_error_s(trips: Sequence[Recording], told: Sequence[Sequence[tuple[int, Told]]]) -> float:
    left_s, eta_s, _, _ = _held_against(trips, told)
    return float(np.abs(left_s - eta_s).mean()) if len(left_s) else 0.0


def _held_against(
    trips: Sequence[Recording], told: Sequence[Sequence[tuple[int, Told]]]
) -> tuple[Array, Array, Array, Array]:
    """Seconds really left, told, and to the ends of the told range, at each fix before the arrival."""
    rows = [
        ((arrived_at - at_ms) / 1000.0, one.eta_s, one.low_s, one.high_s)
        for trip, rows in zip(trips, told, strict=True)
        for arrived_at in (trip.arrived_at(),)
        for at_ms, one in rows
        if at_ms < arrived_at
    ]
    columns = np.array(rows, np.float64).reshape(-1, 4)
    return columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3]


def _corrected(
    calibration: Calibration, trips: Sequence[Recording], told: Sequence[Sequence[tuple[int, Told]]]
) -> Calibration:
    """With what the rehearsal of recent trips says about the level of all predictions and the width of the range."""
    left_s, eta_s, low_s, high_s = _held_against(trips, told)
    if not len(left_s):
        return calibration
    trust = len(trips) / (len(trips) + SCALE_PRIOR_TRIPS)
    far = eta_s > 1.0
    # The scale of least absolute error is the median of the ratios, weighted by what they multiply.
    scale = _quantile(left_s[far] / eta_s[far], eta_s[far], 0.5) ** trust
    below_s, above_s = np.maximum(eta_s - low_s, 1.0), np.maximum(high_s - eta_s, 1.0)
    every = np.ones(len(left_s))
    low = _quantile((eta_s - left_s) / below_s, every, 1.0 - RANGE_OUTSIDE)
    high = _quantile((left_s - eta_s) / above_s, every, 1.0 - RANGE_OUTSIDE)
    trust = len(trips) / (len(trips) + RANGE_PRIOR_TRIPS)
    return msgspec.structs.replace(
        calibration,
        scale=float(np.clip(scale, *SCALES)),
        low_scale=float(np.clip(1.0 + trust * (low - 1.0), *RANGE_SCALES)),
        high_scale=float(np.clip(1.0 + trust * (high - 1.0), *RANGE_SCALES)),
    )


def _quantile(values: Array, weights: Array, share: float) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(sums, share * sums[-1])), len(values) - 1)])


def _steps(graph: RoadGraph, trips: Sequence[Recording], progress: Progress) -> tuple[Steps, list[int]]:
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
            limit_s = (SLOWEST * took_s + DELAY_S) / MAP_PACE
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


def _of_trips(steps: Steps, first_step: Sequence[int], trips: set[int]) -> Steps:
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


def _fitted(graph: RoadGraph, steps: Steps, trips: int) -> Calibration:
    return Calibration(trips=trips, hours=_hours(steps), cells=_cells(graph, steps))


def _hours(steps: Steps) -> tuple[float, ...]:
    """Log pace by UTC hour of the week: working days are alike, and so are the days of a weekend."""
    usual = [usual_log(solar_hour=(hour + 0.5 + steps.lon / 15.0) % 24.0) for hour in range(24)]
    day = steps.at_ms // 86_400_000
    hour = steps.at_ms // 3_600_000 % 24
    rest = ((day + 3) % 7 >= WEEKDAYS).astype(np.int64)
    bins = rest * 24 + hour
    took_s, expected_s = (np.bincount(bins, column, 48) for column in (steps.took_s, steps.expected_s))
    days = np.bincount(np.unique(bins * 1_000_000 + day) // 1_000_000, minlength=48)
    seen = np.flatnonzero((took_s > 60.0) & (expected_s > 60.0))
    if not len(seen):
        return ()
    beyond = {int(b): log(took_s[b] / expected_s[b]) - usual[b % 24] for b in seen}
    whole = sum(beyond[b] * took_s[b] for b in beyond) / sum(took_s[b] for b in beyond)
    all_days = len(np.unique(day))
    whole *= all_days / (all_days + HOUR_PRIOR_DAYS)
    learned = []
    for b in range(48):
        log_pace = usual[b % 24] + whole
        if b in beyond:
            trust = days[b] / (days[b] + HOUR_PRIOR_DAYS) * took_s[b] / (took_s[b] + HOUR_PRIOR_S)
            log_pace += trust * (beyond[b] - whole)
        learned.append(float(log_pace))
    week = [learned[(24 if weekday >= WEEKDAYS else 0) + h] for weekday in range(7) for h in range(24)]
    assert len(week) == HOURS_PER_WEEK
    return tuple(week)


def _cells(graph: RoadGraph, steps: Steps) -> tuple[Cell, ...]:
    """Ratios by square, and by square and direction on top of that."""
    share = steps.piece_s / np.maximum(steps.expected_s[steps.step], 1e-6)
    took_s = share * (steps.took_s / np.exp(steps.log_pace))[steps.step]
    # Squares tell how places differ, not how the whole differs from the map: that is the scale's.
    took_s *= steps.piece_s.sum() / max(took_s.sum(), 1e-6)
    expected_s = steps.piece_s.copy()
    row, column, quadrant = (values[steps.edge] for values in edge_cells(graph, CELL_M))
    cells: list[Cell] = []
    for way in (np.full(len(row), -1), quadrant):
        keys, where = np.unique(np.stack([row, column, way], 1), axis=0, return_inverse=True)
        where = where.reshape(-1)
        ratios = (np.bincount(where, took_s) + CELL_PRIOR_S) / (np.bincount(where, expected_s) + CELL_PRIOR_S)
        ratios = np.clip(ratios, *RATIOS)
        expected_s *= ratios[where]
        cells += [
            Cell(int(at_row), int(at_column), int(going), round(float(ratio), 3))
            for (at_row, at_column, going), ratio in zip(keys, ratios, strict=True)
        ]
    return tuple(cells)
