"""How slowly everybody under way drives just now, against what the map expects. [pure]

Hour of day and weather, school holidays and a blocked bridge all show in the same number: seconds driven for
seconds expected, over all trips of the last three quarters of an hour. On recorded city trips it took a quarter off
the error that one fixed factor made on a day of another kind.
Only what was driven before the asked minute counts, in whatever order trips are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Final

MINUTE_MS: Final = 60_000
FADES_S: Final = 2_400.0
"""Time constant of forgetting. Between 20 and 90 minutes the error on recorded trips differs by 2 %."""
REMEMBERED_MIN: Final = 120
PRIOR_S: Final = 1_500.0
"""Seconds of driving by which the usual pace of the hour is believed: about five trips of five minutes."""
KEPT_MIN: Final = 3 * 24 * 60
HOURS_PER_WEEK: Final = 168
EPOCH_HOUR: Final = 72
"""1970 began on a Thursday; weeks begin on Monday here."""

SOLAR_HOURS = (0.0, 5.0, 6.5, 7.5, 9.0, 12.0, 15.5, 17.0, 18.5, 20.0, 22.0, 24.0)
USUAL_LOG = (-0.40, -0.40, -0.28, -0.15, -0.18, -0.22, -0.15, -0.05, -0.10, -0.22, -0.33, -0.40)
"""Usual log pace by solar hour where nothing was learned yet: free at night, two peaks. Rounded from two recorded days
of one city and about three quarters as deep as there; whoever is under way corrects it within the hour."""


class Traffic:
    """The pace of a fleet. ``hours`` are learned log paces by UTC hour of the week (168), none for the usual ones."""

    __slots__ = ("_decay", "_hours", "_known", "_known_minute", "_minutes", "_newest")

    def __init__(self, hours: Sequence[float] = ()) -> None:
        self._hours: Sequence[float] = ()
        self.use_hours(hours)
        self._minutes: dict[int, list[float]] = {}
        self._newest = 0
        self._known: tuple[float, float] = (0.0, 0.0)
        self._known_minute = -1
        self._decay = [exp(-60.0 * age / FADES_S) for age in range(REMEMBERED_MIN + 1)]

    def use_hours(self, hours: Sequence[float]) -> None:
        """Other log paces by hour of the week; what is observed stays. Raises ValueError unless 168 or none."""
        if len(hours) not in (0, HOURS_PER_WEEK):
            raise ValueError(f"{len(hours)} hours instead of {HOURS_PER_WEEK}")
        self._hours = hours

    def observe(self, *, at_ms: int, took_s: float, expected_s: float) -> None:
        """Driving that ended at ``at_ms`` took ``took_s`` where the map expects ``expected_s``."""
        minute = at_ms // MINUTE_MS
        entry = self._minutes.get(minute)
        if entry is None:
            self._minutes[minute] = [took_s, expected_s]
            if minute > self._newest:
                self._newest = minute
            if len(self._minutes) > KEPT_MIN:
                self._forget()
        else:
            entry[0] += took_s
            entry[1] += expected_s
        if minute < self._known_minute:
            self._known_minute = -1

    def log_pace(self, *, at_ms: int, lon: float) -> float:
        """Natural logarithm of seconds driven for one expected; 0 is as the map expects, more is slower."""
        minute = at_ms // MINUTE_MS
        if minute != self._known_minute:
            took_s = expected_s = 0.0
            minutes = self._minutes
            for age in range(1, REMEMBERED_MIN + 1):
                entry = minutes.get(minute - age)
                if entry is not None:
                    weight = self._decay[age]
                    took_s += weight * entry[0]
                    expected_s += weight * entry[1]
            self._known = took_s, max(expected_s, 0.0)
            self._known_minute = minute
        took_s, expected_s = self._known
        usual = exp(self.usual_log(at_ms=at_ms, lon=lon))
        return log((took_s + PRIOR_S * usual) / (expected_s + PRIOR_S))

    def usual_log(self, *, at_ms: int, lon: float) -> float:
        """The pace of this hour when nobody is under way."""
        hour = at_ms / 3_600_000.0
        if self._hours:
            return self._hours[(int(hour) + EPOCH_HOUR) % HOURS_PER_WEEK]
        return usual_log(solar_hour=(hour + lon / 15.0) % 24.0)

    def _forget(self) -> None:
        oldest = self._newest - KEPT_MIN
        kept = {minute: entry for minute, entry in self._minutes.items() if minute > oldest}
        self._minutes = kept if len(kept) <= KEPT_MIN else {}


def usual_log(*, solar_hour: float) -> float:
    """The usual log pace of cities at a solar hour (0 to 24)."""
    for place in range(1, len(SOLAR_HOURS)):
        if solar_hour <= SOLAR_HOURS[place]:
            before, after = SOLAR_HOURS[place - 1], SOLAR_HOURS[place]
            share = (solar_hour - before) / (after - before)
            return USUAL_LOG[place - 1] + share * (USUAL_LOG[place] - USUAL_LOG[place - 1])
    return USUAL_LOG[-1]
