"""What a simulation saw: counts, distributions, and both over time. Bounded in memory however long it runs. [pure]"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

GROWTH = 1.05  # width of one bin: 5 % of its value
SMALLEST = 0.05
ETA_LEADS_MIN = (30, 15, 10, 5, 2)  # an arrival predicted this long before is compared with the real one
ETA_SLACK_S = 20.0


class Distribution:
    """Values (zero or more, any unit) in bins of 5 %; percentiles are exact to the width of a bin."""

    def __init__(self) -> None:
        self.bins: Counter[int] = Counter()
        self.count = 0
        self.total = 0.0
        self.largest = 0.0

    def add(self, value: float) -> None:
        value = max(value, 0.0)
        self.bins[self._bin(value)] += 1
        self.count += 1
        self.total += value
        self.largest = max(self.largest, value)

    @staticmethod
    def _bin(value: float) -> int:
        return 0 if value <= SMALLEST else 1 + int(math.log(value / SMALLEST) / math.log(GROWTH))

    def percentile(self, percent: float) -> float | None:
        """The value that ``percent`` of all values do not exceed; None without values."""
        if not self.count:
            return None
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for index in sorted(self.bins):
            seen += self.bins[index]
            if seen >= wanted:
                return min(self.largest, SMALLEST * GROWTH**index)
        return self.largest

    def summary(self) -> dict[str, float | int | None]:
        rounded = {f"p{p}": _rounded(self.percentile(p)) for p in (50, 90, 99)}
        mean = self.total / self.count if self.count else None
        return {
            "count": self.count,
            "mean": _rounded(mean),
            **rounded,
            "max": _rounded(self.largest if self.count else None),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@dataclass(frozen=True, slots=True)
class Prediction:
    """An arrival told ``at_ms`` for ``eta_ms``, with its range; all ms since 1970."""

    at_ms: int
    eta_ms: int
    low_ms: int | None
    high_ms: int | None


@dataclass(frozen=True, slots=True)
class EtaOutcome:
    """One prediction against the real arrival: ``error_s`` is positive when it was promised too late."""

    lead_s: float
    error_s: float
    covered: bool | None


def judge(predictions: list[Prediction], arrived_ms: int) -> list[EtaOutcome]:
    """Every prediction that was made before the arrival, against it."""
    outcomes = []
    for prediction in predictions:
        if prediction.at_ms >= arrived_ms:
            continue
        covered = None
        if prediction.low_ms is not None and prediction.high_ms is not None:
            covered = prediction.low_ms <= arrived_ms <= prediction.high_ms
        outcomes.append(
            EtaOutcome(
                lead_s=(arrived_ms - prediction.at_ms) / 1000,
                error_s=(prediction.eta_ms - arrived_ms) / 1000,
                covered=covered,
            )
        )
    return outcomes


@dataclass(slots=True)
class Observations:
    """Everything counted in one run. Times are seconds since its start unless a name says otherwise."""

    counts: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    requests: dict[str, Distribution] = field(default_factory=dict)  # ms, by what was asked
    latency_ms: Distribution = field(default_factory=Distribution)  # fix sent → position at a watcher
    freshness_s: Distribution = field(default_factory=Distribution)  # age of a fix when a watcher got it
    ack_ms: Distribution = field(default_factory=Distribution)  # fix sent → acknowledged
    per_second: dict[str, Counter[int]] = field(default_factory=dict)
    latency_by_second: dict[int, Distribution] = field(default_factory=dict)
    etas: list[EtaOutcome] = field(default_factory=list)

    def tally(self, name: str, at_s: float, times: int = 1) -> None:
        self.counts[name] += times
        self.per_second.setdefault(name, Counter())[int(at_s)] += times

    def asked(self, what: str, took_ms: float) -> None:
        self.requests.setdefault(what, Distribution()).add(took_ms)

    def latency(self, at_s: float, took_ms: float) -> None:
        self.latency_ms.add(took_ms)
        self.latency_by_second.setdefault(int(at_s), Distribution()).add(took_ms)

    def arrived(self, predictions: list[Prediction], arrived_ms: int) -> None:
        """Keep, of each lead, the prediction nearest to it: one trip weighs the same however often it reports."""
        outcomes = judge(predictions, arrived_ms)
        for lead_min in ETA_LEADS_MIN:
            near = [o for o in outcomes if abs(o.lead_s - 60 * lead_min) <= ETA_SLACK_S]
            if near:
                self.etas.append(min(near, key=lambda o: abs(o.lead_s - 60 * lead_min)))

    def eta_by_lead(self) -> list[dict[str, float | int | None]]:
        """Per lead time: how many arrivals, mean absolute error and bias in seconds, share inside the range."""
        rows: list[dict[str, float | int | None]] = []
        for lead_min in ETA_LEADS_MIN:
            near = [o for o in self.etas if abs(o.lead_s - 60 * lead_min) <= ETA_SLACK_S]
            ranged = [o for o in near if o.covered is not None]
            if near:
                rows.append(
                    {
                        "minutes_before": lead_min,
                        "arrivals": len(near),
                        "mean_absolute_error_s": _rounded(sum(abs(o.error_s) for o in near) / len(near)),
                        "bias_s": _rounded(sum(o.error_s for o in near) / len(near)),
                        "coverage": _rounded(sum(bool(o.covered) for o in ranged) / len(ranged)) if ranged else None,
                    }
                )
        return rows
