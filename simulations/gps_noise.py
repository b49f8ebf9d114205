"""What a phone makes of a true path: correlated errors, gaps, tunnels, duplicates, outliers, late batches.

Rates follow what service fleets and taxis really send: see each field of :class:`GpsFaults`. Seeded. [pure]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import msgspec

from simulations.journeys import Moment
from simulations.plane import METRES_PER_DEGREE


class GpsFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How bad the phone's reception is. Rates are per fix or per hour as named; all zero is perfect."""

    rms_min_m: float = 3.0
    rms_max_m: float = 8.0
    correlation_s: float = 25.0  # reflections from the same walls last about a block
    duplicate_share: float = 0.02
    outlier_share: float = 0.004
    outlier_min_m: float = 500.0
    outlier_max_m: float = 3000.0
    gaps_per_hour: float = 2.0  # the phone sleeps: no fix is taken
    gap_max_s: float = 45.0
    tunnels_per_hour: float = 1.0  # fixes are taken but have no way out; they come in one late batch
    tunnel_max_s: float = 90.0


USUAL = GpsFaults()
PERFECT = GpsFaults(rms_min_m=0, rms_max_m=0, duplicate_share=0, outlier_share=0, gaps_per_hour=0, tunnels_per_hour=0)


@dataclass(frozen=True, slots=True)
class PhoneFix:
    """A fix as the phone took it, ``t_s`` seconds after the start."""

    t_s: float
    lat: float
    lon: float
    accuracy_m: float
    speed_mps: float
    heading_deg: float | None
    outlier: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """At ``at_s`` the phone hands over ``fixes``: usually one, after a tunnel many, in the order taken."""

    at_s: float
    fixes: tuple[PhoneFix, ...]


def taken_by_phone(
    moment_at: Callable[[float], Moment],
    *,
    duration_s: float,
    interval_s: float,
    seed: str,
    faults: GpsFaults = USUAL,
) -> list[Delivery]:
    """Everything the phone hands over from 0 to ``duration_s``, one fix every ``interval_s`` at best."""
    random = Random(f"gps {seed}")
    rms_m = random.uniform(faults.rms_min_m, faults.rms_max_m)
    error = _DriftingError(random, rms_m=rms_m, correlation_s=faults.correlation_s)
    gaps = _spans(random, duration_s, per_hour=faults.gaps_per_hour, longest_s=faults.gap_max_s)
    tunnels = _spans(random, duration_s, per_hour=faults.tunnels_per_hour, longest_s=faults.tunnel_max_s)
    deliveries: list[Delivery] = []
    held: list[PhoneFix] = []
    for step in range(int(duration_s // interval_s) + 1):
        t_s = step * interval_s
        east_m, north_m = error.after(interval_s if step else 0.0)
        if _within(gaps, t_s):
            continue
        fix = _fix(random, moment_at(t_s), t_s, east_m, north_m, rms_m, faults)
        if _within(tunnels, t_s):
            held.append(fix)
            continue
        deliveries.append(Delivery(t_s, (*held, fix)))
        held = []
        if random.random() < faults.duplicate_share:
            deliveries.append(Delivery(t_s, (fix,)))
    if held:
        deliveries.append(Delivery(duration_s, tuple(held)))
    return deliveries


class _DriftingError:
    """A Gauss–Markov walk to the east and the north whose distance from zero is ``rms_m`` on average."""

    def __init__(self, random: Random, *, rms_m: float, correlation_s: float) -> None:
        self._random = random
        self._axis_m = rms_m / math.sqrt(2)
        self._correlation_s = correlation_s
        self._east_m = random.gauss(0, self._axis_m)
        self._north_m = random.gauss(0, self._axis_m)

    def after(self, elapsed_s: float) -> tuple[float, float]:
        kept = math.exp(-elapsed_s / self._correlation_s)
        fresh_m = self._axis_m * math.sqrt(1 - kept * kept)
        self._east_m = kept * self._east_m + self._random.gauss(0, fresh_m)
        self._north_m = kept * self._north_m + self._random.gauss(0, fresh_m)
        return self._east_m, self._north_m


def _spans(random: Random, duration_s: float, *, per_hour: float, longest_s: float) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    at_s = 0.0
    while per_hour > 0:
        at_s += random.expovariate(1.0) * 3600 / per_hour
        if at_s >= duration_s:
            break
        end_s = at_s + random.uniform(0.25, 1.0) * longest_s
        spans.append((at_s, end_s))
        at_s = end_s
    return spans


def _within(spans: list[tuple[float, float]], t_s: float) -> bool:
    return any(start_s <= t_s < end_s for start_s, end_s in spans)


def _fix(
    random: Random,
    moment: Moment,
    t_s: float,
    east_m: float,
    north_m: float,
    rms_m: float,
    faults: GpsFaults,
) -> PhoneFix:
    outlier = random.random() < faults.outlier_share
    if outlier:
        away_m = random.uniform(faults.outlier_min_m, faults.outlier_max_m)
        angle = random.uniform(0, 2 * math.pi)
        east_m, north_m = away_m * math.cos(angle), away_m * math.sin(angle)
    speed_mps = max(0.0, moment.speed_mps + random.gauss(0, 0.3 if rms_m else 0.0))
    moving = moment.speed_mps > 1.0
    return PhoneFix(
        t_s=t_s,
        lat=moment.lat + north_m / METRES_PER_DEGREE,
        lon=moment.lon + east_m / (METRES_PER_DEGREE * math.cos(math.radians(moment.lat))),
        accuracy_m=round(max(2.0, rms_m * random.uniform(0.9, 1.6)), 1),
        speed_mps=round(speed_mps if moving else 0.0, 2),
        heading_deg=round(moment.heading_deg, 1) if moving else None,
        outlier=outlier,
    )
