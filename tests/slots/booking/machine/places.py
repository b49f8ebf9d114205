"""Finding, holding, releasing and booking places, in any order and with any retry."""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from slots import booking
from slots.booking import Change
from slots.errors import SlotTaken
from slots.model import Hold
from tests.slots.booking.machine.paper import DAY_S, Wanted
from tests.slots.booking.machine.world import DISPATCHER, TECHNICIANS, World
from tests.slots.factories import MONDAY_S

ACCOUNT_OF = {"ana": "acme", "rui": "acme", "olga": "other", "otto": "other"}
CONTACTS = st.sampled_from(sorted(ACCOUNT_OF))
# Who asks for a place: mostly somebody of the account it is for.
ASKERS = st.sampled_from([0, 0, 0, 1, 1, 2])
WORK = [
    ("repair", "home", None),
    ("repair", "office", "boiler"),
    ("boiler check", "office", "boiler"),
    ("repair", "elsewhere", None),
]
# Whole and half hours of three days; a quarter past is no start of ours.
STARTS = st.builds(
    lambda day, half, odd: MONDAY_S + day * DAY_S + half * 1800 + odd,
    st.integers(-1, 3),
    st.integers(15, 36),
    st.sampled_from([0, 0, 0, 0, 0, 900]),
)
KEYS = st.sampled_from([None, "key 1", "key 2"])


