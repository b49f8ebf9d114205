"""Whether something learned pays: on trips of other days than it was learned from, and by more than chance. Numpy.

Within one morning squares look as if they told 4 % of the error; on the evening of another day the same squares cost
3 %. So a day judges what other days taught, and where there is one day only, its parts judge each other across hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from tracker.calibration import Calibration
from tracker.messages import Fix
from tracker.recordings import Recording
from tracker.rehearsal import Rehearsal
from tracker.roads.graph import RoadGraph

Array = np.ndarray[Any, np.dtype[Any]]

FAR_MS = 3 * 3_600_000
"""Trips nearer in time than this know each other's traffic and are no judges of what was learned from one another."""
DAY_MS = 86_400_000
LONGER_MS = 36 * 3_600_000
"""A history that spans more is parted by days, a shorter one into thirds."""
PARTS_OF_DAYS, PARTS_OF_A_DAY = 5, 3
FEWEST_TAUGHT, FEWEST_JUDGES = 10, 5
ONE_DAY_DOUBT = 0.02
"""Of the error: what parts of one day say of each other is not known better than so. On recorded trips squares that
saved 1 % on the other hours of a morning cost 1 % and more in the evening of another day."""
JUDGES = 400
"""Of all parts together; each takes 10 to 20 ms in a city for each thing judged."""

Progress = Callable[[float], None]


class Fold(NamedTuple):
    """Numbers of trips: those that judge, and all that are far enough in time to have taught what is judged."""

    judges: list[int]
    taught: list[int]


class Told(NamedTuple):
    """What was told of some trips before they arrived, a row per fix: the trip's number, seconds really left, told, and
    told as the ends of the range."""

    trip: Array
    left_s: Array
    eta_s: Array
    low_s: Array
    high_s: Array


Loss = Callable[[Told], Array]


def of_one_day(trips: Sequence[Recording]) -> bool:
    """Whether a history (earliest first) has no two days that could judge each other."""
    return trips[-1].started_at - trips[0].started_at <= LONGER_MS


def folds(trips: Sequence[Recording]) -> list[Fold]:
    """How a history (earliest first) is parted; none where no part is far from another."""
    if not trips:
        return []
    starts = np.array([trip.started_at for trip in trips], np.int64)
    if not of_one_day(trips):
        lon = float(np.mean([trip.destination.lon for trip in trips]))
        # Days change in the middle of the night of the place.
        days = np.floor((starts / DAY_MS) + lon / 360.0 - 0.125)
        part = np.unique(days, return_inverse=True)[1] % PARTS_OF_DAYS
    else:
        part = np.arange(len(trips)) * PARTS_OF_A_DAY // len(trips)
    parted = []
    names = np.unique(part)
    for name in names:
        of_part = np.flatnonzero(part == name)
        taught = np.flatnonzero(_away_ms(starts, starts[of_part]) >= FAR_MS)
        if len(of_part) >= FEWEST_JUDGES and len(taught) >= FEWEST_TAUGHT:
            wanted = min(len(of_part), JUDGES // len(names))
            judges = of_part[np.linspace(0, len(of_part) - 1, wanted).round().astype(int)]
            parted.append(Fold(judges.tolist(), taught.tolist()))
    return parted


def _away_ms(times: Array, others: Array) -> Array:
    """How far each time is from the nearest of the others (sorted)."""
    after = np.searchsorted(others, times).clip(1, len(others) - 1) if len(others) > 1 else np.zeros(len(times), int)
    away_ms: Array = np.minimum(np.abs(times - others[after]), np.abs(times - others[np.maximum(after - 1, 0)]))
    return away_ms


def rehearse(
    graph: RoadGraph, calibration: Calibration, trips: Sequence[Recording], progress: Progress = lambda _: None
) -> Told:
    """What would have been told at each fix of each trip before its arrival; the trips in the order of their times."""
    rehearsal = Rehearsal(graph, calibration)
    rows = []
    for number, trip in enumerate(trips):
        rehearsal.start(lat=trip.destination.lat, lon=trip.destination.lon)
        arrived_at = trip.arrived_at()
        for fix in trip.fixes:
            rehearsal.receive(Fix(fixed_at=fix.fixed_at, lat=fix.lat, lon=fix.lon))
            rehearsal.line_up()
            if fix.fixed_at < arrived_at:
                one = rehearsal.told(fix.fixed_at)
                rows.append((number, (arrived_at - fix.fixed_at) / 1000.0, one.eta_s, one.low_s, one.high_s))
        progress((number + 1) / len(trips))
    columns = np.array(rows, np.float64).reshape(-1, 5)
    return Told(columns[:, 0].astype(np.int64), *columns.T[1:])


def off_s(told: Told) -> Array:
    """The absolute error of each row."""
    error_s: Array = np.abs(told.left_s - told.eta_s)
    return error_s


def mean_error_s(told: Sequence[Told]) -> float:
    """Over all rows; 0 where there are none."""
    rows = sum(len(each.left_s) for each in told)
    return float(sum(off_s(each).sum() for each in told)) / max(rows, 1)


def paired(before: Sequence[Told], after: Sequence[Told], loss: Loss = off_s) -> tuple[float, float]:
    """How much less is lost per row after than before, and the standard error of that. Both were told of the same
    trips, one entry per fold. Rows of a trip are alike, and so are the trips of a day."""
    gains, rows, fold = [], [], []
    for number, (was, now) in enumerate(zip(before, after, strict=True)):
        if len(was.trip):
            gains.append(np.bincount(was.trip, loss(was) - loss(now)))
            rows.append(np.bincount(was.trip))
            fold.append(np.full(len(rows[-1]), number))
    if not gains:
        return 0.0, 0.0
    gain, count, group = np.concatenate(gains), np.concatenate(rows), np.concatenate(fold)
    mean = float(gain.sum() / count.sum())
    beyond = gain - mean * count
    by_fold = np.bincount(group, beyond)
    parts = len(gains)
    between = (by_fold**2).sum() * parts / (parts - 1) if parts > 1 else 0.0
    return mean, sqrt(max(float((beyond**2).sum()), float(between))) / float(count.sum())


def least_that_pays(told: Mapping[float, Sequence[Told]], loss: Loss = off_s, *, doubt: float = 0.0) -> float:
    """Of strengths (0 among them) and what was told with each, the one to use.

    It is 0 unless the best gains more than one standard error; else the smallest that is not worse than the best by
    more than one. ``doubt`` is the least that this error is believed to be, as a share of what is lost.
    """
    none = told[0.0]
    rows = sum(len(each.trip) for each in none)
    least = doubt * float(sum(loss(each).sum() for each in none)) / max(rows, 1)
    best = max(told, key=lambda strength: paired(none, told[strength], loss)[0])
    gain, error = paired(none, told[best], loss)
    if gain <= max(error, least):
        return 0.0
    for strength in sorted(told):
        lost, error = paired(told[strength], told[best], loss)
        if strength and lost <= max(error, least):
            return strength
    return best
