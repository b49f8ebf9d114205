"""Did the server keep its promises for one replayed trip? [pure]"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simulations.observations import judge
from simulations.tracks import Track
from simulations.watch_log import WatchLog

DWELL_S = 20.0  # product rule: so long inside the circle makes an arrival


@dataclass(frozen=True, slots=True)
class TripVerdict:
    """``expected_arrival``: the recording stays inside the circle long enough that an arrival must be told."""

    name: str
    fixes: int
    rejected: dict[str, int]
    unnamed: int
    positions: int
    backwards: int
    without_eta: int
    expected_arrival: bool
    announced: bool
    eta_error_s: float | None
    covered: int
    ranged: int

    @property
    def passed(self) -> bool:
        kept = not self.backwards and not self.without_eta and not self.unnamed and self.positions > 0
        return kept and (self.announced or not self.expected_arrival)


def judge_trip(
    track: Track,
    log: WatchLog,
    *,
    rejected: dict[str, int],
    unconfirmed: int,
    radius_m: float,
    judge_eta: bool = True,
) -> TripVerdict:
    """``track`` as it was sent, its times moved; ``unconfirmed``: fixes the server neither took nor refused.

    ``judge_eta`` only in real time: a server never tells an arrival in its own past, where a fast replay lies.
    """
    arrived_ms = round(track.arrived_s(radius_m) * 1000)
    outcomes = judge(log.predictions, arrived_ms) if judge_eta else []
    ranged = [outcome.covered for outcome in outcomes if outcome.covered is not None]
    return TripVerdict(
        name=track.name,
        fixes=len(track.points),
        rejected=rejected,
        unnamed=unconfirmed,
        positions=log.positions,
        backwards=log.backwards,
        without_eta=log.without_eta,
        expected_arrival=track.stays_s(radius_m) >= DWELL_S,
        announced=log.arrived_ms is not None,
        eta_error_s=sum(abs(o.error_s) for o in outcomes) / len(outcomes) if outcomes else None,
        covered=sum(ranged),
        ranged=len(ranged),
    )


@dataclass(slots=True)
class ReplayResult:
    """The verdicts of all trips, and those that could not be played with the reason.

    Without a watcher (``watched`` False) only the acknowledgements can be judged.
    """

    watched: bool = True
    trips: list[TripVerdict] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return bool(self.trips) and not self.failed and not self._broken()

    def kept(self, trip: TripVerdict) -> bool:
        """Whether every promise was kept for ``trip``, as far as that was seen."""
        return trip.passed if self.watched else not trip.unnamed

    def _broken(self) -> list[TripVerdict]:
        return [trip for trip in self.trips if not self.kept(trip)]

    def lines(self) -> list[str]:
        """The summary for people."""
        trips = self.trips
        refused: Counter[str] = Counter()
        for trip in trips:
            refused.update(trip.rejected)
        expected = [trip for trip in trips if trip.expected_arrival]
        errors = [trip.eta_error_s for trip in trips if trip.eta_error_s is not None]
        ranged, covered = sum(t.ranged for t in trips), sum(t.covered for t in trips)
        positions = sum(t.positions for t in trips)
        missing = sum(t.without_eta for t in trips)
        reasons = ", ".join(f"{count} {reason}" for reason, count in refused.most_common()) or "none"
        lines = [
            f"Trips        {len(trips)} replayed, {len(self.failed)} failed",
            f"Fixes        {sum(t.fixes for t in trips)} sent, {sum(refused.values())} refused: {reasons}",
            f"Unnamed      {sum(t.unnamed for t in trips)} fixes without acknowledgement or reason",
        ]
        if self.watched:
            announced = sum(trip.announced for trip in expected)
            lines += [
                f"Positions    {positions} at the watcher, {sum(t.backwards for t in trips)} out of order",
                f"ETA known    at {positions - missing} of {positions} positions",
                f"Arrivals     {announced} of {len(expected)} due, "
                f"{sum(trip.announced for trip in trips) - announced} more announced",
            ]
        else:
            lines.append("Watcher      none: give --visit and --token to check what a customer sees")
        if errors:
            inside = f"{covered / ranged:.0%} of {ranged} inside the range" if ranged else "no range told"
            lines.append(f"ETA error    {sum(errors) / len(errors):.0f} s mean absolute, {inside}")
        elif self.watched and positions:
            lines.append("ETA error    told only by a replay in real time")
        lines += [f"Failed       {name}: {reason}" for name, reason in list(self.failed.items())[:20]]
        lines += [f"Not kept     {trip.name}: {_broken(trip)}" for trip in self._broken()[:20]]
        return lines


def _broken(trip: TripVerdict) -> str:
    broken = []
    if not trip.positions:
        broken.append("no position reached the watcher")
    if trip.backwards:
        broken.append(f"{trip.backwards} positions out of order")
    if trip.without_eta:
        broken.append(f"{trip.without_eta} positions without ETA")
    if trip.unnamed:
        broken.append(f"{trip.unnamed} fixes neither taken nor refused")
    if trip.expected_arrival and not trip.announced:
        broken.append("arrival not announced")
    return ", ".join(broken)
