"""The level of all predictions and the width of their range, from what was told of trips that were not learned from.
Numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tracker.eta import RANGE_AT_S
from tracker.judging import Fold, Loss, Told, least_that_pays, off_s

Array = np.ndarray[Any, np.dtype[Any]]

STRENGTHS = (0.0, 0.25, 0.5, 1.0)
SCALE_PRIOR_TRIPS = 100.0
RANGE_PRIOR_TRIPS = 20.0
SCALES = (0.85, 1.15)
RANGE_SCALES = (0.2, 2.0)
RANGE_SCALES_OF_ONE_DAY = (0.9, 1.6)
"""Other days are less like a day than its hours are like each other: ranges are rather widened than narrowed by it."""
RANGE_OUTSIDE = 0.1
NEAR_KNOT = 0.25
"""A trip says something of a place in ``RANGE_AT_S`` when a row lies so near to it (0 at the next place, 1 at it)."""


class Scales(NamedTuple):
    """As in ``Calibration``."""

    scale: float = 1.0
    low_scales: tuple[float, ...] = ()
    high_scales: tuple[float, ...] = ()

    def at(self, strength: float) -> Scales:
        """So much of the correction."""
        if not strength:
            return Scales()
        low, high = (tuple(each**strength for each in side) for side in (self.low_scales, self.high_scales))
        return Scales(self.scale**strength, low, high)

    def applied(self, told: Told) -> Told:
        """What would have been told with them."""
        eta_s = told.eta_s * self.scale
        below_s, above_s = (told.eta_s - told.low_s) * self.scale, (told.high_s - told.eta_s) * self.scale
        if self.low_scales:
            below_s *= np.interp(eta_s, RANGE_AT_S, self.low_scales)
        if self.high_scales:
            above_s *= np.interp(eta_s, RANGE_AT_S, self.high_scales)
        return told._replace(eta_s=eta_s, low_s=np.maximum(eta_s - below_s, 0.0), high_s=eta_s + above_s)


def scales(
    parts: Sequence[Fold], told: Sequence[Told], *, doubt: float, one_day: bool = False
) -> tuple[Scales, list[Told]]:
    """What pays on other days than it was found on (or other hours, of ``one_day``), and what would have been told
    with it."""
    limits = RANGE_SCALES_OF_ONE_DAY if one_day else RANGE_SCALES
    level, told = _corrected(parts, told, _level, off_s, doubt)
    width, told = _corrected(parts, told, lambda one: _width(one, limits), outside_s, doubt)
    return Scales(level.scale, width.low_scales, width.high_scales), told


def _corrected(
    parts: Sequence[Fold], told: Sequence[Told], found: Callable[[Told], Scales], loss: Loss, doubt: float
) -> tuple[Scales, list[Told]]:
    by_others = [found(_taught(parts, told, set(fold.taught))) for fold in parts]
    options = {
        strength: [one.at(strength).applied(each) for one, each in zip(by_others, told, strict=True)]
        for strength in STRENGTHS
    }
    strength = least_that_pays(options, loss, doubt=doubt)
    return found(_taught(parts, told)).at(strength), options[strength]


def _taught(parts: Sequence[Fold], told: Sequence[Told], taught: set[int] | None = None) -> Told:
    """The rows of all judges, or of those among these trips; trips by their numbers in the history."""
    of = [each._replace(trip=np.array(fold.judges)[each.trip]) for fold, each in zip(parts, told, strict=True)]
    joined = Told(*(np.concatenate(column) for column in zip(*of, strict=True)))
    if taught is None:
        return joined
    rows = np.isin(joined.trip, list(taught))
    return Told(*(column[rows] for column in joined))


def outside_s(told: Told) -> Array:
    """What a range costs: where its ends are the 10th and 90th percentile of what comes, least on average."""
    lost = np.zeros(len(told.left_s))
    for beyond_s in (told.low_s - told.left_s, told.left_s - told.high_s):
        lost += np.maximum((1.0 - RANGE_OUTSIDE) * beyond_s, -RANGE_OUTSIDE * beyond_s)
    return lost


def _level(told: Told) -> Scales:
    far = told.eta_s > 1.0
    if not far.any():
        return Scales()
    # The scale of least absolute error is the median of the ratios, weighted by what they multiply.
    scale = _quantile(told.left_s[far] / told.eta_s[far], told.eta_s[far], 0.5)
    return Scales(scale=float(np.clip(scale ** _trust(told, SCALE_PRIOR_TRIPS), *SCALES)))


def _width(told: Told, limits: tuple[float, float]) -> Scales:
    """The ends that one in ten lies beyond: of all, believed by the number of trips, and on top of that near each of
    ``RANGE_AT_S``."""
    if not len(told.left_s):
        return Scales()
    late_s = told.left_s - told.eta_s
    near = np.stack([np.interp(told.eta_s, RANGE_AT_S, place) for place in np.eye(len(RANGE_AT_S))])
    sides = []
    for beyond_s, told_s in ((-late_s, told.eta_s - told.low_s), (late_s, told.high_s - told.eta_s)):
        ratio = beyond_s / np.maximum(told_s, 1.0)

        def log_scale(weights: Array, ratio: Array = ratio) -> float:
            return float(np.log(np.clip(_quantile(ratio, weights, 1.0 - RANGE_OUTSIDE), *limits)))

        whole = log_scale(np.ones(len(ratio))) * _trust(told, RANGE_PRIOR_TRIPS)
        logs = []
        for weights in near:
            trust = _trust(Told(*(column[weights > NEAR_KNOT] for column in told)), RANGE_PRIOR_TRIPS)
            logs.append(whole + trust * (log_scale(weights) - whole) if trust else whole)
        sides.append(tuple(round(float(np.exp(each)), 3) for each in logs))
    return Scales(low_scales=sides[0], high_scales=sides[1])


def _trust(told: Told, prior_trips: float) -> float:
    trips = len(np.unique(told.trip))
    return trips / (trips + prior_trips)


def _quantile(values: Array, weights: Array, share: float) -> float:
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(sums, share * sums[-1])), len(values) - 1)])
