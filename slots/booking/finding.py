"""What can be booked: the answer of `offer`, the check before a place is kept or taken, fresh slots after a loss."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from slots import appointment_store, calendar_store, catalog_store
from slots.availability import MARGIN_S, bookable_starts, find_candidates, lead_problem
from slots.booking.scheduling import Scheduling
from slots.booking.traveling import TravelUnknown, search
from slots.calendar import Calendar
from slots.errors import InvalidRange, InvalidSlot, NotBookable, NotFound, SlotTaken
from slots.model import Appointment, Asset, Resource, Rules, ServiceType, Site, Slot, Value
from slots.slot_id import SlotKey, encode_slot
from slots.store import Connection
from slots.travel_table import TravelTable
from slots.zones import local_date, start_grid

# After a lost race: the wanted day and the next ones, but no more than a person looks through.
FRESH_DAYS = 7
FRESH_SLOTS = 40


class Wish(Value, frozen=True, kw_only=True):
    """What is to be done, and where."""

    service: ServiceType
    site: Site
    asset: Asset | None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.site.time_zone)


async def load_wish(
    connection: Connection,
    *,
    account_id: str,
    service_id: str,
    site_id: str | None,
    asset_id: str | None,
    also_disabled: bool = False,
) -> Wish:
    """Service, asset and site, each checked to be the account's. The asset's site wins.

    Raises NotFound, NotBookable (service disabled, unless `also_disabled`).
    """
    asset = await catalog_store.asset(connection, asset_id) if asset_id is not None else None
    if asset is not None:
        site_id = asset.site_id
    service, site = await catalog_store.service_and_site(connection, service_id, site_id)
    if service is None:
        raise NotFound("service")
    if not service.enabled and not also_disabled:
        raise NotBookable("service_disabled")
    if asset_id is not None and (asset is None or asset.account_id != account_id):
        raise NotFound("asset")
    if site is None or site.account_id != account_id:
        raise NotFound("site")
    return Wish(service=service, site=site, asset=asset)


async def wish_of_slot(connection: Connection, key: SlotKey, *, account_id: str, also_disabled: bool = False) -> Wish:
    """What a slot id stands for. Raises NotFound, NotBookable, InvalidSlot (the asset has moved to another site)."""
    wish = await load_wish(
        connection,
        account_id=account_id,
        service_id=key.service_id,
        site_id=key.site_id,
        asset_id=key.asset_id,
        also_disabled=also_disabled,
    )
    if wish.site.id != key.site_id:
        raise InvalidSlot
    return wish


@dataclass(frozen=True, slots=True)
class Question:
    """What can be booked for a wish on some days, with all that the database knows about it.

    `calendar` None: no start is left.
    """

    wish: Wish
    days: frozenset[datetime.date]
    starts: list[tuple[int, datetime.date]]
    calendar: Calendar | None


async def load_question(
    scheduling: Scheduling,
    connection: Connection,
    wish: Wish,
    *,
    first_day: datetime.date,
    last_day: datetime.date,
    moving: str | None,
    now_s: int,
) -> Question:
    """Read apart from the search, which may wait for a road engine: no connection is kept waiting with it."""
    starts = bookable_starts(first_day, last_day, zone=wish.zone, rules=scheduling.rules, now_s=now_s)
    days = frozenset(first_day + datetime.timedelta(days=n) for n in range((last_day - first_day).days + 1))
    if not starts:
        return Question(wish, days, starts, None)
    calendar = await calendar_store.load_calendar(
        connection,
        service=wish.service,
        site=wish.site,
        from_s=starts[0][0] - MARGIN_S,
        to_s=starts[-1][0] + wish.service.duration_s + MARGIN_S,
        now_s=now_s,
        without_appointment=moving,
        aside=scheduling.aside.run,
    )
    return Question(wish, days, starts, calendar)


async def load_question_of_account(
    scheduling: Scheduling,
    connection: Connection,
    *,
    account_id: str,
    service_id: str,
    site_id: str | None,
    asset_id: str | None,
    first_day: datetime.date,
    last_day: datetime.date,
    moving: str | None,
    now_s: int,
) -> Question:
    """The same from what an account asks for. Raises NotFound, InvalidRange, NotBookable (service disabled)."""
    days = (last_day - first_day).days + 1
    if not 1 <= days <= scheduling.rules.max_query_days:
        raise InvalidRange(f"Ask for 1 to {scheduling.rules.max_query_days} days, not {days}.")
    if moving is not None:
        visit = await appointment_store.view(connection, moving)
        if visit is None or visit.appointment.account_id != account_id:
            raise NotFound("visit")
    wish = await load_wish(
        connection,
        account_id=account_id,
        service_id=service_id,
        site_id=site_id,
        asset_id=asset_id,
        also_disabled=moving is not None,
    )
    return await load_question(
        scheduling, connection, wish, first_day=first_day, last_day=last_day, moving=moving, now_s=now_s
    )


async def find_slots(
    scheduling: Scheduling, question: Question, *, at_most: int | None = None
) -> list[tuple[datetime.date, Slot]]:
    """By start, the first ones; the technician of each is the one with the least added travel."""
    rules, wish = scheduling.rules, question.wish
    if question.calendar is None:
        return []
    found, _ = await search(
        scheduling.travel,
        scheduling.aside,
        question.calendar,
        question.starts,
        duration_s=wish.service.duration_s,
        buffer_s=rules.buffer_s,
    )
    return [
        (
            candidate.day,
            make_slot(
                wish,
                technician_key=candidate.technician_key,
                start_s=candidate.start_s,
                added_travel_s=candidate.added_travel_s,
                rules=rules,
            ),
        )
        for candidate in found[:at_most]
    ]


async def fresh_slots(
    scheduling: Scheduling, wish: Wish, *, around_s: int, moving: str | None, now_s: int
) -> tuple[Slot, ...]:
    """What is left from the wanted day on, for whoever lost the race."""
    day = local_date(around_s, wish.zone)
    async with scheduling.database.read() as connection:
        question = await load_question(
            scheduling,
            connection,
            wish,
            first_day=day,
            last_day=day + datetime.timedelta(days=FRESH_DAYS - 1),
            moving=moving,
            now_s=now_s,
        )
    found = await find_slots(scheduling, question, at_most=FRESH_SLOTS)
    return tuple(slot for _, slot in found)


async def check_free(
    scheduling: Scheduling,
    connection: Connection,
    wish: Wish,
    *,
    technician_key: int,
    start_s: int,
    now_s: int,
    lead_from_s: int | None = None,
    moving: str | None = None,
    without_hold: str | None = None,
) -> Resource:
    """The whole rule again for one start of one technician, whose time line the caller has locked; that technician.

    `lead_from_s`: from when the lead is counted, now by default. Raises NotBookable (lead), SlotTaken, and
    TravelUnknown where it fits unless a leg takes too long that nobody has reckoned yet.
    """
    rules, zone = scheduling.rules, wish.zone
    lead_from_s = now_s if lead_from_s is None else lead_from_s
    problem = lead_problem(start_s, zone=zone, rules=rules, now_s=lead_from_s)
    if problem is not None:
        raise NotBookable(problem)
    day = local_date(start_s, zone)
    entry = (start_s, day)
    if entry not in start_grid(day, day, step_s=rules.slot_step_s, zone=zone):
        raise SlotTaken
    resource = await catalog_store.resource_by_key(connection, technician_key)
    if resource is None:
        raise SlotTaken
    calendar = await calendar_store.load_calendar(
        connection,
        service=wish.service,
        site=wish.site,
        from_s=start_s - MARGIN_S,
        to_s=start_s + wish.service.duration_s + MARGIN_S,
        now_s=now_s,
        resource=resource,
        without_appointment=moving,
        without_hold=without_hold,
    )
    travel = TravelTable(scheduling.travel.accepted, site=calendar.site)
    fits = find_candidates(
        calendar,
        [entry],
        duration_s=wish.service.duration_s,
        travel=travel,
        buffer_s=rules.buffer_s,
    )
    if not fits:
        raise SlotTaken
    if travel.missing:
        raise TravelUnknown(travel.missing)
    return resource


def make_slot(wish: Wish, *, technician_key: int, start_s: int, rules: Rules, added_travel_s: int = 0) -> Slot:
    window_start_s = start_s - rules.window_before_s
    asset_id = wish.asset.id if wish.asset else None
    return Slot(
        id=encode_slot(
            service_id=wish.service.id,
            site_id=wish.site.id,
            asset_id=asset_id,
            technician_key=technician_key,
            start_s=start_s,
        ),
        service_id=wish.service.id,
        site_id=wish.site.id,
        asset_id=asset_id,
        technician_key=technician_key,
        start_s=start_s,
        end_s=start_s + wish.service.duration_s,
        window_start_s=window_start_s,
        window_end_s=window_start_s + rules.window_s,
        time_zone=wish.site.time_zone,
        added_travel_s=added_travel_s,
    )


def check_same(key: SlotKey, *, service_id: str | None, asset_id: str | None) -> None:
    """Raises InvalidSlot if the caller names another service or asset than the slot."""
    if service_id is not None and service_id != key.service_id:
        raise InvalidSlot
    if asset_id is not None and asset_id != key.asset_id:
        raise InvalidSlot


def check_same_work(key: SlotKey, visit: Appointment) -> None:
    """Raises InvalidSlot if the slot is not for the service, site and asset of the visit that is to be moved there."""
    if (key.service_id, key.site_id, key.asset_id) != (visit.service_id, visit.site_id, visit.asset_id):
        raise InvalidSlot
