"""How good told arrivals were: the numbers of the table, from predictions and the truth. [pure]"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracker.recordings import Recording
from tracker.rehearsal import Told

GOOD_S, GOOD_SHARE = 30.0, 0.2
LAST_S = 120.0
EARLY_S = 60.0
QUARTERS = 4


class Prediction(NamedTuple):
    """Told at ``at_s`` (seconds since 1970): the arrival is ``eta_s`` away, between ``low_s`` and ``high_s``."""

    at_s: float
    eta_s: float
    low_s: float
    high_s: float
    arriving: bool


class ScoredTrip(NamedTuple):
    """The predictions of one trip before its arrival."""

    started_s: float
    arrived_s: float
    predictions: Sequence[Prediction]


class Score(NamedTuple):
    """Seconds and per cent; over all positions, but ``early_pct`` over trips."""

    trips: int
    positions: int
    mae_s: float
    mape_pct: float
    good_pct: float
    jump_s: float
    covered_pct: float
    covered_quarters_pct: tuple[float, ...]
    last_mae_s: float
    early_pct: float


def scored_trip(recording: Recording, told: Iterable[tuple[int, Told]]) -> ScoredTrip:
    """Of a recording and what was told at moments (ms since 1970) of it."""
    predictions = [
        Prediction(at_ms / 1000.0, one.eta_s, one.low_s, one.high_s, one.reason == "arriving") for at_ms, one in told
    ]
    return ScoredTrip(recording.started_at / 1000.0, recording.arrived_at() / 1000.0, predictions)


def score(trips: Iterable[ScoredTrip]) -> Score:
    """Raises ValueError when there is no prediction before an arrival."""
    count = positions = good = covered = last = early = jumps = 0
    error_s = relative = last_s = jump_s = 0.0
    quarters = [[0, 0] for _ in range(QUARTERS)]
    for trip in trips:
        count += 1
        took_s = trip.arrived_s - trip.started_s
        before = [prediction for prediction in trip.predictions if prediction.at_s < trip.arrived_s]
        for prediction in before:
            left_s = trip.arrived_s - prediction.at_s
            off_s = abs(prediction.eta_s - left_s)
            positions += 1
            error_s += off_s
            relative += off_s / left_s
            good += off_s <= max(GOOD_S, GOOD_SHARE * left_s)
            held = prediction.low_s <= left_s <= prediction.high_s
            covered += held
            quarter = quarters[min(int((1.0 - left_s / took_s) * QUARTERS), QUARTERS - 1)]
            quarter[0] += held
            quarter[1] += 1
            if left_s <= LAST_S:
                last += 1
                last_s += off_s
        for one, two in pairwise(before):
            jumps += 1
            jump_s += abs(two.at_s + two.eta_s - one.at_s - one.eta_s)
        early += any(prediction.arriving and trip.arrived_s - prediction.at_s > EARLY_S for prediction in before)
    if not positions:
        raise ValueError("no position before an arrival")
    return Score(
        trips=count,
        positions=positions,
        mae_s=error_s / positions,
        mape_pct=100.0 * relative / positions,
        good_pct=100.0 * good / positions,
        jump_s=jump_s / jumps if jumps else 0.0,
        covered_pct=100.0 * covered / positions,
        covered_quarters_pct=tuple(100.0 * held / of if of else 0.0 for held, of in quarters),
        last_mae_s=last_s / last if last else 0.0,
        early_pct=100.0 * early / count,
    )
