"""Which fixes to believe. One named reason per refused fix; nothing here reads a clock.

Order of the checks: shape of the numbers, the clock, repetition, accuracy, movement. A fix that is older than
the newest one is kept for history and never moves the marker. Movement that looks impossible is refused, but a
filter may not starve the map: when several refused fixes in a row agree with each other, they win.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import atan2, degrees, hypot, isfinite
from typing import Final, NamedTuple

from tracker.geo import LocalFrame
from tracker.messages import Fix


class Kept(Enum):
    """What an accepted fix is good for."""

    CURRENT = "current"
    LATE = "late"


class Rejection(Enum):
    """Why a fix was refused. The value is the stable name on the wire and in the counters."""

    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    NULL_ISLAND = "null_island"
    FUTURE = "future"
    STALE = "stale"
    DUPLICATE = "duplicate"
    INACCURATE = "inaccurate"
    IMPOSSIBLE_SPEED = "impossible_speed"
    INCONSISTENT_SPEED = "inconsistent_speed"
    OFF_DUTY = "off_duty"
    MALFORMED = "malformed"
    OVERLOADED = "overloaded"


Verdict = Kept | Rejection

CURRENT: Final = Kept.CURRENT
LATE: Final = Kept.LATE

MAX_AHEAD_MS: Final = 60_000
"""Phones keep time by the network; a minute covers what is left, and anything beyond would freeze the marker."""
MIN_AGE_MS: Final = -MAX_AHEAD_MS
MAX_AGE_MS: Final = 24 * 3600_000
"""A phone that was offline for a day may still hand in its history."""
MAX_ACCURACY_M: Final = 500.0
"""Worse than this is a cell tower, which says nothing on a street map."""
MAX_SPEED_MPS: Final = 70.0
"""250 km/h: faster than any technician, slower than a GPS glitch."""
SLACK_M: Final = 60.0
"""Position error allowed on top of the movement when a device does not tell its accuracy."""
SLACK_SQ: Final = SLACK_M**2
AGREEING: Final = 3
"""So many refused fixes in a row that agree with each other win over the older track."""
AGREEING_WITHIN_MS: Final = 120_000
STRAY_MPS: Final = 5.0
STRAY_RATIO: Final = 1.5
"""When a fix cannot have been reached from the newest one, but from the one before it, and at less than a 1.5th of the
speed that had led to the newest one, it was the newest one that was thrown away from the track: unless that came at
less than 5 m/s, which says nothing. On recorded trips, damaged as feeds are with three seeds, it takes 0.1 to 0.3 s off
the error of the last two minutes."""
STANDING_WITHIN_SQ: Final = 15.0**2
STANDING_LEAVE_M: Final = 20.0
STANDING_NUDGE_M: Final = 6.0
STANDING_AFTER_MS: Final = 10_000
"""GPS wanders 3-8 m rms around a parked car (p95 11 m); within these bounds the marker stands."""
DRIVING_MPS: Final = 2.0
"""A phone that tells this speed is not parked."""
SMOOTH_S: Final = 2.0
"""Time constant of the speed and heading that are derived from the movement."""
REMEMBERED: Final = 512
MAX_FRAME_M: Final = 30_000.0
MAX_FRAME_SQ: Final = MAX_FRAME_M**2


class _Leap(NamedTuple):
    """A movement beyond ``SLACK_M`` that was believed: when, at what speed, and where from."""

    fixed_at: int
    speed_mps: float
    from_ms: int
    from_e: float
    from_n: float


class TrackFilter:
    """The believed track of one technician: its newest position, speed and heading.

    ``receive`` decides one fix, clears its unusable details, and moves ``lat``, ``lon``, ``speed_mps``,
    ``heading_deg``, ``fixed_at`` when it is the newest. Speed and heading come from the device when it tells them,
    else from the smoothed movement.
    """

    __slots__ = (
        "_anchor_e",
        "_anchor_ms",
        "_anchor_n",
        "_anchored",
        "_doubted",
        "_frame",
        "_leapt",
        "_raw_e",
        "_raw_n",
        "_seen",
        "_strayed",
        "_ve",
        "_vn",
        "accuracy_m",
        "battery",
        "fixed_at",
        "heading_deg",
        "lat",
        "lon",
        "speed_mps",
        "standing",
    )

    def __init__(self) -> None:
        self.fixed_at = 0
        self.lat = self.lon = self.speed_mps = 0.0
        self.accuracy_m: float | None = None
        self.heading_deg: float | None = None
        self.battery: float | None = None
        self.standing = False
        self._frame: LocalFrame | None = None
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._doubted: list[Fix] = []
        self._leapt: _Leap | None = None
        self._raw_e = self._raw_n = self._ve = self._vn = 0.0
        self._anchor_e = self._anchor_n = 0.0
        self._anchor_ms = 0
        self._anchored = 0
        self._strayed = False

    # The hot path: one function for what nearly every fix is (a small movement forward in time), calls for the rest.
    def receive(self, fix: Fix, now_ms: int) -> Verdict:
        """Decide one fix: ``Kept.CURRENT`` moved the track, ``Kept.LATE`` is history, else the reason."""
        lat = fix.lat
        lon = fix.lon
        # NaN fails every comparison, so the common path is one chain; the reason is named afterwards.
        if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
            return Rejection.OUT_OF_RANGE if isfinite(lat) and isfinite(lon) else Rejection.NOT_FINITE
        accuracy = fix.accuracy_m
        # Phones that know they do not know where they are say so by a negative accuracy.
        if accuracy is not None and not 0.0 <= accuracy <= MAX_ACCURACY_M:
            return Rejection.INACCURATE if isfinite(accuracy) else Rejection.NOT_FINITE
        speed = fix.speed_mps
        if speed is not None and not 0.0 <= speed <= MAX_SPEED_MPS:
            if not isfinite(speed):
                return Rejection.NOT_FINITE
            speed = fix.speed_mps = None
        # What a position does not need may be nonsense (a standing browser says heading NaN, an iPhone says -1):
        # it is unknown then, and is forgotten here so that no NaN ever reaches a database or an encoder.
        heading = fix.heading_deg
        if heading is not None and not 0.0 <= heading <= 360.0:
            heading = fix.heading_deg = None
        battery = fix.battery
        if battery is not None and not 0.0 <= battery <= 1.0:
            battery = fix.battery = None
        if -1e-6 < lat < 1e-6 and -1e-6 < lon < 1e-6:
            return Rejection.NULL_ISLAND
        fixed_at = fix.fixed_at
        # Differences of times fit a machine word and compare quickly; times do not.
        age_ms = now_ms - fixed_at
        if not MIN_AGE_MS <= age_ms <= MAX_AGE_MS:
            return Rejection.FUTURE if age_ms < 0 else Rejection.STALE
        gap_ms = fixed_at - self.fixed_at
        if gap_ms <= 0:
            if fixed_at in self._seen:
                return Rejection.DUPLICATE
            self._seen.append(fixed_at)
            return LATE

        frame = self._frame
        if frame is None:
            self._begin(fix)
            return CURRENT
        # LocalFrame.east_north in place: the call would cost as much as the arithmetic.
        delta_deg = lon - frame.lon
        if delta_deg > 180.0:
            delta_deg -= 360.0
        elif delta_deg < -180.0:
            delta_deg += 360.0
        east = delta_deg * frame.east_m_per_deg
        north = (lat - frame.lat) * frame.north_m_per_deg
        moved_e = east - self._raw_e
        moved_n = north - self._raw_n
        moved_sq = moved_e * moved_e + moved_n * moved_n
        dt = gap_ms / 1000.0
        if moved_sq > SLACK_SQ:
            verdict = self._leap(fix, hypot(moved_e, moved_n), dt, east * east + north * north > MAX_FRAME_SQ)
            if verdict is not None:
                return verdict
        if self._doubted:
            self._doubted = []

        stands = False
        if self.standing:
            stands = self._still_stands(fix, east, north)
        elif (speed is not None and speed >= DRIVING_MPS) or (moved_sq > STANDING_WITHIN_SQ and self._anchored == 0):
            self._anchored = 0
        else:
            stands = self._settles(fixed_at, east, north)
        # The new velocity weighs more the longer it was driven. A weighted mean of velocities stays bounded
        # whatever the rhythm of the fixes; a filter that predicts positions does not when gaps alternate.
        smoothing = 1.0 / (dt + SMOOTH_S)
        ve = self._ve
        vn = self._vn
        self._ve = ve = ve + (moved_e - ve * dt) * smoothing
        self._vn = vn = vn + (moved_n - vn * dt) * smoothing
        self._raw_e = east
        self._raw_n = north
        self.fixed_at = fixed_at
        self._seen.append(fixed_at)
        self.accuracy_m = accuracy
        if battery is not None:
            self.battery = battery
        if stands:
            self.speed_mps = 0.0
            return CURRENT
        self.lat = lat
        self.lon = lon
        if speed is None:
            speed = hypot(ve, vn)
            # A jump within the positions' error is no speed.
            if speed > MAX_SPEED_MPS:
                speed = MAX_SPEED_MPS
        self.speed_mps = speed
        if heading is not None:
            self.heading_deg = heading
        elif ve * ve + vn * vn > 1.0:
            # geo.bearing_deg in place, for the same reason.
            self.heading_deg = degrees(atan2(ve, vn)) % 360.0
        return CURRENT

    def _begin(self, fix: Fix) -> None:
        """Start (or start again) at this fix."""
        self._frame = LocalFrame(lat=fix.lat, lon=fix.lon)
        self._doubted = []
        self._leapt = None
        self._raw_e = self._raw_n = self._ve = self._vn = 0.0
        self._anchored = 0
        self._strayed = False
        self.standing = False
        self.fixed_at = fix.fixed_at
        self._seen.append(fix.fixed_at)
        self.lat = fix.lat
        self.lon = fix.lon
        self.accuracy_m = fix.accuracy_m
        self.battery = fix.battery
        self.speed_mps = fix.speed_mps if fix.speed_mps is not None else 0.0
        self.heading_deg = fix.heading_deg

    def _leap(self, fix: Fix, moved_m: float, dt: float, beyond_frame: bool) -> Verdict | None:
        """Decide a movement beyond ``SLACK_M``: CURRENT when the track begins anew, None when it simply goes on."""
        speed = fix.speed_mps
        allowed_m = (self.accuracy_m or 0.0) + (fix.accuracy_m or 0.0)
        slack_m = allowed_m if allowed_m > SLACK_M else SLACK_M
        implied = (moved_m - slack_m) / dt
        reason = None
        if implied > MAX_SPEED_MPS:
            reason = Rejection.IMPOSSIBLE_SPEED
        # A phone's Doppler speed is good to well under 1 m/s; between two fixes it may have been higher, so the
        # comparison is generous, and only made while the fixes are close enough in time to compare.
        elif speed is not None and dt <= 10.0 and implied > 3.0 * max(speed, self.speed_mps) + 20.0:
            reason = Rejection.INCONSISTENT_SPEED
        if reason is not None and not self._goes_on_from_before(fix, slack_m) and not self._agreed(fix):
            return reason
        if reason is not None or beyond_frame or moved_m > MAX_FRAME_M:
            self._begin(fix)
            return CURRENT
        self._leapt = _Leap(fix.fixed_at, implied, self.fixed_at, self._raw_e, self._raw_n)
        return None

    def _goes_on_from_before(self, fix: Fix, slack_m: float) -> bool:
        """Is it the newest fix that strayed, and not this one?"""
        leap = self._leapt
        frame = self._frame
        if leap is None or frame is None or leap.fixed_at != self.fixed_at or leap.speed_mps < STRAY_MPS:
            return False
        east, north = frame.east_north(lat=fix.lat, lon=fix.lon)
        away_m = hypot(east - leap.from_e, north - leap.from_n) - slack_m
        away_mps = max(away_m, 0.0) * 1000.0 / (fix.fixed_at - leap.from_ms)
        return away_mps * STRAY_RATIO < leap.speed_mps

    def _agreed(self, fix: Fix) -> bool:
        """Remember a doubtful fix; True when the last ``AGREEING`` doubtful ones form a plausible track."""
        doubted = self._doubted
        if doubted:
            last = doubted[-1]
            gap_ms = fix.fixed_at - last.fixed_at
            east, north = LocalFrame(lat=last.lat, lon=last.lon).east_north(lat=fix.lat, lon=fix.lon)
            near = hypot(east, north) - SLACK_M <= MAX_SPEED_MPS * gap_ms / 1000.0
            if not (0 < gap_ms <= AGREEING_WITHIN_MS and near):
                doubted = []
        doubted.append(fix)
        self._doubted = doubted
        return len(doubted) >= AGREEING

    # The anchor is the mean of the fixes since the technician is there, ``_anchored`` their number. While it is 0
    # the anchor is the newest fix alone, which is kept anyway: somebody who drives pays nothing for it.

    def _settles(self, fixed_at: int, east: float, north: float) -> bool:
        """Has the technician, who was moving, come to stand? Asked before the newest fix is replaced."""
        if self._anchored == 0:
            self._anchored = 1
            self._anchor_e = self._raw_e
            self._anchor_n = self._raw_n
            self._anchor_ms = self.fixed_at
        off_e = east - self._anchor_e
        off_n = north - self._anchor_n
        if off_e * off_e + off_n * off_n > STANDING_WITHIN_SQ:
            self._anchored = 0
            return False
        self._anchored += 1
        self._anchor_e += off_e / self._anchored
        self._anchor_n += off_n / self._anchored
        self.standing = fixed_at - self._anchor_ms >= STANDING_AFTER_MS
        return self.standing

    def _still_stands(self, fix: Fix, east: float, north: float) -> bool:
        """Is the technician, who was standing, where they were?"""
        off_e = east - self._anchor_e
        off_n = north - self._anchor_n
        off_sq = off_e * off_e + off_n * off_n
        driving = fix.speed_mps is not None and fix.speed_mps >= DRIVING_MPS
        leave = STANDING_NUDGE_M if driving else min(max(fix.accuracy_m or 0.0, STANDING_LEAVE_M), SLACK_M)
        moved = off_sq > leave * leave
        # One stray fix is noise; a second one, a far one or a driving one is a departure.
        self._strayed = moved and not driving and not self._strayed and off_sq <= 4.0 * leave * leave
        if self._strayed:
            return True
        if moved:
            self.standing = False
            self._anchored = 0
            return False
        self._anchored += 1
        self._anchor_e += off_e / self._anchored
        self._anchor_n += off_n / self._anchored
        return True
