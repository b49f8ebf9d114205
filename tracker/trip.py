"""A technician under way to one appointment: fix in, verdict and arrival estimate out. No I/O, no clock."""

from __future__ import annotations

from math import hypot, sqrt
from typing import Final

from tracker.arrival import ArrivalDetector
from tracker.calibration import COLD, Calibration
from tracker.eta import ArrivalEstimate, Pace, arrival_as_of
from tracker.filters import CURRENT, TrackFilter, Verdict
from tracker.freshness import freshness
from tracker.geo import LocalFrame
from tracker.guide import ON_LINE_M, Guide
from tracker.messages import Eta, Fix, Position
from tracker.records import LastState
from tracker.roads.destination import Destination
from tracker.roads.straight import straight_left_m, straight_left_s
from tracker.route import Route, RouteProgress
from tracker.traffic import Traffic

OFF_ROUTE_M: Final = 60.0
"""Two fixes in a row further from the line than this, and the technician drives another way."""
OFF_FIXES: Final = 2
NEARBY_M: Final = 500.0
PACE_GAP_S: Final = 120.0
"""A longer silence says nothing about the pace."""

LAT_E6: Final = 90_000_000.5
LAT_E6_WHOLE: Final = 90_000_000
LON_E6: Final = 180_000_000.5
LON_E6_WHOLE: Final = 180_000_000
"""Added before, and taken away after, the fraction is cut off: so no number is cut toward zero from below."""


