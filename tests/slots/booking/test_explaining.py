"""Why a day has no slots: a reason for the customer, each technician's own for the dispatcher."""

from __future__ import annotations

import dataclasses
import datetime

import msgspec
import pytest

from slots import booking, catalog_store
from slots.booking import Scheduling
from slots.explanation import DayExplanation
from slots.model import Holiday, Rules, Shift, ShiftException, Territory
from slots.store import Database
from tests.slots.factories import (
    MONDAY,
    NOW_S,
    RULES,
    a_resource,
    a_service,
    a_site,
    at,
    book_at,
    lunch,
    settle_town,
    weekly,
)
from tests.slots.travel_sources import FetchedTravel

BOILER = a_service(id="boiler", name="Boiler", skill="boiler")
TUESDAY = MONDAY + datetime.timedelta(days=1)


def skilled(id: str, **changes):
    return a_resource(id=id, name=id.title(), key=0, skills=frozenset({"boiler"}), **changes)


async def town(database: Database, *resources, rules: Rules = RULES, **options) -> Scheduling:
    await settle_town(database, resources=resources, services=(a_service(), BOILER))
    return Scheduling(database=database, rules=rules, **options)


def asked(**options):
    return {
        "account_id": "acme",
        "service_id": "boiler",
        "site_id": "home",
        "first_day": MONDAY,
        "last_day": MONDAY,
        "now_s": NOW_S,
    } | options


async def told(scheduling: Scheduling, **options) -> str | None:
    """The customer's reason for the first day asked for."""
    offer = await booking.offer(scheduling, **asked(**options))
    return offer.days[0].reason


async def explained(scheduling: Scheduling, **options) -> DayExplanation:
    days = await booking.explain(scheduling, **asked(**options))
    assert days[0].reason == await told(scheduling, **options)
    return days[0]


def reasons(day: DayExplanation) -> dict[str, str]:
    return {each.technician_id: each.reason for each in day.technicians}


async def test_a_day_with_slots_needs_no_reason(database: Database) -> None:
    day = await explained(await town(database, skilled("ana")))

    assert (day.reason, day.slots, day.technicians) == (None, 8, ())


async def test_without_anybody_who_has_the_skill_the_service_is_not_offered(either_database: Database) -> None:
    day = await explained(await town(either_database, a_resource(key=0), skilled("gone", active=False)))

    assert day.reason == "not_offered"
    assert (day.skill, day.without_skill, reasons(day)) == ("boiler", 1, {"gone": "inactive"})


async def test_beyond_every_radius_is_outside_the_area(database: Database) -> None:
    scheduling = await town(database, skilled("eva", home_lat=39.44, home_lon=-9.14, max_travel_m=60_000.0))

    day = await explained(scheduling)

    assert (day.reason, reasons(day)) == ("outside_area", {"eva": "beyond_radius"})
    assert day.technicians[0].distance_m == pytest.approx(80_060, abs=100)


async def test_a_radius_that_cannot_be_measured_is_told_apart(database: Database) -> None:
    scheduling = await town(database, skilled("eva", home_lat=None, home_lon=None, max_travel_m=60_000.0))

    assert reasons(await explained(scheduling)) == {"eva": "radius_unknown"}


async def test_outside_every_territory_is_outside_the_area(database: Database) -> None:
    square = "[[[0,50],[1,50],[1,51],[0,51],[0,50]]]"
    scheduling = await town(database, skilled("rui", territories=frozenset({"north"})))
    async with database.transaction() as connection:
        polygon = f'{{"type":"Polygon","coordinates":{square}}}'
        await catalog_store.put_territories(connection, [Territory(id="north", name="North", polygon=polygon)])

    day = await explained(scheduling)

    assert (day.reason, reasons(day)) == ("outside_area", {"rui": "outside_territory"})


async def test_a_holiday_is_told_by_its_name_to_the_dispatcher(either_database: Database) -> None:
    scheduling = await town(either_database, skilled("ana"))
    async with either_database.transaction() as connection:
        await catalog_store.put_holidays(connection, [Holiday(date=MONDAY, name="Natal")])

    day = await explained(scheduling)

    assert (day.reason, day.holiday, reasons(day)) == ("holiday", "Natal", {"ana": "holiday"})


async def test_time_off_and_days_without_a_shift_close_the_day(database: Database) -> None:
    off = ShiftException(date=MONDAY, kind="off")
    scheduling = await town(
        database,
        skilled("ana", exceptions=(off,)),
        skilled("rui", shifts=weekly(480, 960, weekdays=range(1, 5))),
    )

    day = await explained(scheduling)

    assert (day.reason, reasons(day)) == ("closed", {"ana": "time_off", "rui": "no_shift"})
    assert [each.works_on_weekday for each in day.technicians] == [True, False]


