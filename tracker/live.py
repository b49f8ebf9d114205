"""What one process knows about the technicians and visits it follows. Values and rules; the node moves them."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

import msgspec

from tracker.eta import arrival_as_of
from tracker.facts import TripFacts
from tracker.filters import MAX_AGE_MS, TrackFilter
from tracker.freshness import freshness
from tracker.grants import Grant, Zone
from tracker.ledger import PredictionLog
from tracker.messages import Destination, Eta, Fix, Position, RouteLine, Snapshot, Status
from tracker.records import LastState
from tracker.route import Route
from tracker.trip import Trip

REMEMBERED_STATES: Final = 32

_decode_position = msgspec.json.Decoder(Position).decode
_decode_route = msgspec.json.Decoder(RouteLine).decode
_decode_eta = msgspec.json.Decoder(Eta).decode


class Duty(Enum):
    """The technician's own state; only on duty are positions taken."""

    ON_DUTY = "on_duty"
    ON_BREAK = "on_break"
    OFF_DUTY = "off_duty"


ON_DUTY: Final = Duty.ON_DUTY
"""Members of an Enum are looked up slowly; the hot path asks for this one at every fix."""


@dataclass(frozen=True, slots=True)
class EtaView:
    """The told arrival of a trip, ms since 1970."""

    eta_at: int
    eta_low_at: int
    eta_high_at: int


class LiveTechnician:
    """One technician's believed track, duty, and the trip they are on."""

    __slots__ = (
        "duty",
        "duty_changes",
        "fence",
        "id",
        "keep_ms",
        "moved",
        "off_edges",
        "owned",
        "owner",
        "track",
        "trip",
        "unwritten_at",
    )

    def __init__(self, technician_id: str, *, owned: bool = True) -> None:
        self.id = technician_id
        # Does this process take their fixes? Otherwise ``owner`` names the one that does, as far as it is known, and
        # ``fence`` is the greatest number that an owner was heard to have.
        self.owned = owned
        self.owner: str | None = None
        self.fence = 0
        self.track = TrackFilter()
        self.trip: LiveTrip | None = None
        self.keep_ms = 0
        # The newest fix of the owner before, which may have died before it was on disk; 0 when there is none.
        self.unwritten_at = 0
        # Waits for the end of the turn to be told.
        self.moved = False
        self.duty = Duty.ON_DUTY
        # The duty from each of these instants on (ms since 1970), in order.
        self.duty_changes: dict[int, Duty] = {}
        # When they went off, came back, went off again …; without any every fix counts.
        self.off_edges: list[int] = []

    @property
    def duty_since(self) -> int:
        """Since when the duty is what it is, as far as it was heard; 0 when it never changed."""
        return next(reversed(self.duty_changes), 0)

    def take_duties(self, changes: Collection[tuple[int, Duty]]) -> None:
        """Changes of duty, and when (ms since 1970): new ones, known ones and ones that were missed."""
        first_ms = next(iter(self.duty_changes), 0)
        # What was in force when the oldest fix that counts was made is known: nothing before it matters.
        is_complete = first_ms <= self.duty_since - MAX_AGE_MS
        if all(
            (is_complete and since_ms < first_ms) or self.duty_changes.get(since_ms) is duty
            for since_ms, duty in changes
        ):
            return
        known = dict(sorted((self.duty_changes | dict(changes)).items()))
        # What was in force at the oldest moment of which a fix may still come began before it.
        oldest_ms = next(reversed(known)) - MAX_AGE_MS
        before_ms = max((since_ms for since_ms in known if since_ms <= oldest_ms), default=oldest_ms)
        self.duty_changes = {since_ms: duty for since_ms, duty in known.items() if since_ms >= before_ms}
        edges: list[int] = []
        for since_ms, duty in self.duty_changes.items():
            if (duty is not Duty.ON_DUTY) != (len(edges) % 2 == 1):
                edges.append(since_ms)
        self.off_edges = edges
        self.duty = self.duty_changes[self.duty_since]

    def off_at(self, fixed_at: int) -> bool:
        """Was the technician off duty or on a break when this was fixed? A phone may hand it in later."""
        return bisect_right(self.off_edges, fixed_at) % 2 == 1


