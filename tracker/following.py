"""The trips of one process: what the company does with its visits, and which technicians are this process's own."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Final

from tracker.board import BOARD_TOPIC
from tracker.bus import Bus
from tracker.calibration import Calibration
from tracker.facts import TripFacts
from tracker.fleet import Fleet
from tracker.hub import Hub
from tracker.ledger import area_of
from tracker.live import Duty, FarView, LiveTechnician, LiveTrip, fix_of, state_of
from tracker.messages import RouteLine, encode
from tracker.recorder import Recorder
from tracker.records import DutyChange, LastState
from tracker.roads import NoRoads, RoadEngine
from tracker.settling import Settling
from tracker.store import TrackStore
from tracker.ways import Ways

BOARD_EVERY_S: Final = 0.5
ENDED_KEPT: Final = 1000
ENDINGS = {"completed": "completed", "canceled": "canceled"}

log = logging.getLogger("enroute.node")

DUTIES_AT_ONCE: Final = 200
"""Technicians whose duties are read in one go, some tenths of a millisecond."""


class Following(Fleet):
    """``open_trip``, ``update_facts``, ``reassign_trip``, ``close_trip`` and ``set_duty`` follow what the company does,
    ``take`` and ``let_go`` what other processes do."""

    def __init__(
        self,
        *,
        hub: Hub,
        store: TrackStore,
        now_ms: Callable[[], int],
        bus: Bus,
        roads: RoadEngine,
        arrival_radius_m: float,
    ) -> None:
        super().__init__(hub=hub, bus=bus, now_ms=now_ms)
        self.store = store
        self.arrival_radius_m = arrival_radius_m
        self.recorder = Recorder(store, states=self._last_states)
        self._restored: dict[str, LastState] = {}
        self._changed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # Visits that ended before they were known here: the beginning may come later, from another process.
        self._ended: dict[str, int] = {}
        self.ways = Ways(roads, streams=self, spawn=self._spawn)

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
        for state in states:
            self._restored[state.technician_id] = state
            track = self.technician(state.technician_id).track
            track.receive(fix_of(state), state.fixed_at)
        await self.read_duties()
        self.hub.start()
        self._spawn(self._tell_boards(), "boards")

    async def read_duties(self) -> None:
        """Duties, and how they changed, are what is stored, and what is about to be."""
        changes: defaultdict[str, list[tuple[int, Duty]]] = defaultdict(list)
        for change in await self.recorder.in_thread(self.store.duty_changes):
            changes[change.technician_id].append((change.since_at, Duty(change.duty)))
        for number, (technician_id, of_one) in enumerate(changes.items()):
            self._take_duties(self.technician(technician_id), of_one)
            if number % DUTIES_AT_ONCE == DUTIES_AT_ONCE - 1:
                await asyncio.sleep(0)

    def _take_duties(self, technician: LiveTechnician, changes: Collection[tuple[int, Duty]]) -> None:
        before = technician.duty
        technician.take_duties(changes)
        if technician.duty is not before:
            self._changed.add(technician.id)

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
        if facts.version < self._ended.get(trip_id, 0):
            return
        live = self.live(trip_id)
        before = live.facts
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
            self.bus.taken(technician)
        else:
            self.bus.own(technician)
        self._tell_changes(live, before, now_ms)

    def _tell_changes(self, live: LiveTrip, before: TripFacts | None, now_ms: int) -> None:
        """The state, and the technician when what may be told of them is another now: their phone, for one."""
        self.tell_status(live, now_ms)
        if before is not None and live.facts is not None and before.technician != live.facts.technician:
            self.tell_technician(live)

    def _drive(self, live: LiveTrip, technician: LiveTechnician, facts: TripFacts, now_ms: int) -> None:
        """Follow the technician on the trip from here, or from where they were known to be."""
        motion = live.drive(technician, facts, arrival_radius_m=self.arrival_radius_m)
        motion.resume()
        motion.eta_changed = False
        restored = self._restored.pop(technician.id, None)
        # The same visit may be set off to twice: what was before belongs to the first time.
        mine = restored is not None and restored.trip_id == live.id and restored.fixed_at >= live.since_ms
        if restored is not None and mine and restored.fixed_at and live.grant is not None:
            if restored.revealed:
                live.grant.reveal()
            motion.take_up(restored, waits=not isinstance(self.ways.roads, NoRoads))
            live.reveal(now_ms)
        elif not self._alone and technician.track.fixed_at >= live.since_ms:
            # Heard of the fix before the trip, which began in another process.
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
            technician.unwritten_at = state.fixed_at
            if state.fixed_at > track.fixed_at:
                track.receive(fix_of(state), state.fixed_at)
        live = technician.trip
        shown = live.view.fix() if live is not None and live.view is not None else None
        if shown is not None and shown.fixed_at > track.fixed_at:
            # Watchers here have seen more than the state tells, which was put down before.
            technician.unwritten_at = shown.fixed_at
            track.receive(shown, shown.fixed_at)
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
            view.hear(encode(told), now_ms)
        if live.shown and live.reveal(now_ms):
            view.see(encode(motion.position(live.seq, now_ms)))
            if live.line is not None:
                view.route = encode(RouteLine(seq=live.seq, polyline6=live.line.polyline6()))
        return view

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
        self._tell_changes(live, before, now_ms)

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
        if live is None or live.technician is None:
            self._note_ended(trip_id, facts.version)
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

    def set_duty(self, *, technician_id: str, duty: str | Duty, now_ms: int) -> int:
        """On duty, on a break or off, from now on; durable once ``recorder.committed()`` returns. Returns since when
        (ms since 1970): the last word counts, also where the clock of whoever took the one before is ahead."""
        technician = self.technician(technician_id)
        change = DutyChange(technician_id, max(now_ms, technician.duty_since + 1), Duty(duty).value)
        self.hear_duty(change)
        self.recorder.also(lambda: self.store.write_duty(change))
        return change.since_at

    def hear_duty(self, change: DutyChange) -> None:
        """A change that is stored, or about to be, by whoever took it."""
        self._take_duties(self.technician(change.technician_id), [(change.since_at, Duty(change.duty))])

    # Inside

    def _note_ended(self, trip_id: str, version: int) -> None:
        if self._alone:
            return
        self._ended[trip_id] = max(version, self._ended.pop(trip_id, 0))
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    async def _tell_boards(self) -> None:
        while True:
            await asyncio.sleep(BOARD_EVERY_S)
            changed, self._changed = self._changed, set()
            if not self._alone:
                changed = {name for name in changed if self.technician(name).owned}
                self.bus.moved(changed)
            if changed and (self.hub.count(BOARD_TOPIC) or self.bus.board_watched_elsewhere):
                payload = encode(self.board(self.now_ms(), changed))
                self.hub.publish_topic(BOARD_TOPIC, payload)
                self.bus.tell_board(payload)

    def _spawn(self, coroutine, name: str) -> None:  # type: ignore[no-untyped-def]
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
