"""One process's live tracking: technicians, trips, hub, recorder. ``ingest`` is the hot path.

Everything here runs on the event loop's thread. Between a fix read from a socket and the writes to its watchers
there is no await: a task switch there would let an older position overtake a newer one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from tracker.board import BOARD_TOPIC
from tracker.bus import Bus, LocalBus
from tracker.calibration import Calibration
from tracker.facts import TripFacts
from tracker.filters import CURRENT, LATE, Rejection, Verdict
from tracker.fleet import Fleet
from tracker.frames import frame
from tracker.hub import Hub
from tracker.ledger import area_of
from tracker.live import ON_DUTY, Duty, FarView, LiveTechnician, LiveTrip, fix_of, state_of
from tracker.messages import (
    Arrival,
    Fix,
    RouteLine,
    encode,
)
from tracker.pending import Acknowledged
from tracker.recorder import Recorder
from tracker.records import FixRow, LastState, ToldArrival
from tracker.roads import NoRoads, RoadEngine
from tracker.settling import Settling
from tracker.store import TrackStore
from tracker.topics import Topic
from tracker.trip import Trip
from tracker.ways import Ways

BOARD_EVERY_S: Final = 0.5
KEEP_STATE_EVERY_MS: Final = 10_000
"""The position itself is on disk with every fix; what else is known of a technician follows at this pace."""
ENDINGS = {"completed": "completed", "canceled": "canceled"}

log = logging.getLogger("enroute.node")


class Node(Fleet):
    """``open_trip``, ``update_facts``, ``reassign_trip``, ``close_trip`` and ``set_duty`` follow what the
    company does; ``ingest`` follows what the phones say; the streams it tells are those of the base class."""

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
        super().__init__(hub=hub, bus=bus or LocalBus(), now_ms=now_ms)
        self.store = store
        self.arrival_radius_m = arrival_radius_m
        self.recorder = Recorder(store, states=self._last_states)
        self.pending = self.recorder.pending
        self.rejections: Counter[str] = Counter()
        self.turn_ms = 0
        """Now, for all fixes of a turn; 0 between turns."""
        self._moved: list[LiveTechnician] = []
        self._restored: dict[str, LastState] = {}
        # Nothing is told while another process may have become the owner unheard.
        self._doubtful = False
        self._changed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ways = Ways(roads or NoRoads(), streams=self, spawn=self._spawn)

    def use_calibration(self, calibration: Calibration) -> None:
        """What was learned from finished trips, for those that set off from now on."""
        self.ways.use(calibration)

    @property
    def fixes_accepted(self) -> int:
        return self.recorder.taken_rows

    async def start(self) -> None:
        """Take up what the store remembers; then follow."""
        self.recorder.start()
        states = await self.recorder.in_thread(self.store.last_states)
        duties = await self.recorder.in_thread(self.store.duties)
        for state in states:
            self._restored[state.technician_id] = state
            track = self.technician(state.technician_id).track
            track.receive(fix_of(state), state.fixed_at)
        for technician_id, (duty, since_ms) in duties.items():
            self.technician(technician_id).set_duty(Duty(duty), since_ms)
        self.hub.start()
        self._spawn(self._tell_boards(), "boards")

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hub.stop()
        await self.recorder.stop()

    # What the company does

    def open_trip(
        self, *, trip_id: str, technician_id: str, facts: TripFacts, now_ms: int, since_ms: int | None = None
    ) -> None:
        """The technician sets off to this visit. ``since_ms``: when they did, if that was before now (restart)."""
        live = self.live(trip_id)
        if not live.take_facts(facts):
            return
        technician = self.technician(technician_id)
        if technician.trip is not None and technician.trip is not live:
            self.halt(technician.trip, now_ms)
        if live.technician is not None and live.technician is not technician:
            self.halt(live, now_ms)
        live.ended = None
        live.begin(technician=technician, facts=facts, since_ms=now_ms if since_ms is None else since_ms)
        if technician.owned:
            self._drive(live, technician, facts, now_ms)
        else:
            self.bus.own(technician)
        self.tell_status(live, now_ms)

    def _drive(self, live: LiveTrip, technician: LiveTechnician, facts: TripFacts, now_ms: int) -> None:
        """Follow the technician on the trip from here, or from where they were known to be."""
        motion = live.drive(technician, facts, arrival_radius_m=self.arrival_radius_m)
        motion.resume()
        motion.eta_changed = False
        restored = self._restored.pop(technician.id, None)
        if restored is not None and restored.fixed_at and restored.trip_id == live.id and live.grant is not None:
            if restored.revealed:
                live.grant.reveal()
            motion.take_up(restored, waits=not isinstance(self.ways.roads, NoRoads))
            live.reveal(now_ms)
        self.recorder.touch(technician.id)
        self._changed.add(technician.id)

    # What the other processes do

    def take(self, technician: LiveTechnician, state: LastState | None, now_ms: int) -> None:
        """This process is the technician's owner now; ``state`` is where the one before had them."""
        technician.owned = True
        technician.owner = None
        track = technician.track
        if state is not None:
            self._restored[technician.id] = state
            if state.fixed_at > track.fixed_at:
                track.receive(fix_of(state), state.fixed_at)
        live = technician.trip
        if live is not None and live.facts is not None:
            self._drive(live, technician, live.facts, now_ms)
        for phone in list(self._phones.get(technician.id, ())):
            phone.owned(True)

    def let_go(self, technician: LiveTechnician, now_ms: int) -> LastState:
        """Another process is the technician's owner now. What was told here stays to be seen until it tells more."""
        state = state_of(technician)
        technician.owned = False
        for phone in list(self._phones.get(technician.id, ())):
            phone.owned(False)
        live = technician.trip
        if live is not None and live.motion is not None:
            live.leave(self.view(live, now_ms))
        return state

    def view(self, live: LiveTrip, now_ms: int) -> FarView:
        """The newest of each kind as it may be shown, for a process that only passes it on."""
        view = FarView()
        motion = live.motion
        if motion is None:
            return live.view or view
        told = motion.eta(live.seq, now_ms)
        if told is not None:
            view.arrival = encode(told)
        if live.shown and live.reveal(now_ms):
            view.position = encode(motion.position(live.seq, now_ms))
            if live.line is not None:
                view.route = encode(RouteLine(seq=live.seq, polyline6=live.line.polyline6()))
        return view

    async def take_in(self, technician_id: str, fixes: list[Fix]) -> list[Verdict]:
        """``ingest``, wherever the technician's owner is; returns when the accepted fixes are on disk. Raises
        ``OwnerAway``."""
        technician = self.technician(technician_id)
        if not technician.owned:
            return await self.bus.hand_on(technician, fixes, insist=False)
        verdicts = self.ingest(technician_id, fixes, self.now_ms())
        await self.recorder.committed()
        return verdicts

    def update_facts(self, *, trip_id: str, facts: TripFacts, now_ms: int) -> None:
        """State, window or technician changed; whoever watches is told. Unwatched visits cost nothing."""
        live = self._trips.get(trip_id)
        if live is None:
            return
        before = live.facts
        if not live.take_facts(facts):
            return
        if not facts.tracking:
            self.hub.forget_positions(live.topic)
        self.tell_status(live, now_ms)
        if before is not None and before.technician != facts.technician:
            self.tell_technician(live)

    def reassign_trip(
        self, *, trip_id: str, technician_id: str, facts: TripFacts, now_ms: int, traveling: bool = False
    ) -> None:
        """Another technician comes. The old one's stream ends before the new one's begins; watchers stay."""
        live = self._trips.get(trip_id)
        if live is None:
            return
        if not live.take_facts(facts):
            return
        self.halt(live, now_ms)
        self.tell_technician(live)
        if traveling:
            self.open_trip(trip_id=trip_id, technician_id=technician_id, facts=facts, now_ms=now_ms)
        else:
            self.tell_status(live, now_ms)

    def close_trip(self, *, trip_id: str, facts: TripFacts, reason: str, now_ms: int) -> None:
        """No position of this trip leaves after this call. ``reason``: in_progress, completed, canceled, undone."""
        live = self._trips.get(trip_id)
        if live is None:
            return
        technician = live.technician
        motion = live.motion
        if technician is not None and motion is not None and reason in ("in_progress", "completed"):
            lat, lon = facts.destination_lat, facts.destination_lon
            settling = Settling(
                trip_id=trip_id,
                technician_id=technician.id,
                since_ms=live.since_ms,
                arrived_at=motion.arrival.arrived_at or now_ms,
                area=area_of(lat=lat, lon=lon) if lat is not None and lon is not None else None,
                noted=live.predictions,
            )
            self.recorder.also(lambda: settling.write_to(self.store))
        self.halt(live, now_ms)
        if technician is not None:
            self.recorder.touch(technician.id)
            self._changed.add(technician.id)
        live.take_facts(facts)
        self.tell_status(live, now_ms)
        ending = ENDINGS.get(reason)
        if ending is not None:
            self.end(trip_id, ending)

    def set_duty(self, *, technician_id: str, duty: str | Duty, now_ms: int, recorded: bool = False) -> None:
        """On duty, on a break or off; durable once ``recorder.committed()`` returns. ``recorded``: another process
        sees to that."""
        technician = self.technician(technician_id)
        technician.set_duty(Duty(duty), now_ms)
        self._changed.add(technician_id)
        value = technician.duty.value
        if not recorded:
            self.recorder.also(lambda: self.store.write_duty(technician_id, value, now_ms))

    # What the phones say

    @property
    def patient(self) -> bool:
        """Nobody watches a visit live: a fix may wait for company before it is looked at."""
        return self.hub.patient

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
            self.settle(now_ms)
        return verdicts

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
        if not technician.always_on and (technician.duty is not ON_DUTY or technician.off_at(fixed_at)):
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
        moved, self._moved = self._moved, []
        told: list[tuple[Topic, int, bytes, bytes]] = []
        # What is not a position: told after it.
        further: list[LiveTrip] = []
        find, changed = self.hub.find, self._changed
        if self._doubtful:
            for technician in moved:
                technician.moved = False
            return
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

    # Inside

    async def _tell_boards(self) -> None:
        while True:
            await asyncio.sleep(BOARD_EVERY_S)
            changed, self._changed = self._changed, set()
            if not self._alone:
                changed = {name for name in changed if self.technician(name).owned}
            if changed and (self.hub.count(BOARD_TOPIC) or not self._alone):
                payload = encode(self.board(self.now_ms(), changed))
                self.hub.publish_topic(BOARD_TOPIC, payload)
                self.bus.tell_board(payload, changed)

    def _spawn(self, coroutine, name: str) -> None:  # type: ignore[no-untyped-def]
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