class FarView:
    """What the owner of a trip's technician told of it, as JSON messages of the stream; None while not told.
    ``fixed_at``: no position that was fixed then or before is shown any more. ``arrival_ms``: when the owner told the
    arrival."""

    __slots__ = ("arrival", "arrival_ms", "fixed_at", "position", "route")

    def __init__(self, fixed_at: int = 0) -> None:
        self.fixed_at = fixed_at
        self.position: bytes | None = None
        self.route: bytes | None = None
        self.arrival: bytes | None = None
        self.arrival_ms = 0

    def hear(self, arrival: bytes | None, now_ms: int) -> None:
        """Keep an arrival that is told now."""
        self.arrival = arrival
        self.arrival_ms = now_ms

    def see(self, position: bytes) -> bool:
        """Keep a position; False when it is no newer than what was shown. A new owner may begin behind the old one."""
        begin = position.index(b'"fixed_at":') + 11
        fixed_at = int(position[begin : position.index(b",", begin)])
        if fixed_at <= self.fixed_at:
            return False
        self.fixed_at = fixed_at
        self.position = position
        return True

    def fix(self) -> Fix | None:
        """The newest position as the fix it came from."""
        if self.position is None:
            return None
        told = _decode_position(self.position)
        return Fix(
            fixed_at=told.fixed_at,
            lat=told.lat_e6 / 1e6,
            lon=told.lon_e6 / 1e6,
            accuracy_m=told.accuracy_m,
            speed_mps=told.speed_cms / 100 if told.speed_cms is not None else None,
            heading_deg=told.heading_deg,
        )


class LiveTrip:
    """One visit that is watched or driven to: its facts, its numbered stream, and the motion while traveling."""

    __slots__ = (
        "asking",
        "ended",
        "epoch",
        "facts",
        "far",
        "grant",
        "id",
        "line",
        "lined_s",
        "motion",
        "pins",
        "predictions",
        "routed_s",
        "seq",
        "shown",
        "since_ms",
        "states",
        "technician",
        "topic",
        "view",
    )

    def __init__(self, trip_id: str, epoch: str) -> None:
        self.id = trip_id
        self.topic = f"trip:{trip_id}"
        self.epoch = epoch
        self.seq = 0
        self.pins = 0
        self.facts: TripFacts | None = None
        self.technician: LiveTechnician | None = None
        self.motion: Trip | None = None
        self.grant: Grant | None = None
        self.predictions = PredictionLog()
        self.since_ms = 0
        self.shown = False
        # The way as it may be shown; when the engine was asked last, when a line was made, and whether one is coming.
        self.line: Route | None = None
        self.routed_s = -inf
        self.lined_s = -inf
        self.asking = False
        self.states: deque[Status] = deque(maxlen=REMEMBERED_STATES)
        self.ended: str | None = None
        # Other processes that want what is told here; what was told elsewhere.
        self.far: set[str] | None = None
        self.view: FarView | None = None

    def take_facts(self, facts: TripFacts) -> bool:
        """Keep the facts unless newer ones are known."""
        if self.facts is not None and facts.version < self.facts.version:
            return False
        self.facts = facts
        if not facts.tracking:
            self.shown = False
        return True

    def begin(self, *, technician: LiveTechnician, facts: TripFacts, since_ms: int) -> None:
        """The technician sets off. Nothing fixed before ``since_ms`` will be shown. ``drive`` follows where the
        technician is this process's own."""
        self.technician = technician
        self.since_ms = since_ms
        self.motion = None
        self.view = None
        zones = tuple(Zone(lat=lat, lon=lon, radius_m=radius_m) for lat, lon, radius_m in facts.hidden_zones)
        self.grant = Grant(trip_id=self.id, technician_id=technician.id, from_ms=since_ms, zones=zones)
        self.shown = False
        technician.trip = self

    def drive(self, technician: LiveTechnician, facts: TripFacts, *, arrival_radius_m: float) -> Trip:
        """From now on this process follows the technician on this trip."""
        self.motion = Trip(
            track=technician.track,
            lat=facts.destination_lat,
            lon=facts.destination_lon,
            arrival_radius_m=arrival_radius_m,
        )
        self.view = None
        self.predictions = PredictionLog()
        self.shown = False
        self.line = None
        self.routed_s = self.lined_s = -inf
        self.asking = False
        return self.motion

    def leave(self, view: FarView) -> None:
        """Another process follows the technician from now on; until it tells, ``view`` is what is known."""
        self.motion = None
        self.view = view
        self.far = None
        self.shown = False
        self.line = None
        self.asking = False

    def halt(self, now_ms: int) -> None:
        """The right to see the technician ends here and now."""
        if self.grant is not None:
            self.grant.end(now_ms)
        if self.technician is not None and self.technician.trip is self:
            self.technician.trip = None
        self.technician = None
        self.motion = None
        self.view = None
        self.shown = False
        self.line = None
        self.asking = False

    def reveal(self, now_ms: int) -> bool:
        """May the newest position go to the watchers? Once ``shown``, it stays so until ``halt``, ``begin`` or facts
        that forbid tracking: fixes only get newer, and a hidden zone is left once."""
        grant = self.grant
        technician = self.technician
        if grant is None or technician is None or self.facts is None or not self.facts.tracking:
            self.shown = False
            return False
        track = technician.track
        if grant.is_clear(technician.id, track.fixed_at):
            self.shown = True
            return True
        self.shown = grant.shows(
            technician_id=technician.id, fixed_at=track.fixed_at, lat=track.lat, lon=track.lon, now_ms=now_ms
        )
        return self.shown

    def snapshot(self, now_ms: int) -> Snapshot:
        """The newest of each kind; positions and arrival only while the grant holds."""
        facts = self.facts
        assert facts is not None
        destination = None
        if facts.destination_lat is not None and facts.destination_lon is not None:
            destination = Destination(
                lat_e6=round(facts.destination_lat * 1e6), lon_e6=round(facts.destination_lon * 1e6)
            )
        position: Position | None = None
        eta = None
        route = None
        if self.motion is not None and facts.tracking:
            eta = self.motion.eta(self.seq, now_ms)
            if self.shown and self.reveal(now_ms):
                position = self.motion.position(self.seq, now_ms)
                route = self.line.polyline6() if self.line is not None else None
        elif self.view is not None and self.technician is not None and facts.tracking:
            eta = self.far_eta(now_ms)
            if self.view.position is not None:
                position = _decode_position(self.view.position)
                position.seq = self.seq
                route = _decode_route(self.view.route).polyline6 if self.view.route is not None else None
        fresh = None
        if position is not None:
            fresh = position.freshness = freshness(now_ms - position.fixed_at)
        return Snapshot(
            status=facts.status,
            version=facts.version,
            time_zone=facts.time_zone,
            server_time=now_ms,
            epoch=self.epoch,
            seq=self.seq,
            tracking=facts.tracking,
            window_start=facts.window_start_ms,
            window_end=facts.window_end_ms,
            destination=destination,
            technician=facts.technician,
            position=position,
            eta=eta,
            route=route,
            freshness=fresh,
            end=self.ended,
        )

    def far_eta(self, now_ms: int) -> Eta | None:
        """The arrival that the owner told last, as it holds now: its range widens here as it does there."""
        view = self.view
        if view is None or view.arrival is None:
            return None
        told = _decode_eta(view.arrival)
        told.seq = self.seq
        told.eta_at, told.eta_low_at, told.eta_high_at = arrival_as_of(
            now_ms,
            eta_at=told.eta_at,
            low_at=told.eta_low_at,
            high_at=told.eta_high_at,
            # Where no position was told nobody here knows how long the phone is silent.
            fixed_at=view.fixed_at or now_ms,
            told_ms=view.arrival_ms,
        )
        return told


