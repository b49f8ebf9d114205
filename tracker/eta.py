"""The arrival instant: an absolute time with an honest range, told only when it changes noticeably.

Between fixes it does not drift; it is never in the past. The pace corrects what the road engine (or the
engine-less default) expects by what this technician really drives, shrunk hard toward the expectation: on
recorded city trips the recent speed alone is by far the worst predictor.
"""

from __future__ import annotations

from math import sqrt

PACE_PRIOR_S = 900.0
"""Weight of the expectation against observed driving, in seconds; from cross-validation on recorded city trips."""
PACE_MIN, PACE_MAX = 0.5, 2.5
TELL_S = 20.0
TELL_SHARE = 0.08
"""A change is told beyond max(20 s, 8 % of what is left): it halves the jumps for 2-3 % of accuracy."""
LOW_SHARE, HIGH_SHARE = 0.55, 1.55
LOW_SHARE_ESTIMATED, HIGH_SHARE_ESTIMATED = 0.45, 1.5
HIGH_FLOOR_S = 20.0
"""10th and 90th percentile of (actual / predicted) on recorded city trips."""
ARRIVING_S = 45.0
"""Below this a customer is told "arriving now" instead of a time."""
STANDING_TOLD_AFTER_MS = 120_000


class Pace:
    """How slowly this technician drives against the expectation: 1 as expected, 1.2 a fifth slower."""

    __slots__ = ("_expected_s", "_observed_s", "factor")

    def __init__(self) -> None:
        self._observed_s = 0.0
        self._expected_s = 0.0
        self.factor = 1.0

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
    """The told arrival instant of one trip, in milliseconds since 1970."""

    __slots__ = ("estimated", "eta_at", "high_at", "low_at", "reason")

    def __init__(self) -> None:
        self.eta_at: int | None = None
        self.low_at = 0
        self.high_at = 0
        self.reason = "first"
        self.estimated = False

    def update(self, left_s: float, at_ms: int, estimated: bool, standing_ms: int = 0) -> bool:
        """Feed the seconds left as of ``at_ms``; True when the change is worth telling (``reason`` says why)."""
        if left_s < 0.0:
            left_s = 0.0
        fresh = at_ms + int(left_s * 1000.0)
        told = self.eta_at
        self.estimated = estimated
        # The range follows every fix: it narrows on the way even while the told instant rests.
        if estimated:
            low_s = left_s * LOW_SHARE_ESTIMATED
            high_s = left_s * HIGH_SHARE_ESTIMATED + HIGH_FLOOR_S
        else:
            low_s = left_s * LOW_SHARE
            high_s = left_s * HIGH_SHARE + HIGH_FLOOR_S
        if told is None:
            self.reason = "estimated" if estimated else "first"
        else:
            change_ms = fresh - told
            if change_ms < 0:
                change_ms = -change_ms
            tell_ms = left_s * (1000.0 * TELL_SHARE)
            if change_ms <= (tell_ms if tell_ms > 1000.0 * TELL_S else 1000.0 * TELL_S) and told >= at_ms:
                low_at = at_ms + int(low_s * 1000.0)
                high_at = at_ms + int(high_s * 1000.0)
                self.low_at = low_at if low_at < told else told
                self.high_at = high_at if high_at > told else told
                return False
            if left_s <= ARRIVING_S:
                self.reason = "arriving"
            else:
                self.reason = "standing still" if standing_ms >= STANDING_TOLD_AFTER_MS else "changed"
        self.eta_at = fresh
        self.low_at = at_ms + int(low_s * 1000.0)
        self.high_at = at_ms + int(high_s * 1000.0)
        return True
