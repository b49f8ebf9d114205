"""One process's live tracking: technicians, trips, hub, recorder. ``ingest`` is the hot path.

Everything here runs on the event loop's thread. Between a fix read from a socket and the writes to its watchers
there is no await: a task switch there would let an older position overtake a newer one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from tracker.bus import Bus, LocalBus
from tracker.filters import CURRENT, LATE, Rejection, Verdict
from tracker.following import Following
from tracker.frames import frame
from tracker.hub import Hub
from tracker.live import ON_DUTY, LiveTechnician, LiveTrip
from tracker.messages import (
    Arrival,
    Fix,
    encode,
)
from tracker.pending import Acknowledged
from tracker.records import FixRow, ToldArrival
from tracker.roads import NoRoads, RoadEngine
from tracker.store import TrackStore
from tracker.strain import Strain
from tracker.topics import Topic
from tracker.trip import Trip

TAKEN_AT_ONCE: Final = 4_000
"""Fixes of one report taken before the loop gets its turn: about 10 ms."""
KEEP_STATE_EVERY_MS: Final = 10_000
"""The position itself is on disk with every fix; what else is known of a technician follows at this pace."""


class Node(Following):
    """``ingest`` follows what the phones say; what the company does, and the streams that are told, are in the base
    classes."""

    def __init__(
        self,
        *,
        hub: Hub,
        store: TrackStore,
        now_ms: Callable[[], int],
        bus: Bus | None = None,
        roads: RoadEngine | None = None,
        arrival_radius_m: float = 75.0,
    ) -> None:
        super().__init__(
            hub=hub,
            store=store,
            now_ms=now_ms,
            bus=bus or LocalBus(),
            roads=roads or NoRoads(),
            arrival_radius_m=arrival_radius_m,
        )
        self.pending = self.recorder.pending
        self.rejections: Counter[str] = Counter()
        self.strain = Strain()
        self.turn_ms = 0
        """Now, for all fixes of a turn; 0 between turns."""
        self._moved: list[LiveTechnician] = []
        # Nothing is told while another process may have become the owner unheard.
        self._doubtful = False

    # What the phones say

    @property
    def patient(self) -> bool:
        """Nobody watches a visit live: a fix may wait for company before it is looked at."""
        return self.hub.patient and not self.bus.watched_elsewhere

    def hold(self) -> None:
        """A turn begins: until ``release`` fixes are decided and recorded, and what they mean is told then."""
        self.turn_ms = self.now_ms()
        if not self._alone:
            self._doubtful = self.bus.doubtful()
        self.hub.hold()

    def release(self) -> None:
        """The turn is over: tell the newest position of each technician who moved."""
        self.hub.release()
        now_ms = self.turn_ms
        self.turn_ms = 0
        self.settle(now_ms)

    def ingest(self, technician_id: str, fixes: list[Fix], now_ms: int) -> list[Verdict]:
        """Decide the fixes of one report, record the accepted ones, tell the newest. One verdict per fix, in order."""
        technician = self.technician(technician_id)
        verdicts = [self.decide(technician, fix, now_ms) for fix in fixes]
        if not self.turn_ms:
            if not self._alone:
                self._doubtful = self.bus.doubtful()
            self.settle(now_ms)
        return verdicts

    def trusted(self) -> None:
        """There is no doubt (any more) about what this process owns: tell what waited for that."""
        self._doubtful = False
        if not self.turn_ms:
            self.settle(self.now_ms())

    def settle(self, now_ms: int) -> None:
        """Record what was decided, and tell the newest position of each technician who moved."""
        if self.pending.rows:
            self.recorder.added()
        if self._moved:
            self._tell_moved(now_ms)

    def decide(self, technician: LiveTechnician, fix: Fix, now_ms: int, device: Acknowledged | None = None) -> Verdict:
        """Accept a fix, or name the reason against it: the hot path. ``settle`` must follow, ``release`` does it for a
        turn. ``device`` is owed the acknowledgement of a fix that is the newest."""
        fixed_at = fix.fixed_at
        if technician.off_edges and (technician.duty is not ON_DUTY or technician.off_at(fixed_at)):
            self.rejections["off_duty"] += 1
            return Rejection.OFF_DUTY
        live = technician.trip
        trip_id = None
        if live is not None and live.motion is not None:
            verdict = live.motion.receive(fix, now_ms)
            if fixed_at >= live.since_ms:
                trip_id = live.id
        else:
            verdict = technician.track.receive(fix, now_ms)
        pending = self.pending
        if verdict is CURRENT:
            if not technician.moved:
                technician.moved = True
                self._moved.append(technician)
            if device is not None:
                pending.acks[device] = fixed_at
        elif verdict is Rejection.DUPLICATE and fixed_at <= technician.unwritten_at:
            # Known from the owner before; only the store knows whether it was written, and drops it if so.
            if fixed_at == technician.unwritten_at:
                technician.unwritten_at = 0
            verdict = LATE
        elif verdict is not LATE:
            self.rejections[verdict.value] += 1
            return verdict
        pending.rows.append(
            FixRow(
                technician.id,
                fixed_at,
                now_ms,
                trip_id,
                fix.lat,
                fix.lon,
                fix.accuracy_m,
                fix.speed_mps,
                fix.heading_deg,
                verdict is LATE,
            )
        )
        return verdict

    def _tell_moved(self, now_ms: int) -> None:
        if self._doubtful:
            # They are told when it is clear that this process may.
            return
        moved, self._moved = self._moved, []
        told: list[tuple[Topic, int, bytes, bytes]] = []
        # What is not a position: told after it.
        further: list[LiveTrip] = []
        find, changed = self.hub.find, self._changed
        for technician in moved:
            technician.moved = False
            changed.add(technician.id)
            if now_ms >= technician.keep_ms:
                technician.keep_ms = now_ms + KEEP_STATE_EVERY_MS
                self.recorder.touch(technician.id)
            live = technician.trip
            if live is None:
                continue
            motion = live.motion
            if motion is None or not (live.shown or self._reveal(live, motion, now_ms)):
                if motion is not None:
                    further.append(live)
                continue
            topic = find(live.topic)
            if topic is not None or live.far:
                live.seq = seq = live.seq + 1
                payload = encode(motion.position(seq, now_ms))
                data = frame(payload)
                if topic is not None:
                    told.append((topic, seq, payload, data))
                if live.far:
                    self.bus.ship(live, payload, conflates=True)
            if motion.eta_changed or motion.just_arrived or motion.wants_route or now_ms >= live.predictions.due_ms:
                further.append(live)
        if told:
            self.hub.tell_all(told, now_ms)
        for live in further:
            self._tell_further(live, now_ms)

    def _reveal(self, live: LiveTrip, motion: Trip, now_ms: int) -> bool:
        """Is the technician to be seen now, who was not a moment ago?"""
        if not live.reveal(now_ms):
            return False
        if live.technician is not None:
            self.recorder.touch(live.technician.id)
        if motion.progress is not None:
            # The line known so far begins where the technician was not to be seen: another one from here.
            motion.wants_route = True
        return True

    def _tell_further(self, live: LiveTrip, now_ms: int) -> None:
        """What a fix may bring beside a position: a way to ask for, a changed arrival, the arrival itself."""
        motion = live.motion
        if motion is None:
            return
        if motion.wants_route:
            self.ways.ask(live)
        if now_ms >= live.predictions.due_ms:
            estimate = motion.estimate
            eta_at = estimate.eta_at
            if eta_at is not None:
                low_at, high_at = estimate.low_at, estimate.high_at
                if live.predictions.note(at_ms=now_ms, eta_at=eta_at, low_at=low_at, high_at=high_at):
                    # With the batch of the fix that brought it.
                    self.recorder.told.append(ToldArrival(live.id, now_ms, eta_at, low_at, high_at))
        if motion.eta_changed:
            motion.eta_changed = False
            self.tell_eta(live, now_ms, None)
        if motion.just_arrived:
            motion.just_arrived = False
            self.tell_eta(live, now_ms, "arrived")
            technician = live.technician
            if technician is not None:
                self.recorder.touch(technician.id)
                suggestion = encode(Arrival(trip=live.id, at=technician.track.fixed_at))
                self.hub.publish_topic(f"technician:{technician.id}", suggestion)
                self.bus.tell_page(f"technician:{technician.id}", suggestion)

    async def take_in(self, technician_id: str, fixes: list[Fix]) -> list[Verdict]:
        """``ingest``, wherever the technician's owner is; returns when the accepted fixes are on disk. Raises
        ``OwnerAway``."""
        technician = self.technician(technician_id)
        if not technician.owned:
            return await self.bus.hand_on(technician, fixes, insist=False) if fixes else []
        verdicts = await self.decide_all(technician, fixes)
        await self.recorder.committed()
        return verdicts

    async def decide_all(self, technician: LiveTechnician, fixes: list[Fix]) -> list[Verdict]:
        """``ingest``, a part at a time."""
        verdicts: list[Verdict] = []
        for first in range(0, len(fixes), TAKEN_AT_ONCE):
            if first:
                await asyncio.sleep(0)
            verdicts += self.ingest(technician.id, fixes[first : first + TAKEN_AT_ONCE], self.now_ms())
        return verdicts
