"""The booking office on paper: what must become of every request, straight from the product's words.

One list of visits and one of holds, and a function per rule. It shares no code with the use cases: only the values of
`slots.model`, and the slow oracle for the question whether a technician can be there. Each `why_not_…` gives the codes
of every rule that forbids the request (the real office may name any one of them); none: it must succeed.

The town lies in Lisbon in winter, so that local days are days of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

from slots.calendar import Busy
from slots.model import Actor, Resource, Rules, ServiceType, Site, Switches
from slots.travel import Point, known_point
from slots.travel_table import Leg
from tests.slots import oracle
from tests.slots.travel_sources import Streets

DAY_S = 86_400
LIVE = {"scheduled", "traveling", "in_progress"}
LEGAL = {
    ("scheduled", "travel"): "traveling",
    ("scheduled", "cancel"): "canceled",
    ("traveling", "undo"): "scheduled",
    ("traveling", "start"): "in_progress",
    ("traveling", "cancel"): "canceled",
    ("in_progress", "complete"): "completed",
}
# A phone's clock that is wrong by more than this is not believed.
OLDEST_S = 7 * DAY_S


@dataclass(frozen=True)
class Wanted:
    """What a slot id stands for."""

    service: str
    site: str
    asset: str | None
    technician: str
    start_s: int


@dataclass(frozen=True)
class PaperChange:
    action: str
    device_s: int
    server_s: int
    actor: Actor
    applied: bool


@dataclass(frozen=True)
class PaperVisit:
    id: str
    account: str
    contact: str
    place: Wanted
    end_s: int
    status: str = "scheduled"
    version: int = 1
    changes: tuple[PaperChange, ...] = ()
    rating: tuple[int, str] | None = None
    rating_until_s: int = 0
    late_cancel: bool = False


@dataclass(frozen=True)
class PaperHold:
    id: str
    contact: str
    account: str
    place: Wanted
    end_s: int
    kept_s: int
    expires_s: int
    moving: str | None


def along_the_road_s(leg: Leg) -> int:
    """Everything lies on one road from south to north: ten minutes per hundredth of a degree."""
    return round(abs(leg[0].lat_rad - leg[1].lat_rad) / 0.000_174_532_925) * 600


TRAVEL = Streets(along_the_road_s)


@dataclass
class PaperOffice:
    now_s: int
    clock_span: tuple[int, int]
    rules: Rules
    switches: Switches
    sites: dict[str, Site]
    services: dict[str, ServiceType]
    resources: dict[str, Resource]
    visits: dict[str, PaperVisit] = field(default_factory=dict)
    holds: dict[str, PaperHold] = field(default_factory=dict)

    # Places

    def added_travel_s(self, place: Wanted, *, moving: str | None = None, booking: str | None = None) -> int | None:
        """None: this technician cannot be there. The visit being moved and the hold being booked are no conflict."""
        resource, service = self.resources[place.technician], self.services[place.service]
        if not resource.active or (service.skill is not None and service.skill not in resource.skills):
            return None
        if place.start_s % self.rules.slot_step_s:
            return None
        taken = self.busy(resource.id, moving=moving, booking=booking)
        done = [
            v.place.start_s
            for v in self.visits.values()
            if v.status == "completed" and v.place.technician == resource.id
        ]
        if not oracle.has_room_that_day(resource, place.start_s, busy=taken, done=done):
            return None
        duty, work = _working_minutes(resource, self.clock_span)
        return oracle.added_travel(
            resource,
            duty=duty,
            work=work,
            busy=taken,
            site=self._point(place.site),
            start_s=place.start_s,
            duration_s=service.duration_s,
            travel=TRAVEL,
            buffer_s=self.rules.buffer_s,
        )

    def busy(self, technician: str, *, moving: str | None = None, booking: str | None = None) -> list[Busy]:
        taken = []
        for visit in self.live_visits_of(technician):
            if visit.id != moving:
                # Whoever is still at work after the planned end is there until now at least.
                overrun = visit.status == "in_progress" and visit.place.start_s < self.now_s
                end_s = max(visit.end_s, self.now_s) if overrun else visit.end_s
                taken.append(Busy(visit.place.start_s, end_s, self._point(visit.place.site)))
        for hold in self.holds_of(technician):
            if hold.id != booking and (moving is None or hold.moving != moving):
                taken.append(Busy(hold.place.start_s, hold.end_s, self._point(hold.place.site)))
        return taken

    def live_visits_of(self, technician: str) -> list[PaperVisit]:
        return [v for v in self.visits.values() if v.place.technician == technician and v.status in LIVE]

    def holds_of(self, technician: str) -> list[PaperHold]:
        return [h for h in self.holds.values() if h.place.technician == technician and h.expires_s > self.now_s]

    def offered(self, service: str, site: str, asset: str | None, *, moving: str | None = None) -> dict[int, str]:
        """Start → the technician with the least added travel, for every start that is far enough ahead."""
        found = {}
        first = self.now_s - self.now_s % self.rules.slot_step_s
        for start_s in range(first, first + 5 * DAY_S, self.rules.slot_step_s):
            if self._lead_codes(start_s, self.now_s):
                continue
            offers = []
            for resource in self.resources.values():
                added_s = self.added_travel_s(Wanted(service, site, asset, resource.id, start_s), moving=moving)
                if added_s is not None:
                    offers.append((added_s, resource.key, resource.id))
            if offers:
                found[start_s] = min(offers)[2]
        return found

    def _lead_codes(self, start_s: int, from_s: int) -> set[str]:
        days = start_s // DAY_S - from_s // DAY_S
        far_enough = start_s >= from_s + self.rules.min_lead_s and days >= self.rules.min_lead_days
        return set() if far_enough and days <= self.rules.max_lead_days else {"not_bookable"}

    def _point(self, site: str) -> Point | None:
        return known_point(lat=self.sites[site].lat, lon=self.sites[site].lon)

    # Holding, booking, moving

    def why_not_hold(self, place: Wanted, *, account: str, contact: str, actor: Actor, moving: str | None) -> set[str]:
        codes = self._door_codes(actor) | self._lead_codes(place.start_s, self.now_s)
        if self.sites[place.site].account_id != account:
            codes.add("not_found")
        if moving is not None:
            visit = self.visits[moving]
            codes |= self._move_codes(visit, actor)
            if not _same_work(place, visit.place):
                codes.add("invalid_slot")
        elif not self.services[place.service].enabled:
            codes.add("not_bookable")
        kept = [
            hold
            for hold in self.holds.values()
            if hold.contact == contact and hold.expires_s > self.now_s and (moving is None or hold.moving != moving)
        ]
        if len(kept) >= self.rules.max_holds:
            codes.add("too_many_holds")
        if self.added_travel_s(place, moving=moving) is None:
            codes.add("slot_taken")
        return codes

    def hold(self, hold_id: str, place: Wanted, *, account: str, contact: str, moving: str | None) -> None:
        if moving is not None:
            self._drop_holds_for_moving(moving)
        self.holds[hold_id] = PaperHold(
            id=hold_id,
            contact=contact,
            account=account,
            place=place,
            end_s=place.start_s + self.services[place.service].duration_s,
            kept_s=self.now_s,
            expires_s=self.now_s + self.rules.hold_s,
            moving=moving,
        )

    def why_not_book(
        self, place: Wanted, *, account: str, contact: str, actor: Actor, hold_id: str | None = None
    ) -> set[str]:
        codes = self._door_codes(actor)
        from_s = self.now_s
        if hold_id is not None:
            hold = self.holds.get(hold_id)
            if hold is None or hold.contact != contact or hold.expires_s <= self.now_s or hold.moving is not None:
                return {"hold_expired", *codes, *self._book_codes(place, account)}
            from_s = hold.kept_s
        codes |= self._book_codes(place, account) | self._lead_codes(place.start_s, from_s)
        if self.added_travel_s(place, booking=hold_id) is None:
            codes.add("slot_taken")
        return codes

    def book(
        self, visit_id: str, place: Wanted, *, account: str, contact: str, actor: Actor, hold_id: str | None = None
    ) -> None:
        self.holds.pop(hold_id or "", None)
        self.visits[visit_id] = PaperVisit(
            id=visit_id,
            account=account,
            contact=contact,
            place=place,
            end_s=place.start_s + self.services[place.service].duration_s,
            changes=(PaperChange("book", self.now_s, self.now_s, actor, True),),
        )

    def why_not_move(self, visit: PaperVisit, place: Wanted, *, version: int | None, actor: Actor) -> set[str]:
        codes = self._version_codes(visit, version) | self._move_codes(visit, actor)
        if not _same_work(place, visit.place):
            codes.add("invalid_slot")
        if place == visit.place:
            return codes
        codes |= self._lead_codes(place.start_s, self.now_s)
        if self.added_travel_s(place, moving=visit.id) is None:
            codes.add("slot_taken")
        return codes

    def move(self, visit: PaperVisit, place: Wanted, *, actor: Actor) -> None:
        if place == visit.place:
            return
        self._drop_holds_for_moving(visit.id)
        end_s = place.start_s + self.services[place.service].duration_s
        self._change(replace(visit, place=place, end_s=end_s), "move", actor)

    def why_not_reassign(self, visit: PaperVisit, technician: str, *, version: int | None) -> set[str]:
        codes = self._version_codes(visit, version)
        if visit.status not in ("scheduled", "traveling"):
            codes.add("illegal_transition")
        if technician == visit.place.technician:
            return codes
        resource, skill = self.resources[technician], self.services[visit.place.service].skill
        if not resource.active or (skill is not None and skill not in resource.skills):
            codes.add("not_bookable")
        if visit.status == "traveling" and self.traveling_of(technician) is not None:
            codes.add("already_traveling")
        others = [(other.place.start_s, other.end_s) for other in self.live_visits_of(technician)]
        others += [(h.place.start_s, h.end_s) for h in self.holds_of(technician) if h.moving != visit.id]
        if any(start_s < visit.end_s and visit.place.start_s < end_s for start_s, end_s in others):
            codes.add("slot_taken")
        return codes

    def reassign(self, visit: PaperVisit, technician: str, *, actor: Actor) -> None:
        if technician != visit.place.technician:
            self._change(replace(visit, place=replace(visit.place, technician=technician)), "reassign", actor)

    def _door_codes(self, actor: Actor) -> set[str]:
        return {"self_scheduling_off"} if actor.role == "customer" and not self.switches.self_scheduling else set()

    def _book_codes(self, place: Wanted, account: str) -> set[str]:
        codes = set() if self.services[place.service].enabled else {"not_bookable"}
        return codes if self.sites[place.site].account_id == account else {"not_found", *codes}

    def _move_codes(self, visit: PaperVisit, actor: Actor) -> set[str]:
        codes = set() if visit.status == "scheduled" else {"illegal_transition"}
        if actor.role == "customer":
            codes |= self._door_codes(actor)
            if self.now_s > visit.place.start_s - self.rules.move_cutoff_s:
                codes.add("past_cutoff")
        return codes

    def _version_codes(self, visit: PaperVisit, version: int | None) -> set[str]:
        return {"stale_version"} if version is not None and version != visit.version else set()

    def _drop_holds_for_moving(self, visit_id: str) -> None:
        self.holds = {hold.id: hold for hold in self.holds.values() if hold.moving != visit_id}

    # States

    def effect(self, visit: PaperVisit, action: str, at_s: int | None) -> tuple[str, int]:
        """`applied`, `late` (kept, without effect), `repeated` (no trace) or `illegal`; and the time to believe."""
        believed = at_s is not None and self.now_s - OLDEST_S <= at_s <= self.now_s
        device_s = at_s if believed and at_s is not None else self.now_s
        newest_s = max((c.device_s for c in visit.changes if c.applied and c.action != "book"), default=0)
        known = any((c.action, c.device_s) == (action, device_s) for c in visit.changes)
        if device_s < newest_s:
            return ("repeated" if known else "late"), device_s
        if (visit.status, action) in LEGAL:
            return "applied", device_s
        return ("repeated" if known else "illegal"), device_s

    def why_not_change(
        self, visit: PaperVisit, action: str, *, at_s: int | None, version: int | None, actor: Actor
    ) -> set[str]:
        if actor.role == "technician" and actor.id != visit.place.technician:
            return {"not_found"}
        codes = self._version_codes(visit, version)
        effect, _ = self.effect(visit, action, at_s)
        if effect == "illegal":
            return {"illegal_transition", *codes}
        if effect != "applied":
            return codes
        if action == "travel" and self.traveling_of(visit.place.technician) is not None:
            codes.add("already_traveling")
        if action == "cancel" and actor.role == "customer":
            if visit.status == "scheduled" and self.now_s > visit.place.start_s - self.rules.cancel_cutoff_s:
                codes.add("past_cutoff")
            if visit.status == "traveling" and not self.rules.cancel_while_traveling:
                codes.add("cancel_while_traveling_forbidden")
        return codes

    def change(self, visit: PaperVisit, action: str, *, at_s: int | None, actor: Actor) -> str:
        """The effect."""
        effect, device_s = self.effect(visit, action, at_s)
        if effect == "late":
            line = PaperChange(action, device_s, self.now_s, actor, False)
            self.visits[visit.id] = replace(visit, changes=(*visit.changes, line))
        if effect == "applied":
            late = action == "cancel" and visit.status == "traveling" and actor.role == "customer"
            after = replace(visit, status=LEGAL[visit.status, action], late_cancel=late)
            if after.status != "scheduled":
                self._drop_holds_for_moving(visit.id)
            self._change(after, action, actor, device_s=device_s)
        return effect

    def traveling_of(self, technician: str) -> str | None:
        found = [v.id for v in self.live_visits_of(technician) if v.status == "traveling"]
        return found[0] if found else None

    def why_not_rate(self, visit: PaperVisit, *, version: int | None) -> set[str]:
        codes = self._version_codes(visit, version)
        if not self.switches.surveys:
            codes.add("surveys_off")
        if visit.status != "completed":
            codes.add("illegal_transition")
        if visit.rating is not None and self.now_s > visit.rating_until_s:
            codes.add("rating_closed")
        return codes

    def rate(self, visit: PaperVisit, rating: int, comment: str, *, actor: Actor) -> None:
        if visit.rating == (rating, comment):
            return
        until_s = self.now_s + self.rules.rating_edit_days * DAY_S if visit.rating is None else visit.rating_until_s
        self._change(replace(visit, rating=(rating, comment), rating_until_s=until_s), "rate", actor)

    def _change(self, after: PaperVisit, action: str, actor: Actor, *, device_s: int | None = None) -> None:
        line = PaperChange(action, self.now_s if device_s is None else device_s, self.now_s, actor, True)
        self.visits[after.id] = replace(after, version=after.version + 1, changes=(*after.changes, line))


def _same_work(place: Wanted, other: Wanted) -> bool:
    return (place.service, place.site, place.asset) == (other.service, other.site, other.asset)


@lru_cache(maxsize=256)
def _working_minutes(resource: Resource, span: tuple[int, int]) -> tuple[set[int], set[int]]:
    return oracle.working_minutes(resource, (), span)