def fix_of(state: LastState) -> Fix:
    """The kept position as the fix it was."""
    return Fix(
        fixed_at=state.fixed_at,
        lat=state.lat,
        lon=state.lon,
        accuracy_m=state.accuracy_m,
        speed_mps=state.speed_mps,
        heading_deg=state.heading_deg,
        battery=state.battery,
    )


def state_of(technician: LiveTechnician) -> LastState:
    """What is kept of a technician for a restart."""
    track = technician.track
    live = technician.trip
    motion = live.motion if live is not None else None
    observed_s, expected_s = motion.pace.observed if motion is not None else (0.0, 0.0)
    return LastState(
        technician_id=technician.id,
        trip_id=live.id if live is not None else None,
        fixed_at=track.fixed_at,
        lat=track.lat,
        lon=track.lon,
        speed_mps=track.speed_mps,
        heading_deg=track.heading_deg,
        accuracy_m=track.accuracy_m,
        battery=track.battery,
        eta_at=motion.estimate.eta_at if motion is not None else None,
        arrived_at=motion.arrival.arrived_at if motion is not None else None,
        revealed=live.grant is not None and not live.grant.held_back if live is not None else False,
        eta_low_at=motion.estimate.low_at if motion is not None else None,
        eta_high_at=motion.estimate.high_at if motion is not None else None,
        pace_observed_s=observed_s,
        pace_expected_s=expected_s,
    )