class Places(World):
    visits: Bundle[str] = Bundle("visits")
    holds: Bundle[str] = Bundle("holds")
    places: Bundle[Wanted] = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        # (contact, key) → what was asked with it, and the visit that came of it.
        self.keys_used: dict[tuple[str, str], tuple[object, str]] = {}
        # Of every hold that ever was, also of those that are gone.
        self.kept_places: dict[str, Wanted] = {}

    @rule(target=places, work=st.sampled_from(WORK), technician=TECHNICIANS, start_s=STARTS)
    def somebody_thinks_of_a_place(self, work: tuple[str, str, str | None], technician: str, start_s: int) -> Wanted:
        return Wanted(*work, technician, start_s)

    @rule(target=places, work=st.sampled_from(WORK), data=st.data())
    def somebody_asks_for_slots(self, work: tuple[str, str, str | None], data: st.DataObject) -> Any:
        offered = self.offered(*work)
        if not offered:
            return multiple()
        start_s = data.draw(st.sampled_from(sorted(offered)))
        return Wanted(*work, offered[start_s], start_s)

    @rule(target=places, visit=visits, data=st.data())
    def somebody_asks_for_slots_to_move_to(self, visit: str, data: st.DataObject) -> Any:
        place = self.office.visits[visit].place
        offered = self.offered(place.service, place.site, place.asset, moving=visit)
        if not offered:
            return multiple()
        start_s = data.draw(st.sampled_from(sorted(offered)))
        return replace(place, technician=offered[start_s], start_s=start_s)

    @initialize(target=visits, work=st.sampled_from(WORK), every=st.integers(1, 6))
    def some_visits_are_booked_already(self, work: tuple[str, str, str | None], every: int) -> Any:
        booked = []
        account = self.office.sites[work[1]].account_id
        for start_s, technician in list(self.office.offered(*work).items())[: 4 * every : every]:
            place = Wanted(*work, technician, start_s)
            if not self.office.why_not_book(place, account=account, contact="", actor=DISPATCHER):
                contact = self._contacts(account)[0]
                booked.append(self._book(place, contact=contact, staff=False, key=None, hold=None))
        return multiple(*booked)

    @rule(target=holds, place=places, asker=ASKERS, staff=st.booleans())
    def a_place_is_held(self, place: Wanted, asker: int, staff: bool) -> Any:
        return self._hold(place, contact=self._asker(place, asker), staff=staff, moving=None)

    @rule(target=holds, place=places, visit=visits, staff=st.booleans())
    def a_place_is_held_to_move_to(self, place: Wanted, visit: str, staff: bool) -> Any:
        return self._hold(place, contact=self.office.visits[visit].contact, staff=staff, moving=visit)

    def _hold(self, place: Wanted, *, contact: str, staff: bool, moving: str | None) -> Any:
        asked = {"account": ACCOUNT_OF[contact], "contact": contact, "moving": moving}
        actor = self.actor(contact, staff=staff)
        kept: Hold | None = self.ask(
            booking.hold(
                self.scheduling,
                slot=self.slot(place),
                account_id=ACCOUNT_OF[contact],
                contact_id=contact,
                actor=actor,
                moving=moving,
                switches=self.office.switches,
                now_s=self.office.now_s,
            ),
            self.office.why_not_hold(place, actor=actor, **asked),
        )
        if kept is None:
            return multiple()
        self.office.hold(kept.id, place, **asked)
        self.kept_places[kept.id] = place
        return kept.id

    @rule(hold=holds, contact=CONTACTS)
    def a_hold_is_released(self, hold: str, contact: str) -> None:
        self.run(booking.release_hold(self.scheduling, hold_id=hold, contact_id=contact, now_s=self.office.now_s))
        if hold in self.office.holds and self.office.holds[hold].contact == contact:
            del self.office.holds[hold]

    @rule(target=visits, place=places, asker=ASKERS, staff=st.booleans(), key=KEYS)
    def a_place_is_booked(self, place: Wanted, asker: int, staff: bool, key: str | None) -> Any:
        return self._book(place, contact=self._asker(place, asker), staff=staff, key=key, hold=None)

    @rule(target=visits, hold=holds, staff=st.booleans(), key=KEYS, data=st.data())
    def a_hold_is_booked(self, hold: str, staff: bool, key: str | None, data: st.DataObject) -> Any:
        kept = self.office.holds.get(hold)
        contact = kept.contact if kept else data.draw(CONTACTS)
        return self._book(self.kept_places[hold], contact=contact, staff=staff, key=key, hold=hold)

    def _book(self, place: Wanted, *, contact: str, staff: bool, key: str | None, hold: str | None) -> Any:
        office, account, actor = self.office, ACCOUNT_OF[contact], self.actor(contact, staff=staff)
        asked = {"account": account, "contact": contact, "actor": actor, "hold_id": hold}
        known = self.keys_used.get((contact, key)) if key is not None else None
        if actor.role == "customer" and not office.switches.self_scheduling:
            codes = {"self_scheduling_off"}
        elif known is not None:
            codes = set() if known[0] == (hold or place) else {"idempotency_conflict"}
        else:
            codes = office.why_not_book(place, **asked)
        change: Change | None = self.ask(
            booking.book(
                self.scheduling,
                account_id=account,
                contact_id=contact,
                actor=actor,
                slot=self.slot(place) if hold is None else None,
                hold=hold,
                idempotency_key=key,
                switches=office.switches,
                now_s=office.now_s,
            ),
            codes,
        )
        if change is None:
            return multiple()
        if known is not None:
            assert (change.view.id, change.events) == (known[1], ())
            return multiple()
        office.book(change.view.id, place, **asked)
        if key is not None:
            self.keys_used[contact, key] = (hold or place, change.view.id)
        return change.view.id

    @rule(target=visits, place=places)
    def two_book_one_place_at_once(self, place: Wanted) -> Any:
        account = self.office.sites[place.site].account_id
        contacts = self._contacts(account)
        codes = self.office.why_not_book(place, account=account, contact="", actor=DISPATCHER)

        async def both() -> list[Any]:
            asked = {"account_id": account, "slot": self.slot(place), "actor": DISPATCHER, "now_s": self.office.now_s}
            return await asyncio.gather(
                *(booking.book(self.scheduling, contact_id=contact, **asked) for contact in contacts),
                return_exceptions=True,
            )

        answers = self.run(both())
        won = [answer for answer in answers if isinstance(answer, Change)]
        if codes:
            assert [answer.code in codes for answer in answers] == [True, True]
            return multiple()
        assert [type(answer) for answer in answers if answer not in won] == [SlotTaken]
        visit = won[0].view
        self.office.book(visit.id, place, account=account, contact=visit.appointment.contact_id, actor=DISPATCHER)
        return visit.id

    def offered(self, service: str, site: str, asset: str | None, *, moving: str | None = None) -> dict[int, str]:
        """Start → technician of every slot in the answer, which has to be the one on paper."""
        office = self.office
        today = datetime.datetime.fromtimestamp(office.now_s, datetime.UTC).date()
        disabled = moving is None and not office.services[service].enabled
        offer = self.ask(
            booking.offer(
                self.scheduling,
                account_id=office.sites[site].account_id,
                service_id=service,
                site_id=site,
                asset_id=asset,
                first_day=today,
                last_day=today + datetime.timedelta(days=office.rules.max_lead_days + 1),
                moving=moving,
                now_s=office.now_s,
            ),
            {"not_bookable"} if disabled else set(),
        )
        if offer is None:
            return {}
        names = {resource.key: resource.id for resource in office.resources.values()}
        found = {slot.start_s: names[slot.technician_key] for day in offer.days for slot in day.slots}
        assert found == office.offered(service, site, asset, moving=moving)
        return found

    def _asker(self, place: Wanted, asker: int) -> str:
        """0 and 1: the two contacts of the account; 2: a stranger."""
        account = self.office.sites[place.site].account_id
        return [*self._contacts(account), *sorted(ACCOUNT_OF.keys() - set(self._contacts(account)))][asker]

    def _contacts(self, account: str) -> list[str]:
        return [contact for contact in sorted(ACCOUNT_OF) if ACCOUNT_OF[contact] == account]
