"""One night: the last days judge what was in force on them, then all finished trips teach.

What was learned is guarded twice. ``tracker.judging`` uses only what pays within the history; here what was used is
held against the trips that came after it. Where the cold start would have told these better, it comes back, or what
was learned before them if that would have been better still; it stays for as long as the bad days are among the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from tracker.calibration import COLD, Calibration, Check, decode_calibration, encode_calibration
from tracker.judging import Told, mean_error_s, paired, rehearse
from tracker.learning import FEWEST_TRIPS, learn
from tracker.recordings import Recording
from tracker.records import KeptCalibration
from tracker.roads.graph import RoadGraph

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SILENT_MS = HOUR_MS
"""Who was silent for an hour has arrived."""
LAST_DAYS = 7
MOST_TRIPS = 5_000
MOST_JUDGED = 300

Progress = Callable[[float], None]


class Store(Protocol):
    """Where trips and what was learned are kept, see ``tracker.store``."""

    def finished_trips(self, *, since_ms: int, before_ms: int, at_most: int) -> list[Recording]: ...
    def calibrations(self, from_ms: int) -> list[KeptCalibration]: ...


class Night(NamedTuple):
    """What is to be in force from now on (None: nothing new), and a sentence for the log."""

    calibration: Calibration | None
    said: str

    @property
    def fell_back(self) -> bool:
        return self.calibration is not None and self.calibration.check is not None and self.calibration.check.fell_back

    def kept(self, now_ms: int) -> KeptCalibration:
        """As the store keeps it. There must be something new."""
        assert self.calibration is not None
        return KeptCalibration(now_ms, self.calibration.trips, encode_calibration(self.calibration))


class InForce(NamedTuple):
    """A calibration and since when (ms since 1970) trips set off by it."""

    since_ms: int
    calibration: Calibration


def learn_by_night(
    store: Store, graph: RoadGraph, *, now_ms: int, days: int, progress: Progress = lambda _: None
) -> Night:
    """What the finished trips of so many days teach; reads the store and writes nothing."""
    trips = store.finished_trips(since_ms=now_ms - days * DAY_MS, before_ms=now_ms - SILENT_MS, at_most=MOST_TRIPS)
    if len(trips) < FEWEST_TRIPS:
        span = "day" if days == 1 else f"{days} days"
        return Night(None, f"Nothing learned: {len(trips)} finished trips in the last {span}, it takes {FEWEST_TRIPS}.")
    from_ms = now_ms - LAST_DAYS * DAY_MS
    in_force = [InForce(kept.learned_at, readable(kept)) for kept in store.calibrations(from_ms)]
    judges = [trip for trip in trips if trip.started_at >= from_ms]
    worse, check = judged(graph, judges, in_force)
    progress(0.1)
    if worse is not None and check is not None:
        where = "what was learned before them" if worse.trips else "the cold start"
        return Night(
            msgspec.structs.replace(worse, check=check),
            f"What was learned told {check.trips} trips of the last {LAST_DAYS} days worse than the cold start: off by"
            f" {check.mae_s:.1f} s instead of {check.cold_mae_s:.1f} s. Back to {where}",
        )
    learned = learn(graph, trips, progress=lambda share: progress(0.1 + 0.9 * share))
    if learned.mae_s is None:
        return Night(None, learned.summary)
    said = learned.summary
    if check is not None:
        said += (
            f". On {check.trips} trips of the last {LAST_DAYS} days off by {check.mae_s:.1f} s,"
            f" cold {check.cold_mae_s:.1f} s"
        )
    return Night(msgspec.structs.replace(learned.calibration, check=check), said)


def judged(
    graph: RoadGraph, trips: Sequence[Recording], in_force: Sequence[InForce]
) -> tuple[Calibration | None, Check | None]:
    """What to fall back to, None while what was learned holds; and the verdict, None where nothing learned was in force
    on these trips. Trips, like ``in_force``, are the earliest first."""
    if len(trips) > MOST_JUDGED:
        trips = [trips[number] for number in np.linspace(0, len(trips) - 1, MOST_JUDGED).round().astype(int)]
    nights = []
    for one, after in pairwise([*in_force, None]):
        if one is not None and not _is_cold(one.calibration):
            until_ms = after.since_ms if after is not None else float("inf")
            of_night = [trip for trip in trips if one.since_ms <= trip.started_at < until_ms]
            if of_night:
                nights.append((one.calibration, of_night))
    if not nights:
        return None, None
    told = [rehearse(graph, calibration, of_night) for calibration, of_night in nights]
    cold = [rehearse(graph, COLD, of_night) for _, of_night in nights]
    count = sum(len(of_night) for _, of_night in nights)
    gain_s, error_s = paired(cold, told)
    bad = count >= FEWEST_TRIPS and gain_s < -error_s
    check = Check(count, mean_error_s(cold), mean_error_s(told), fell_back=bad)
    return _earlier(graph, nights, in_force, cold) if bad else None, check


def _earlier(
    graph: RoadGraph,
    nights: Sequence[tuple[Calibration, Sequence[Recording]]],
    in_force: Sequence[InForce],
    cold: Sequence[Told],
) -> Calibration:
    """The newest that was learned before all these trips, if they say that it is better than the cold start."""
    first_ms = min(of_night[0].started_at for _, of_night in nights)
    before = [one.calibration for one in in_force if one.since_ms <= first_ms][:-1]
    if not before or _is_cold(before[-1]):
        return COLD
    told = [rehearse(graph, before[-1], of_night) for _, of_night in nights]
    gain_s, error_s = paired(cold, told)
    return before[-1] if gain_s > error_s else COLD


def readable(kept: KeptCalibration) -> Calibration:
    """What was kept, cold where that cannot be read."""
    try:
        return decode_calibration(kept.data)
    except ValueError:
        return COLD


def _is_cold(calibration: Calibration) -> bool:
    return msgspec.structs.replace(calibration, check=None, trips=0) == COLD
