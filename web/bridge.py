"""Where the two domains meet: what happened to appointments becomes trips, home page updates and messages to send.

`tell` is synchronous and is called right after the use case's commit with no await between: the technician disappears
from the map in the same breath in which the visit stops being Traveling. Nothing here carries a coordinate.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from slots import booking, catalog_store
from slots.events import (
    AppointmentBooked,
    AppointmentCanceled,
    AppointmentCompleted,
    AppointmentMoved,
    AppointmentRated,
    AppointmentReassigned,
    Event,
    TravelStarted,
    TravelUndone,
    WorkStarted,
)
from slots.model import Appointment, AppointmentView, Status
from tracker.board import BOARD_TOPIC
from tracker.errors import CloseCode
from tracker.facts import TripFacts
from web.announcements import VisitsChanged
from web.home import Home
from web.live_notices import LiveNotices
from web.trip_facts import ENDED, Zones, trip_facts

if TYPE_CHECKING:
    from web.state import State

# A customer's doorstep and the technician's street: near enough to say where somebody lives.
HIDDEN_RADIUS_M = 150.0
# A technician without a network for longer than this is not shown from before the press reached us.
OFFLINE_MS = 2 * 3600 * 1000
# How often arrival times are looked at: has another visit become the Active one, is somebody late or near?
LOOK_EVERY_S = 15.0
DAY_S = 86_400

CLOSED_AS = {
    Status.IN_PROGRESS: "in_progress",
    Status.COMPLETED: "completed",
    Status.CANCELED: "canceled",
    Status.SCHEDULED: "undone",
}
_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}

log = logging.getLogger("enroute.bridge")


class VisitChanged(msgspec.Struct, tag_field="type", tag="appointment"):
    """To home pages, technician pages and boards: look at this visit again."""

    id: str
    status: str
    version: int
    section: str


class Bridge:
    """`prepare` before a technician may set off, `tell` after every commit, `restore` once at start."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.home = Home(state.node)
        self.live_notices = LiveNotices(state)
        self._zones: dict[str, Zones] = {}
        state.announcements.handle(VisitsChanged, self._hear)
        self._task: asyncio.Task[None] | None = None

    async def restore(self) -> None:
        """Open a trip for every visit that is Traveling, as it was before the restart; then follow their
        arrival times."""
        for view in await booking.traveling(self._state.booking):
            await self.prepare(view.technician.id)
            self.take_up(view, driver=None)
        await self.home.choose_again(self._state.database, now_s=self._state.now_s())
        self._task = asyncio.get_running_loop().create_task(self._follow_arrivals(), name="arrival times")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def prepare(self, technician_id: str) -> None:
        """Look up where this technician must not be shown yet: at home, and at the visit they come from.

        To be awaited before the change that starts a trip, because `tell` cannot ask a database.
        """
        state = self._state
        async with state.database.read() as conn:
            resource = await catalog_store.resource(conn, technician_id)
        if resource is None:
            return
        zones: list[tuple[float, float, float]] = []
        if resource.home_lat is not None and resource.home_lon is not None:
            zones.append((resource.home_lat, resource.home_lon, HIDDEN_RADIUS_M))
        visits = [
            view
            for now_s in (state.now_s() - DAY_S, state.now_s())
            for view in await booking.day_of_technician(state.booking, technician_id=technician_id, now_s=now_s)
        ]
        been_to = [view for view in visits if _came_s(view.appointment) is not None]
        if been_to:
            site = max(been_to, key=lambda view: _came_s(view.appointment) or 0).site
            if site.lat is not None and site.lon is not None:
                zones.append((site.lat, site.lon, HIDDEN_RADIUS_M))
        self._zones[technician_id] = tuple(zones)

    def facts(self, view: AppointmentView) -> TripFacts:
        """What live tracking has to know of this visit now."""
        state = self._state
        zones = self._zones.get(view.technician.id, ())
        at_site = (view.site.lat, view.site.lon)
        return trip_facts(
            view,
            settings=state.settings,
            tracking=state.switches.technician_tracking,
            # Two visits at one address: the doorstep is no secret to the customer who lives there.
            hidden_zones=tuple(zone for zone in zones if zone[:2] != at_site),
        )

    def take_up(self, view: AppointmentView, *, driver: str | None) -> None:
        """Make of a visit what the database says of it; ``driver`` is who this process believed to be under way."""
        with self._noting_who_sees(view.id):
            self._follow(view, driver=driver)
        self.home.note(view.appointment)
        if driver is not None or view.status is not Status.TRAVELING:
            self._tell_visit(view.appointment)

    def _follow(self, view: AppointmentView, *, driver: str | None) -> None:
        node, facts, now_ms = self._state.node, self.facts(view), self._state.now_ms()
        if view.status is Status.TRAVELING:
            if driver is not None and driver != view.technician.id:
                self._let_go(view, driver)
                node.reassign_trip(
                    trip_id=view.id, technician_id=view.technician.id, facts=facts, now_ms=now_ms, traveling=True
                )
            elif driver is None:
                # The newest change of a Traveling visit: setting off, or being given to this technician after that.
                since_ms = view.appointment.changed_s * 1000
                node.open_trip(
                    trip_id=view.id, technician_id=view.technician.id, facts=facts, now_ms=now_ms, since_ms=since_ms
                )
            else:
                node.update_facts(trip_id=view.id, facts=facts, now_ms=now_ms)
        elif driver is not None or view.status in ENDED:
            node.close_trip(trip_id=view.id, facts=facts, reason=CLOSED_AS[view.status], now_ms=now_ms)
        else:
            node.update_facts(trip_id=view.id, facts=facts, now_ms=now_ms)

    @contextlib.contextmanager
    def _noting_who_sees(self, trip_id: str) -> Iterator[None]:
        """Where this brings a technician to be seen, whoever watches already is noted in the log of watches."""
        log = self._state.watch_log
        before = log.seen_on(trip_id)
        yield
        log.technician_begins(trip_id, before=before, now_ms=self._state.now_ms())

    async def announce(self, events: Sequence[Event]) -> None:
        """Pass on what a use case reported: in this process at once, and before this returns in every other one."""
        self.tell(events)
        if events and not self._state.announcements.alone:
            zones = {event.view.technician.id: self._zones.get(event.view.technician.id, ()) for event in events}
            told = [(type(event).__name__, msgspec.msgpack.encode(event)) for event in events]
            await self._state.announcements.to_all(VisitsChanged(told, zones))

    def tell(self, events: Sequence[Event]) -> None:
        """``announce`` in this process alone."""
        for event in events:
            if isinstance(event, AppointmentMoved | AppointmentReassigned):
                self._let_go(event.view, event.old_technician.id)
            with self._noting_who_sees(event.view.id):
                self._steer_trip(event)
            self._tell_pages(event)
        if events:
            self._state.outbox.wake()
            self._state.events.wake()

    def _hear(self, told: VisitsChanged) -> None:
        """What another process announced."""
        self._zones |= told.zones
        self.tell([msgspec.msgpack.decode(event, type=_EVENTS[name]) for name, event in told.events])

    async def switches_changed(self) -> None:
        """Tracking went on or off: whoever watches is told, and coordinates start or stop at once."""
        state = self._state
        if not state.switches.technician_tracking:
            # They stop even if the database cannot be asked now.
            for live in state.node.known_trips():
                if live.technician is not None and live.facts is not None and live.facts.tracking:
                    facts = msgspec.structs.replace(live.facts, tracking=False)
                    state.node.update_facts(trip_id=live.id, facts=facts, now_ms=state.now_ms())
        for view in await booking.traveling(state.booking):
            facts, known = self.facts(view), state.node.known_trip(view.id)
            if known is None or known.facts != facts:
                with self._noting_who_sees(view.id):
                    state.node.update_facts(trip_id=view.id, facts=facts, now_ms=state.now_ms())
            self._tell_visit(view.appointment)

    async def choose_again(self) -> None:
        """Arrival times changed, or another process chose: where another visit is the Active one now, the page is told
        of both."""
        before = {account_id: self.home.active(account_id) for account_id in self.home.accounts()}
        await self.home.choose_again(self._state.database, now_s=self._state.now_s())
        for account_id, active in before.items():
            self._tell_of_choice(account_id, before=active)

    async def _follow_arrivals(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self.home.accounts():
                continue
            try:
                await self.choose_again()
                await self.live_notices.look()
            except Exception:
                log.exception("arrival times could not be followed; trying again")

    def _let_go(self, view: AppointmentView, old: str) -> None:
        """Who no longer goes to the visit may not follow who does."""
        topic = self._state.node.topic(view.id)
        if old != view.technician.id:
            self._state.hub.disconnect(
                lambda watcher: getattr(watcher.principal, "technician_id", None) == old,
                CloseCode.NOT_FOUND,
                "given to another technician",
                name=topic,
            )

    def _steer_trip(self, event: Event) -> None:
        node, view, now_ms = self._state.node, event.view, self._state.now_ms()
        facts = self.facts(view)
        match event:
            case TravelStarted():
                # Pressed without a network and told later: what was fixed since the press belongs to the trip.
                # A phone whose clock is days behind must not open the past.
                since_ms = min(now_ms, max(event.device_s * 1000, now_ms - OFFLINE_MS))
                node.open_trip(
                    trip_id=view.id, technician_id=view.technician.id, facts=facts, now_ms=now_ms, since_ms=since_ms
                )
            case WorkStarted():
                node.close_trip(trip_id=view.id, facts=facts, reason="in_progress", now_ms=now_ms)
            case AppointmentCompleted():
                node.close_trip(trip_id=view.id, facts=facts, reason="completed", now_ms=now_ms)
            case AppointmentCanceled():
                node.close_trip(trip_id=view.id, facts=facts, reason="canceled", now_ms=now_ms)
            case TravelUndone():
                node.close_trip(trip_id=view.id, facts=facts, reason="undone", now_ms=now_ms)
            case AppointmentReassigned():
                node.reassign_trip(
                    trip_id=view.id,
                    technician_id=view.technician.id,
                    facts=facts,
                    now_ms=now_ms,
                    traveling=view.status is Status.TRAVELING,
                )
            case AppointmentMoved():
                node.update_facts(trip_id=view.id, facts=facts, now_ms=now_ms)
            case AppointmentBooked() | AppointmentRated():
                pass
            case _:
                raise TypeError(f"{type(event).__name__} is not an event the bridge knows. Add it here.")

    def _tell_pages(self, event: Event) -> None:
        appointment = event.view.appointment
        before = self.home.active(appointment.account_id)
        self.home.note(appointment)
        self.home.choose(appointment.account_id)
        payload = self._tell_visit(appointment)
        technicians = {event.view.technician.id}
        if isinstance(event, AppointmentMoved | AppointmentReassigned):
            technicians.add(event.old_technician.id)
        for technician_id in technicians:
            self._publish(f"technician:{technician_id}", payload)
        self._tell_of_choice(appointment.account_id, before=before, told=appointment.id)

    def _tell_of_choice(self, account_id: str, *, before: str | None, told: str | None = None) -> None:
        """Tell the page of the visits that became, or are no longer, the Active one; `told` was told already."""
        chosen = self.home.active(account_id)
        if chosen == before:
            return
        for visit in self.home.traveling(account_id):
            if visit.id in (before, chosen) and visit.id != told:
                self._tell_visit(visit)

    def _tell_visit(self, appointment: Appointment) -> bytes:
        payload = msgspec.json.encode(
            VisitChanged(
                id=appointment.id,
                status=appointment.status.value,
                version=appointment.version,
                section=self.home.section(appointment),
            )
        )
        self._publish(f"account:{appointment.account_id}", payload)
        self._publish(BOARD_TOPIC, payload)
        return payload

    def _publish(self, topic: str, payload: bytes) -> None:
        # Every process hears of the change itself and tells its own pages.
        self._state.hub.publish_topic(topic, payload)


def _came_s(visit: Appointment) -> int | None:
    """When the technician was at this customer's door (s since 1970): at work there, or in vain; None if never."""
    if visit.started_s is None and visit.traveling_s is not None:
        return visit.canceled_s
    return visit.started_s
