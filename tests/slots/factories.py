"""Whole values with one thing overridden, and a small town to book in.

The town is in Lisbon in winter (UTC+0), so that a local hour is the hour of the instant. Monday is 2026-11-23.
"""

from __future__ import annotations

import datetime
from typing import Any

from slots import booking, catalog_store
from slots.booking import Change, Scheduling
from slots.model import (
    Actor,
    Appointment,
    AppointmentView,
    Asset,
    Break,
    Resource,
    Rules,
    ServiceType,
    Shift,
    Site,
    Slot,
    Status,
    Technician,
)
from slots.store import Database

MONDAY = datetime.date(2026, 11, 23)
MONDAY_S = 1_795_392_000
NOW_S = MONDAY_S - 86_400 + 12 * 3600  # Sunday noon

CUSTOMER = Actor(role="customer", id="ana")
OTHER_CUSTOMER = Actor(role="customer", id="rui")
TECHNICIAN = Actor(role="technician", id="tiago", source="device")
DISPATCHER = Actor(role="dispatcher", id="dora")

# One hour of work and no reminders in the way of what a test counts.
RULES = Rules(min_lead_s=0, slot_step_s=3600, max_lead_days=60)


def at(hour: float, *, day: int = 0) -> int:
    """An instant by the hour of the town's Monday, `day` days later."""
    return MONDAY_S + day * 86_400 + round(hour * 3600)


def weekly(start_min: int, end_min: int, *, weekdays: range = range(7)) -> tuple[Shift, ...]:
    return tuple(Shift(weekday=day, start_min=start_min, end_min=end_min) for day in weekdays)


def lunch(start_min: int = 720, end_min: int = 780) -> tuple[Break, ...]:
    return tuple(Break(weekday=day, start_min=start_min, end_min=end_min) for day in range(7))


def a_site(**changes: Any) -> Site:
    values = {
        "id": "home",
        "account_id": "acme",
        "name": "Home",
        "time_zone": "Europe/Lisbon",
        "lat": 38.72,
        "lon": -9.14,
    }
    return Site(**(values | changes))


def a_service(**changes: Any) -> ServiceType:
    return ServiceType(**({"id": "repair", "name": "Repair", "duration_s": 3600} | changes))


def a_resource(**changes: Any) -> Resource:
    """Lives where the site is, so travel is zero unless a test moves one of them."""
    values = {
        "id": "tiago",
        "key": 1,
        "name": "Tiago",
        "time_zone": "Europe/Lisbon",
        "home_lat": 38.72,
        "home_lon": -9.14,
        "shifts": weekly(480, 960),
    }
    return Resource(**(values | changes))


def an_appointment(**changes: Any) -> Appointment:
    values = {
        "id": "visit",
        "version": 1,
        "status": Status.SCHEDULED,
        "account_id": "acme",
        "contact_id": "ana",
        "service_id": "repair",
        "site_id": "home",
        "asset_id": None,
        "technician_key": 1,
        "start_s": at(10),
        "end_s": at(11),
        "window_start_s": at(10),
        "window_end_s": at(12),
        "created_s": NOW_S,
        "changed_s": NOW_S,
    }
    return Appointment(**(values | changes))


def a_view(**changes: Any) -> AppointmentView:
    """A view of `an_appointment(**changes)`."""
    return AppointmentView(
        appointment=an_appointment(**changes),
        site=a_site(),
        service=a_service(),
        asset=None,
        technician=Technician(key=1, id="tiago", name="Tiago", phone=None, photo=None),
    )


async def settle_town(
    database: Database,
    *,
    resources: tuple[Resource, ...] = (a_resource(key=0),),
    services: tuple[ServiceType, ...] = (a_service(),),
) -> None:
    """Two accounts with one site each, an asset at a second site of the first, a service, a technician."""
    async with database.transaction() as connection:
        await catalog_store.put_sites(
            connection,
            [
                a_site(),
                a_site(id="office", name="Office", lat=38.75, lon=-9.20),
                a_site(id="elsewhere", account_id="other", name="Elsewhere"),
            ],
        )
        await catalog_store.put_assets(
            connection, [Asset(id="boiler", account_id="acme", site_id="office", name="Boiler")]
        )
        await catalog_store.put_services(connection, services)
        await catalog_store.put_resources(connection, resources)


async def slots_of_day(
    scheduling: Scheduling, *, day: datetime.date = MONDAY, now_s: int = NOW_S, **options: Any
) -> tuple[Slot, ...]:
    values = {"account_id": "acme", "service_id": "repair", "site_id": "home"} | options
    offer = await booking.offer(scheduling, first_day=day, last_day=day, now_s=now_s, **values)
    return offer.days[0].slots


async def slot_at(scheduling: Scheduling, start_s: int, **options: Any) -> str:
    """The id of the slot that starts then."""
    day = datetime.datetime.fromtimestamp(start_s, datetime.UTC).date()
    slots = await slots_of_day(scheduling, day=day, **options)
    return next(slot.id for slot in slots if slot.start_s == start_s)


async def booked(scheduling: Scheduling, start_s: int = at(10), **options: Any) -> AppointmentView:
    change = await book_at(scheduling, start_s, **options)
    return change.view


async def book_at(scheduling: Scheduling, start_s: int = at(10), **options: Any) -> Change:
    slot = await slot_at(scheduling, start_s)
    values = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER, "now_s": NOW_S} | options
    return await booking.book(scheduling, slot=slot, **values)