async def test_a_full_day_is_told_from_one_whose_gaps_are_too_far_apart(database: Database) -> None:
    short = (Shift(weekday=0, start_min=600, end_min=660),)
    wide = (Shift(weekday=0, start_min=600, end_min=780),)
    scheduling = await town(
        database,
        skilled("ana", shifts=short),
        skilled("bo", shifts=wide, home_lat=39.0, home_lon=-9.1),
        skilled("cid", shifts=wide, breaks=lunch(630, 750)),
        rules=msgspec.structs.replace(RULES, slot_step_s=1800),
    )
    await book_at(scheduling, at(10))

    day = await explained(scheduling)

    assert day.reason == "full"
    assert reasons(day) == {"ana": "full", "bo": "drive_too_long", "cid": "shift_too_short"}
    assert [each.visits for each in day.technicians] == [1, 0, 0]


async def test_a_technician_who_takes_no_more_visits_is_told_from_a_full_one(database: Database) -> None:
    scheduling = await town(database, skilled("ana", max_visits_a_day=1))
    await book_at(scheduling, at(10))

    day = await explained(scheduling)

    assert (day.reason, reasons(day)) == ("full", {"ana": "at_capacity"})


async def test_gaps_without_time_to_drive_are_told_apart(database: Database) -> None:
    scheduling = await town(
        database,
        skilled("ana", shifts=(Shift(weekday=0, start_min=480, end_min=780),)),
        rules=msgspec.structs.replace(RULES, buffer_s=1200),
    )
    await book_at(scheduling, at(10))

    hour = msgspec.structs.replace(scheduling.rules, slot_step_s=3600)
    day = await explained(
        dataclasses.replace(scheduling, rules=hour, travel=FetchedTravel(lambda leg: 3000)), asset_id="boiler"
    )

    assert (day.reason, reasons(day)) == ("full", {"ana": "no_time_to_drive"})


@pytest.mark.parametrize(
    ("first_day", "reason"),
    [
        (MONDAY - datetime.timedelta(days=2), "past"),
        (MONDAY - datetime.timedelta(days=1), "too_soon"),
        (MONDAY, "too_soon"),
        (MONDAY + datetime.timedelta(days=10), None),
        (MONDAY + datetime.timedelta(days=11), "too_far_ahead"),
    ],
)
async def test_lead_counts_the_calendar_days_of_the_site(database: Database, first_day, reason) -> None:
    rules = msgspec.structs.replace(RULES, min_lead_days=2, max_lead_days=11)
    scheduling = await town(database, skilled("ana"), rules=rules)

    assert await told(scheduling, first_day=first_day, last_day=first_day) == reason
    assert (await explained(scheduling, first_day=first_day, last_day=first_day)).technicians == ()


async def test_in_the_evening_today_is_too_soon_and_not_full(database: Database) -> None:
    scheduling = await town(database, skilled("ana"))

    day = await explained(scheduling, now_s=at(17))

    assert (day.reason, reasons(day)) == ("too_soon", {"ana": "shift_over"})


async def test_a_day_that_the_zone_of_the_site_left_out_is_no_day(database: Database) -> None:
    scheduling = await town(database, skilled("ana"))
    async with database.transaction() as connection:
        await catalog_store.put_sites(connection, [a_site(time_zone="Pacific/Apia")])
    skipped = datetime.date(2011, 12, 30)
    now_s = int(datetime.datetime(2011, 12, 28, tzinfo=datetime.UTC).timestamp())

    assert await told(scheduling, first_day=skipped, last_day=skipped, now_s=now_s) == "no_such_day"


async def test_an_explanation_counts_the_legs_on_straight_lines(database: Database) -> None:
    scheduling = await town(database, skilled("ana", home_lat=38.8))

    estimated = await explained(scheduling)
    driven = await explained(dataclasses.replace(scheduling, travel=FetchedTravel(lambda leg: 60)))

    assert (estimated.legs, estimated.estimated_legs) == (2, 2)
    assert (driven.legs, driven.estimated_legs) == (2, 0)


async def test_the_visit_to_be_moved_makes_no_day_full(database: Database) -> None:
    scheduling = await town(database, skilled("ana", shifts=(Shift(weekday=0, start_min=600, end_min=660),)))
    change = await book_at(scheduling, at(10))

    assert await told(scheduling) == "full"
    assert await told(scheduling, moving=change.view.id) is None
