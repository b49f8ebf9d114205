"""Which fixes to believe. One named reason per refused fix; nothing here reads a clock.

Order of the checks: shape of the numbers, the clock, repetition, accuracy, movement. A fix that is older than
the newest one is kept for history and never moves the marker. Movement that looks impossible is refused, but a
filter may not starve the map: when several refused fixes in a row agree with each other, they win.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import hypot, isfinite

from tracker.geo import LocalFrame, bearing_deg
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


Verdict = Kept | Rejection

CURRENT = Kept.CURRENT
LATE = Kept.LATE

MAX_AHEAD_MS = 60_000
"""Phones keep time by the network; a minute covers what is left, and anything beyond would freeze the marker."""
MAX_AGE_MS = 24 * 3600_000
"""A phone that was offline for a day may still hand in its history."""
MAX_ACCURACY_M = 500.0
"""Worse than this is a cell tower, which says nothing on a street map."""
MAX_SPEED_MPS = 70.0
"""250 km/h: faster than any technician, slower than a GPS glitch."""
SLACK_M = 60.0
"""Position error allowed on top of the movement when a device does not tell its accuracy."""
AGREEING = 3
"""So many refused fixes in a row that agree with each other win over the older track."""
AGREEING_WITHIN_MS = 120_000
STANDING_WITHIN_M = 15.0
STANDING_LEAVE_M = 20.0
STANDING_NUDGE_M = 6.0
STANDING_AFTER_MS = 10_000
"""GPS wanders 3-8 m rms around a parked car (p95 11 m); within these bounds the marker stands."""
DRIVING_MPS = 2.0
"""A phone that tells this speed is not parked."""
SMOOTH_S = 2.0
"""Time constant of the speed and heading that are derived from the movement."""
REMEMBERED = 512
MAX_FRAME_M = 30_000.0


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
        "_raw_accuracy",
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
        self.lat = 0.0
        self.lon = 0.0
        self.accuracy_m: float | None = None
        self.speed_mps = 0.0
        self.heading_deg: float | None = None
        self.battery: float | None = None
        self.standing = False
        self._frame: LocalFrame | None = None
        self._seen: deque[int] = deque(maxlen=REMEMBERED)
        self._doubted: list[Fix] = []
        self._raw_e = self._raw_n = self._ve = self._vn = 0.0
        self._raw_accuracy = 0.0
        self._anchor_e = self._anchor_n = 0.0
        self._anchor_ms = 0
        self._anchored = 0
        self._strayed = False

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
            fix.heading_deg = None
        battery = fix.battery
        if battery is not None and not 0.0 <= battery <= 1.0:
            fix.battery = None
        if -1e-6 < lat < 1e-6 and -1e-6 < lon < 1e-6:
            return Rejection.NULL_ISLAND
        fixed_at = fix.fixed_at
        if fixed_at > now_ms + MAX_AHEAD_MS:
            return Rejection.FUTURE
        if fixed_at < now_ms - MAX_AGE_MS:
            return Rejection.STALE
        newest = self.fixed_at
        if fixed_at <= newest:
            if fixed_at in self._seen:
                return Rejection.DUPLICATE
            self._seen.append(fixed_at)
            return LATE

        frame = self._frame
        if frame is None:
            self._begin(fix)
            return CURRENT
        dlon = lon - frame.lon
        if dlon > 180.0:
            dlon -= 360.0
        elif dlon < -180.0:
            dlon += 360.0
        east = dlon * frame.east_m_per_deg
        north = (lat - frame.lat) * frame.north_m_per_deg
        dt = (fixed_at - newest) / 1000.0
        moved = hypot(east - self._raw_e, north - self._raw_n)
        if moved > SLACK_M:
            reason = self._doubt(moved, dt, speed, accuracy)
            if reason is not None and not self._agreed(fix):
                return reason
            if reason is not None or moved > MAX_FRAME_M or east * east + north * north > MAX_FRAME_M**2:
                self._begin(fix)
                return CURRENT
        if self._doubted:
            self._doubted = []
        self._move(fix, east, north, dt)
        return CURRENT

    def _doubt(self, moved: float, dt: float, speed: float | None, accuracy: float | None) -> Rejection | None:
        allowed = max(SLACK_M, self._raw_accuracy + (accuracy or 0.0))
        implied = (moved - allowed) / dt
        if implied > MAX_SPEED_MPS:
            return Rejection.IMPOSSIBLE_SPEED
        # A phone's Doppler speed is good to well under 1 m/s; between two fixes it may have been higher, so the
        # comparison is generous, and only made while the fixes are close enough in time to compare.
        if speed is not None and dt <= 10.0 and implied > 3.0 * max(speed, self.speed_mps) + 20.0:
            return Rejection.INCONSISTENT_SPEED
        return None

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

    def _begin(self, fix: Fix) -> None:
        """Start (or start again) at this fix."""
        self._frame = LocalFrame(lat=fix.lat, lon=fix.lon)
        self._doubted = []
        self._raw_e = self._raw_n = self._ve = self._vn = 0.0
        self._raw_accuracy = fix.accuracy_m or 0.0
        self._anchor_e = self._anchor_n = 0.0
        self._anchor_ms = fix.fixed_at
        self._anchored = 1
        self.standing = False
        self.fixed_at = fix.fixed_at
        self._seen.append(fix.fixed_at)
        self.lat = fix.lat
        self.lon = fix.lon
        self.accuracy_m = fix.accuracy_m
        self.battery = fix.battery
        self.speed_mps = fix.speed_mps if fix.speed_mps is not None else 0.0
        self.heading_deg = fix.heading_deg

    def _move(self, fix: Fix, east: float, north: float, dt: float) -> None:
        # The new velocity weighs more the longer it was driven. A weighted mean of velocities stays bounded
        # whatever the rhythm of the fixes; a filter that predicts positions does not when gaps alternate.
        smoothing = 1.0 / (dt + SMOOTH_S)
        ve = self._ve = self._ve + (east - self._raw_e - self._ve * dt) * smoothing
        vn = self._vn = self._vn + (north - self._raw_n - self._vn * dt) * smoothing
        fixed_at = fix.fixed_at
        told_speed = fix.speed_mps
        self._raw_e = east
        self._raw_n = north
        self._raw_accuracy = fix.accuracy_m or 0.0
        self.fixed_at = fixed_at
        self._seen.append(fixed_at)
        self.accuracy_m = fix.accuracy_m
        if fix.battery is not None:
            self.battery = fix.battery
        if self._stands(fix, east, north, told_speed is not None and told_speed >= DRIVING_MPS):
            self.speed_mps = 0.0
            return
        self.lat = fix.lat
        self.lon = fix.lon
        if told_speed is None:
            told_speed = hypot(ve, vn)
            # A jump within the positions' error is no speed.
            if told_speed > MAX_SPEED_MPS:
                told_speed = MAX_SPEED_MPS
        self.speed_mps = told_speed
        heading = fix.heading_deg
        if heading is not None:
            self.heading_deg = heading
        elif ve * ve + vn * vn > 1.0:
            self.heading_deg = bearing_deg(east_m=ve, north_m=vn)

    def _stands(self, fix: Fix, east: float, north: float, driving: bool) -> bool:
        """Is the technician where they were? The anchor is the mean of the fixes since they are there."""
        off_e = east - self._anchor_e
        off_n = north - self._anchor_n
        off_sq = off_e * off_e + off_n * off_n
        if self.standing:
            accuracy = fix.accuracy_m or 0.0
            leave = STANDING_LEAVE_M if accuracy < STANDING_LEAVE_M else min(accuracy, SLACK_M)
            if driving:
                leave = STANDING_NUDGE_M
            moved = off_sq > leave * leave
            # One stray fix is noise; a second one, a far one or a driving one is a departure.
            if moved and not driving and not self._strayed and off_sq <= 4.0 * leave * leave:
                self._strayed = True
                return True
        else:
            moved = driving or off_sq > STANDING_WITHIN_M * STANDING_WITHIN_M
        self._strayed = False
        if moved:
            self.standing = False
            self._anchor_e = east
            self._anchor_n = north
            self._anchor_ms = fix.fixed_at
            self._anchored = 1
            return False
        self._anchored += 1
        self._anchor_e += off_e / self._anchored
        self._anchor_n += off_n / self._anchored
        if fix.fixed_at - self._anchor_ms >= STANDING_AFTER_MS:
            self.standing = True
        return self.standing
