"""The calibration that driven steps give: ratios of the map's squares, and the pace of the hours of the week. Numpy."""

from __future__ import annotations

from math import log
from typing import Any

import msgspec
import numpy as np

from tracker.calibration import CELL_M, Calibration, Cell
from tracker.driven_steps import Steps
from tracker.roads.driving import edge_cells
from tracker.roads.graph import RoadGraph
from tracker.traffic import HOURS_PER_WEEK, usual_log

Array = np.ndarray[Any, np.dtype[Any]]

CELL_PRIOR_S = 800.0
"""Seconds of expected driving by which a square is believed to be like all. Larger squares on top gave nothing: how
districts differ changes with the hour."""
RATIOS = (0.4, 3.0)
HOUR_PRIOR_S = 3000.0
HOUR_PRIOR_DAYS = 1.0
"""An hour seen on one day is believed by half, on three by three quarters: a single day's clock wrecks the others."""
WEEKDAYS = 5


def fitted(graph: RoadGraph, steps: Steps, trips: int) -> Calibration:
    """Both parts at full strength; no scales."""
    return Calibration(trips=trips, hours=_hours(steps), cells=_cells(graph, steps))


def weakened(full: Calibration, *, lon: float, hours: float, cells: float) -> Calibration:
    """So much (0 to 1) of what was learned, the rest cold."""
    usual = [usual_log(solar_hour=(hour + 0.5 + lon / 15.0) % 24.0) for hour in range(24)]
    return msgspec.structs.replace(
        full,
        hours=tuple((1.0 - hours) * usual[number % 24] + hours * learned for number, learned in enumerate(full.hours))
        if hours
        else (),
        cells=tuple(msgspec.structs.replace(cell, ratio=round(cell.ratio**cells, 3)) for cell in full.cells)
        if cells
        else (),
    )


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
