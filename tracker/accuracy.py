"""How right the told arrival times were: rows of the ledger in, figures out."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean, median
from typing import TypeVar

import msgspec

from tracker.ledger import MINUTES_BEFORE
from tracker.records import Prediction

GOOD_S = 30.0
GOOD_SHARE = 0.2
"""Good is an error of at most 30 s or a fifth of the time that was left, whichever is more."""

K = TypeVar("K")


class Accuracy(msgspec.Struct, frozen=True, gc=False):
    """What was told so many minutes before the arrival, over ``arrivals`` of them. Shares are 0 to 1.

    ``median_error_s``: above zero where the told time was too late, below where it was too early.
    ``mean_error_share``: of the time that was left. ``held_share``: arrivals inside the told range.
    """

    minutes_before: int
    arrivals: int
    mean_error_s: float
    median_error_s: float
    mean_error_share: float
    good_share: float
    held_share: float
    median_range_s: float


class Measured(msgspec.Struct, frozen=True):
    """The figures of some visits; a horizon that no visit reached is left out."""

    visits: int
    horizons: tuple[Accuracy, ...]

    def at(self, minutes_before: int) -> Accuracy | None:
        return next((each for each in self.horizons if each.minutes_before == minutes_before), None)


def measure(rows: Iterable[Prediction]) -> Measured:
    """The figures of these rows, the longest horizon first."""
    at: dict[int, list[Prediction]] = defaultdict(list)
    for row in rows:
        at[row.minutes_before].append(row)
    visits = {row.trip_id for told in at.values() for row in told}
    return Measured(len(visits), tuple(_accuracy(minutes, at[minutes]) for minutes in MINUTES_BEFORE if at[minutes]))


def _accuracy(minutes_before: int, rows: list[Prediction]) -> Accuracy:
    errors_s = [(row.eta_at - row.arrived_at) / 1000.0 for row in rows]
    # The ledger takes what was told at least `minutes_before` ahead: time was left.
    left_s = [(row.arrived_at - row.predicted_at) / 1000.0 for row in rows]
    pairs = list(zip(errors_s, left_s, strict=True))
    return Accuracy(
        minutes_before=minutes_before,
        arrivals=len(rows),
        mean_error_s=fmean(map(abs, errors_s)),
        median_error_s=median(errors_s),
        mean_error_share=fmean(abs(error) / left for error, left in pairs),
        good_share=fmean(abs(error) <= max(GOOD_S, GOOD_SHARE * left) for error, left in pairs),
        held_share=fmean(row.eta_low_at <= row.arrived_at <= row.eta_high_at for row in rows),
        median_range_s=median((row.eta_high_at - row.eta_low_at) / 1000.0 for row in rows),
    )


def by_day(rows: Iterable[Prediction], zone: datetime.tzinfo) -> dict[str, Measured]:
    """The figures of each day of arrival (``YYYY-MM-DD`` in that zone) on which somebody arrived, in order."""

    def day(row: Prediction) -> str:
        return datetime.datetime.fromtimestamp(row.arrived_at / 1000.0, zone).date().isoformat()

    return dict(sorted(_grouped(rows, day).items()))


def by_technician(rows: Iterable[Prediction]) -> dict[str, Measured]:
    """The figures of each technician's id, those with most visits first."""
    return _busiest_first(_grouped(rows, lambda row: row.technician_id))


def by_area(rows: Iterable[Prediction]) -> dict[str | None, Measured]:
    """The figures of each area, those with most visits first; None gathers visits without a known place."""
    return _busiest_first(_grouped(rows, lambda row: row.area))


def _grouped(rows: Iterable[Prediction], key: Callable[[Prediction], K]) -> dict[K, Measured]:
    groups: dict[K, list[Prediction]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: measure(members) for name, members in groups.items()}


def _busiest_first(groups: dict[K, Measured]) -> dict[K, Measured]:
    return dict(sorted(groups.items(), key=lambda item: (-item[1].visits, str(item[0]))))