class Trip:
    """``receive`` decides a fix and, when it is current, moves progress, estimate and arrival.

    What it then knows is read from the attributes: ``left_m``, ``left_s``, ``estimate``, ``arrival``, and
    ``wants_route`` when a (new) way should be asked of the road engine. ``track`` is the technician's and
    outlives the trip. Without a destination the position is told and no arrival time.
    """

    __slots__ = (
        "_destination",
        "_east",
        "_expected_s",
        "_last_ms",
        "_north",
        "_off",
        "arrival",
        "estimate",
        "eta_changed",
        "guide",
        "just_arrived",
        "left_m",
        "left_s",
        "pace",
        "progress",
        "standing_since",
        "track",
        "wants_route",
    )

    def __init__(self, *, track: TrackFilter, lat: float | None, lon: float | None, arrival_radius_m: float) -> None:
        self.track = track
        self._destination = LocalFrame(lat=lat, lon=lon) if lat is not None and lon is not None else None
        self.arrival = ArrivalDetector(arrival_radius_m)
        self.estimate = ArrivalEstimate()
        self.pace = Pace()
        self.progress: RouteProgress | None = None
        self.guide: Guide | None = None
        self.left_m: float | None = None
        self.left_s: float | None = None
        self.wants_route = self._destination is not None
        self.eta_changed = False
        self.just_arrived = False
        self.standing_since = 0
        self._east = self._north = 0.0
        self._expected_s = 0.0
        self._last_ms = 0
        self._off = 0

    def receive(self, fix: Fix, now_ms: int) -> Verdict:
        verdict = self.track.receive(fix, now_ms)
        if verdict is CURRENT:
            self._follow(fix)
        return verdict

    def take_route(self, route: Route | None) -> None:
        """The road engine's answer; None (no way known) keeps the straight-line estimate, or falls back to it."""
        self.wants_route = False
        if route is None:
            if self._off >= OFF_FIXES:
                self.progress = None
            self._off = 0
            return
        self._off = 0
        self.progress = progress = RouteProgress(route)
        self._last_ms = 0
        track = self.track
        if self.left_m is None or self.guide is not None:
            return
        # The way is known now, not only at the next fix.
        progress.advance(lat=track.lat, lon=track.lon)
        self.left_m = progress.left_m
        if self.arrival.arrived_at is None or not self.arrival.inside:
            self.left_s = progress.left_s * self.pace.factor
            if self.estimate.update(left_s=self.left_s, at_ms=track.fixed_at, estimated=False):
                self.eta_changed = True

    def take_destination(
        self, destination: Destination | None, *, traffic: Traffic, calibration: Calibration = COLD
    ) -> None:
        """The map as seen from the destination: from now on every fix is looked up in it. None changes nothing."""
        if destination is None:
            return
        self.guide = Guide(
            destination,
            traffic=traffic,
            calibration=calibration,
            pace=self.pace,
            radius_m=self.arrival.radius_m,
        )
        self.estimate.low_scales = calibration.low_scales
        self.estimate.high_scales = calibration.high_scales
        # A line that was reckoned with other seconds would give another time.
        self.progress = None
        self._last_ms = 0
        if self.left_m is not None:
            self.resume()

    def line(self) -> Route | None:
        """The way from the newest position on the map; some hundred microseconds. None without a map or off it."""
        return self.guide.line(self.track) if self.guide is not None else None

    def resume(self) -> None:
        """Take up the track's newest position as where the trip is (after a restart, or when setting off)."""
        track = self.track
        if track.fixed_at:
            self._follow(Fix(fixed_at=track.fixed_at, lat=track.lat, lon=track.lon, accuracy_m=track.accuracy_m))

    def take_up(self, state: LastState, *, waits: bool) -> None:
        """Go on where another process, or this one before a restart, had the trip. ``waits``: a way is going to be
        known in a moment, and until then the arrival stays what was told."""
        self.arrival.arrived_at = state.arrived_at
        self.pace.take_up(state.pace_observed_s, state.pace_expected_s)
        if state.eta_at is None or self.left_s is None:
            return
        estimate = self.estimate
        estimate.eta_at = state.eta_at
        estimate.low_at = state.eta_low_at or state.eta_at
        estimate.high_at = state.eta_high_at or state.eta_at
        if waits:
            self.left_s = max(0.0, (state.eta_at - state.fixed_at) / 1000.0)
            self._off = OFF_FIXES

    def _follow(self, fix: Fix) -> None:
        destination = self._destination
        if destination is None:
            return
        track = self.track
        fixed_at = fix.fixed_at
        # LocalFrame.east_north in place: this is the hot path.
        delta_deg = track.lon - destination.lon
        if delta_deg > 180.0:
            delta_deg -= 360.0
        elif delta_deg < -180.0:
            delta_deg += 360.0
        east = delta_deg * destination.east_m_per_deg
        north = (track.lat - destination.lat) * destination.north_m_per_deg
        distance_m = sqrt(east * east + north * north)
        moved_e = east - self._east
        moved_n = north - self._north
        moved_m = sqrt(moved_e * moved_e + moved_n * moved_n)
        guide = self.guide
        progress = self.progress
        line = None
        if progress is not None:
            off_m = progress.advance(lat=track.lat, lon=track.lon)
            if off_m <= OFF_ROUTE_M if guide is None else off_m <= ON_LINE_M:
                line = progress
                if self._off >= OFF_FIXES:
                    # Back before another way came; the pace of the excursion says nothing.
                    self.wants_route = False
                    self._last_ms = 0
                self._off = 0
            else:
                self._off += 1
                if self._off >= OFF_FIXES:
                    self.wants_route = True
                    if guide is not None:
                        self.progress = progress = None
        left_s = guide.follow(track, line, fixed_at, distance_m, east, north) if guide is not None else None
        estimated = False
        if guide is not None and left_s is not None:
            self.left_m = guide.road_m
        else:
            if progress is not None and guide is None:
                self.left_m = progress.left_m
                expected_s = progress.left_s
            else:
                estimated = True
                self.left_m = straight_left_m(distance_m)
                expected_s = straight_left_s(distance_m)
            took_s = (fixed_at - self._last_ms) / 1000.0 if self._last_ms else 0.0
            self._last_ms = fixed_at
            if guide is None and self._off >= OFF_FIXES and self.left_s is not None:
                # Until the other way comes the told arrival stays what it was.
                left_s = self.left_s - took_s
            else:
                if guide is None and 0.0 < took_s <= PACE_GAP_S:
                    self.pace.observe(took_s, self._expected_s - expected_s)
                self._expected_s = expected_s
                left_s = expected_s * self.pace.factor
        if track.standing:
            if not self.standing_since:
                self.standing_since = fixed_at
        else:
            self.standing_since = 0
        arrival = self.arrival
        if distance_m < NEARBY_M or arrival.inside:
            # The marker may rest at a standstill a few metres off; arriving is judged by the fix itself.
            if arrival.receive(
                distance_m=hypot(*destination.east_north(lat=fix.lat, lon=fix.lon)),
                moved_m=moved_m,
                accuracy_m=fix.accuracy_m,
                speed_mps=fix.speed_mps,
                fixed_at=fixed_at,
            ):
                self.just_arrived = True
            if arrival.arrived_at is not None and arrival.inside:
                left_s = 0.0
        else:
            arrival.last_ms = fixed_at
        self._east = east
        self._north = north
        self.left_s = left_s
        standing_ms = fixed_at - self.standing_since if self.standing_since else 0
        if self.estimate.update(left_s, fixed_at, estimated, standing_ms, arrival.at_the_door):
            self.eta_changed = True

    def position(self, seq: int, now_ms: int) -> Position:
        """The newest position with the told arrival; the instant is never in the past of ``now_ms``."""
        track = self.track
        fixed_at = track.fixed_at
        # What a phone could not send before is its newest, and old.
        fresh = freshness(now_ms - fixed_at)
        estimate = self.estimate
        heading = track.heading_deg
        accuracy = track.accuracy_m
        eta_at = estimate.eta_at
        # Everything is rounded to the nearest by hand: the call of round() costs ten times as much.
        lat_e6 = int(track.lat * 1e6 + LAT_E6) - LAT_E6_WHOLE
        lon_e6 = int(track.lon * 1e6 + LON_E6) - LON_E6_WHOLE
        heading_deg = None if heading is None else int(heading + 0.5) % 360
        speed_cms = int(track.speed_mps * 100.0 + 0.5)
        accuracy_m = None if accuracy is None else int(accuracy + 0.5)
        if eta_at is None:
            return Position(seq, fixed_at, lat_e6, lon_e6, heading_deg, speed_cms, accuracy_m, freshness=fresh)
        left_m = self.left_m
        low_at = estimate.low_at
        high_at = estimate.high_at
        if eta_at < now_ms:
            eta_at = now_ms
        return Position(
            seq,
            fixed_at,
            lat_e6,
            lon_e6,
            heading_deg,
            speed_cms,
            accuracy_m,
            None if left_m is None else int(left_m + 0.5),
            (eta_at - now_ms) // 1000,
            eta_at,
            low_at if low_at > now_ms else now_ms,
            high_at if high_at > eta_at else eta_at,
            fresh,
        )

    def eta(self, seq: int, now_ms: int, reason: str | None = None) -> Eta | None:
        """The told arrival as a message of its own, or None while unknown."""
        estimate = self.estimate
        if estimate.eta_at is None:
            return None
        fixed_at = self.track.fixed_at
        eta_at, low_at, high_at = arrival_as_of(
            now_ms,
            eta_at=estimate.eta_at,
            low_at=estimate.low_at,
            high_at=estimate.high_at,
            fixed_at=fixed_at,
            told_ms=fixed_at,
        )
        return Eta(
            seq=seq,
            eta_at=eta_at,
            eta_low_at=low_at,
            eta_high_at=high_at,
            reason=reason or estimate.reason,
            estimated=estimate.estimated,
        )
