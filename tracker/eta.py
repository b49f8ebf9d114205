"""The arrival instant: an absolute time with an honest range, told only when it changes noticeably.

Between fixes it does not drift; it is never in the past. The pace corrects what the road engine (or the
engine-less default) expects by what this technician really drives, shrunk hard toward the expectation: on
recorded city trips the recent speed alone is by far the worst predictor.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import sqrt
from typing import Final

PACE_PRIOR_S: Final = 900.0
"""Weight of the expectation against observed driving, in seconds; from cross-validation on recorded city trips."""
PACE_MIN: Final = 0.5
PACE_MAX: Final = 2.5
TELL_S: Final = 15.0
TELL_SHARE: Final = 0.08
"""A change is told beyond 15 s and 8 % of what is left ..."""
TELL_NEAR_SHARE: Final = 0.04
TELL_NEAR_GROWS_S: Final = 1500.0
"""... and near the end beyond less: 4 % and one percent more for each 15 s left, but not for a stroll of the GPS."""
TELL_LEAST_S: Final = 3.0
TELL_LATER: Final = 0.8
"""Arrivals drift later more often than sooner, so a little less is enough for that."""
TELL_KEEPS: Final = 0.3
"""So much of the band stays between the told and the fresh instant: what moved out a little moves back a little."""
LOW_SHARE: Final = 0.63
HIGH_SHARE: Final = 1.46
LOW_SHARE_ESTIMATED: Final = 0.45
HIGH_SHARE_ESTIMATED: Final = 1.5
LOW_FLOOR_S: Final = 5.0
HIGH_FLOOR_S: Final = 24.0
"""10th and 90th percentile of (actual / told) on recorded city trips; seconds that do not shrink with the rest."""
RANGE_AT_S: tuple[float, ...] = (30.0, 90.0, 180.0, 360.0, 720.0, 1440.0)
"""Told seconds ahead at which an installation learns how wide the range has to be; in between it is on the line from
one to the next. Some cities are as sure as clockwork ten minutes ahead, and none is in the last minute."""
ARRIVING_S: Final = 45.0
"""Below this a customer is told "arriving now" instead of a time."""
STANDING_TOLD_AFTER_MS: Final = 120_000
SILENT_AFTER_MS: Final = 60_000
"""Four intervals of a common phone feed: from here on the told range widens."""


class Pace:
    """How slowly this technician drives against the expectation: 1 as expected, 1.2 a fifth slower."""

    __slots__ = ("_expected_s", "_observed_s", "factor")

    def __init__(self) -> None:
        self._observed_s = 0.0
        self._expected_s = 0.0
        self.factor = 1.0

    @property
    def observed(self) -> tuple[float, float]:
        """Seconds driven, and expected for it, so far."""
        return self._observed_s, self._expected_s

    def take_up(self, took_s: float, expected_s: float) -> None:
        """Go on from what was ``observed`` elsewhere."""
        self._observed_s = self._expected_s = 0.0
        self.observe(took_s, expected_s)

    def observe(self, took_s: float, expected_s: float) -> None:
        """Progress that was expected to take ``expected_s`` took ``took_s``."""
        self._observed_s += took_s
        self._expected_s += expected_s
        expected_s = self._expected_s
        ratio = (self._observed_s + PACE_PRIOR_S) / ((expected_s if expected_s > 0.0 else 0.0) + PACE_PRIOR_S)
        # The exponent is one half: shrunk once more, because what was slow so far is rarely as slow to the end.
        factor = sqrt(ratio)
        self.factor = factor if PACE_MIN <= factor <= PACE_MAX else min(max(factor, PACE_MIN), PACE_MAX)


class ArrivalEstimate:
    """The told arrival instant of one trip, in milliseconds since 1970, with the ends of its range.

    ``low_scales`` and ``high_scales`` widen (above 1) or narrow the sides of the range, one for each of ``RANGE_AT_S``
    as an installation has learned; none for the range of a cold start.
    """

    __slots__ = ("estimated", "eta_at", "high_at", "high_scales", "low_at", "low_scales", "reason")

    def __init__(self) -> None:
        self.eta_at: int | None = None
        self.low_at = 0
        self.high_at = 0
        self.reason = "first"
        self.estimated = False
        self.low_scales: Sequence[float] = ()
        self.high_scales: Sequence[float] = ()

    def update(
        self, left_s: float, at_ms: int, estimated: bool, standing_ms: int = 0, at_the_door: bool | None = None
    ) -> bool:
        """Feed the seconds left as of ``at_ms``; True when the change is worth telling (``reason`` says why).

        ``at_the_door`` tells whether the technician is so near that "arriving" may be said; None where it is not known.
        """
        if left_s < 0.0:
            left_s = 0.0
        fresh = at_ms + int(left_s * 1000.0)
        told = self.eta_at
        anew = self.estimated is not estimated
        self.estimated = estimated
        tells = True
        if told is None:
            told = fresh
            self.reason = "estimated" if estimated else "first"
        else:
            band_s = TELL_S + TELL_SHARE * left_s
            near_s = left_s * (TELL_NEAR_SHARE + left_s / TELL_NEAR_GROWS_S)
            if near_s < band_s:
                band_s = near_s if near_s > TELL_LEAST_S else TELL_LEAST_S
            change_ms = fresh - told
            later_ms = band_s * (1000.0 * TELL_LATER)
            sooner_ms = band_s * -1000.0
            if anew:
                told = fresh
            elif change_ms > later_ms:
                told = fresh - int(later_ms * TELL_KEEPS)
            elif change_ms < sooner_ms:
                told = fresh - int(sooner_ms * TELL_KEEPS)
            else:
                tells = told < at_ms
            if told < at_ms:
                told = at_ms
            if tells:
                arriving = left_s <= ARRIVING_S if at_the_door is None else at_the_door
                if arriving:
                    self.reason = "arriving"
                else:
                    self.reason = "standing still" if standing_ms >= STANDING_TOLD_AFTER_MS else "changed"
        self.eta_at = told
        # The range follows every fix: it narrows on the way even while the told instant rests.
        ahead_s = (told - at_ms) / 1000.0
        if estimated:
            low_s = ahead_s * LOW_SHARE_ESTIMATED
            high_s = ahead_s * HIGH_SHARE_ESTIMATED + HIGH_FLOOR_S
        else:
            below_s = ahead_s * (1.0 - LOW_SHARE) + LOW_FLOOR_S
            above_s = ahead_s * (HIGH_SHARE - 1.0) + HIGH_FLOOR_S
            if self.low_scales:
                below_s *= range_scale(self.low_scales, ahead_s)
            if self.high_scales:
                above_s *= range_scale(self.high_scales, ahead_s)
            low_s = ahead_s - below_s
            high_s = ahead_s + above_s
        self.low_at = at_ms + int(low_s * 1000.0) if low_s > 0.0 else at_ms
        self.high_at = at_ms + int(high_s * 1000.0)
        return tells


def arrival_as_of(
    now_ms: int, *, eta_at: int, low_at: int, high_at: int, fixed_at: int, told_ms: int
) -> tuple[int, int, int]:
    """The told instant and the ends of its range as they hold now, never in the past.

    The longer nothing was heard, the less is known: half of the silence goes to either side. ``fixed_at`` is the newest
    fix known; for the silence up to ``told_ms`` the range was widened already. The pages reckon the same by themselves
    (``arrivalAsOf`` of static/js/live_state.js), so that nobody has to be told of silence.
    """
    had_ms = widening_ms(told_ms - fixed_at)
    due_ms = max(widening_ms(now_ms - fixed_at), had_ms)
    if eta_at < now_ms:
        eta_at = now_ms
    return (
        eta_at,
        min(max(low_at + had_ms - due_ms, now_ms), eta_at),
        max(high_at - had_ms, eta_at) + due_ms,
    )


def widening_ms(silence_ms: int) -> int:
    """How much earlier, and how much later, an arrival may be after such a silence."""
    return (silence_ms - SILENT_AFTER_MS) // 2 if silence_ms > SILENT_AFTER_MS else 0


def range_scale(scales: Sequence[float], ahead_s: float) -> float:
    """What a side of the range is multiplied by so far ahead; ``scales`` are those at ``RANGE_AT_S``."""
    after = bisect_right(RANGE_AT_S, ahead_s)
    if after == 0:
        return scales[0]
    if after == len(RANGE_AT_S):
        return scales[-1]
    before_s = RANGE_AT_S[after - 1]
    share = (ahead_s - before_s) / (RANGE_AT_S[after] - before_s)
    return scales[after - 1] + share * (scales[after] - scales[after - 1])
