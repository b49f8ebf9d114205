"""Learning from finished trips: what the map's squares and the hours of the week are like here.

Nightly, or whenever there is a history: thousands of trips take seconds to a minute. Of what was learned only so much
is used as makes the error smaller on days that it was not learned from: see ``tracker.judging``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from tracker.calibration import COLD, Calibration
from tracker.driven_steps import driven_steps, of_trips
from tracker.fitting import fitted, weakened
from tracker.judging import ONE_DAY_DOUBT, Told, folds, least_that_pays, mean_error_s, of_one_day, rehearse
from tracker.recordings import Recording
from tracker.roads.driving import cold_seconds
from tracker.roads.graph import RoadGraph
from tracker.scaling import scales

FEWEST_TRIPS = 20
STRENGTHS = (0.25, 0.5, 1.0)
"""Of a part, besides none."""
PARTS = ("hours", "cells")

Progress = Callable[[float], None]


class Learned(NamedTuple):
    """What is to be used from now on, how much of each part, and the mean absolute errors in seconds on trips that it
    was not learned from; None when there were too few to judge by."""

    calibration: Calibration
    kept: dict[str, float]
    cold_mae_s: float | None
    mae_s: float | None
    why_not: str = ""

    @property
    def summary(self) -> str:
        if self.cold_mae_s is None or self.mae_s is None:
            return f"Nothing learned: {self.why_not}"
        kept = [f"{name} by {100 * strength:.0f} %" for name, strength in self.kept.items() if strength]
        return (
            f"Learned from {self.calibration.trips} trips; kept: {', '.join(kept) or 'nothing'}."
            f" Error on other days {self.cold_mae_s:.1f} s cold, {self.mae_s:.1f} s learned"
        )


def learn(graph: RoadGraph, history: Sequence[Recording], *, progress: Progress = lambda _: None) -> Learned:
    """The calibration that finished trips give. ``graph`` is left with the cold seconds."""
    usable = sorted((trip for trip in history if len(trip.fixes) > 2), key=lambda trip: trip.started_at)
    if len(usable) < FEWEST_TRIPS:
        return Learned(COLD, {}, None, None, f"fewer than {FEWEST_TRIPS} usable trips")
    parts = folds(usable)
    if not parts:
        return Learned(COLD, {}, None, None, "all trips are from the same hours, and none from others to judge by")
    _make_cold(graph)
    steps, first_step = driven_steps(graph, usable, lambda share: progress(0.2 * share))
    full = [fitted(graph, of_trips(steps, first_step, set(fold.taught)), len(fold.taught)) for fold in parts]
    judges = [[usable[number] for number in fold.judges] for fold in parts]
    rounds = 1 + len(PARTS) * len(STRENGTHS)
    done = 0
    one_day = of_one_day(usable)
    doubt = ONE_DAY_DOUBT if one_day else 0.0

    def told_with(strengths: dict[str, float]) -> list[Told]:
        nonlocal done
        told = []
        for number, (each, trips) in enumerate(zip(full, judges, strict=True)):
            told.append(rehearse(graph, weakened(each, lon=steps.lon, **strengths), trips))
            progress(0.2 + 0.8 * (done + (number + 1) / len(parts)) / rounds)
        done += 1
        return told

    kept = dict.fromkeys(PARTS, 0.0)
    told = cold = told_with(kept)
    for name in PARTS:
        options = {0.0: told} | {strength: told_with(kept | {name: strength}) for strength in STRENGTHS}
        kept[name] = least_that_pays(options, doubt=doubt)
        told = options[kept[name]]
    correction, told = scales(parts, told, doubt=doubt, one_day=one_day)
    _make_cold(graph)
    progress(1.0)
    calibration = msgspec.structs.replace(
        weakened(fitted(graph, steps, len(usable)), lon=steps.lon, **kept), **correction._asdict()
    )
    return Learned(calibration, kept, mean_error_s(cold), mean_error_s(told))


def _make_cold(graph: RoadGraph) -> None:
    graph.replace_seconds(cold_seconds(graph).astype(np.float32).tobytes())
