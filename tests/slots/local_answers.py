"""Prints what scheduling answers to a fixed set of questions, one line of JSON each.

`python -m tests.slots.local_answers DATABASE_URL`, with a database that is not there yet. The zone of the machine it
runs on must not show in any answer.
"""

from __future__ import annotations

import asyncio
import datetime
import random
import sys
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from slots import booking, outbox_store
from slots.availability import MARGIN_S, bookable_starts, find_candidates, lead_problem
from slots.booking import Scheduling
from slots.calendar import Busy, build_calendar
from slots.model import Rules, ShiftException
from slots.notices import after_quiet_hours, before_quiet_hours
from slots.shifts import duty_spans
from slots.store import open_database
from slots.travel import StraightTravel, known_point
from slots.zones import day_bounds, local_date
from tests.slots.clock_changes import CHANGES
from tests.slots.databases import migrate
from tests.slots.factories import (
    CUSTOMER,
    NOW_S,
    RULES,
    TECHNICIAN,
    a_resource,
    a_service,
    a_site,
    at,
    booked,
    lunch,
    settle_town,
    slot_at,
    slots_of_day,
    weekly,
)

DAY_S = 86_400


def calendar_answers() -> Iterator[Any]:
    """Starts, duty, leads and quiet hours around every change of clocks."""
    for number, (zone_name, day) in enumerate(CHANGES):
        dice = random.Random(number)
        zone = ZoneInfo(zone_name)
        begin_s, _ = day_bounds(day, zone)
        late = 1440 - 15 * dice.randrange(1, 9)
        person = a_resource(
            time_zone=zone_name,
            shifts=(*weekly(480, 720), *weekly(late, 15 * dice.randrange(8, 30))),
            breaks=lunch(45, 75),
            exceptions=(ShiftException(date=day + datetime.timedelta(days=1), kind="off", start_min=0, end_min=90),),
        )
        taken_s = begin_s + 300 * dice.randrange(200)
        service, rules = a_service(duration_s=2700), Rules(slot_step_s=900, min_lead_days=dice.randrange(2))
        now_s = begin_s - 3600 * dice.randrange(30)
        calendar = build_calendar(
            resources=[person],
            busy={person.key: [Busy(taken_s, taken_s + 3600, known_point(lat=38.75, lon=-9.2))]},
            holidays=frozenset({day + datetime.timedelta(days=2)}),
            service=service,
            site=a_site(time_zone=zone_name),
            territory_ids=frozenset(),
            from_s=begin_s - MARGIN_S,
            to_s=begin_s + 3 * DAY_S + MARGIN_S,
        )
        starts = bookable_starts(day, day + datetime.timedelta(days=2), zone=zone, rules=rules, now_s=now_s)
        yield [
            zone_name,
            "starts",
            find_candidates(calendar, starts, duration_s=2700, travel=StraightTravel(), buffer_s=0),
        ]
        yield [zone_name, "duty", duty_spans(person, holidays=(), from_s=begin_s - DAY_S, to_s=begin_s + 2 * DAY_S)]
        for instant_s in range(begin_s - DAY_S, begin_s + 2 * DAY_S, 1800):
            quiet = [edge(instant_s, zone=zone, rules=rules) for edge in (before_quiet_hours, after_quiet_hours)]
            lead = lead_problem(instant_s, zone=zone, rules=rules, now_s=now_s)
            yield [zone_name, instant_s, local_date(instant_s, zone), lead, quiet]


async def booking_answers(url: str) -> list[Any]:
    """One visit's life, in the order of the questions."""
    database = open_database(url)
    try:
        await settle_town(database, resources=(a_resource(key=0), a_resource(id="rosa", key=0, name="Rosa")))
        scheduling = Scheduling(database=database, rules=RULES)
        offered = [
            [slot.start_s, slot.window_start_s, slot.window_end_s, slot.technician_key, slot.added_travel_s]
            for day in range(8)
            for slot in await slots_of_day(scheduling, day=datetime.date(2026, 11, 23 + day), asset_id="boiler")
        ]
        view = await booked(scheduling, at(10, day=2))
        place = await slot_at(scheduling, at(14, day=3), moving=view.id)
        await booking.move(scheduling, appointment_id=view.id, slot=place, version=None, actor=CUSTOMER, now_s=NOW_S)
        await booking.travel(
            scheduling, appointment_id=view.id, actor=TECHNICIAN, at_s=at(13, day=3), now_s=at(15, day=3)
        )
        days = [
            [
                found.appointment.start_s
                for found in await booking.day_of_technician(
                    scheduling, technician_id="tiago", day=datetime.date(2026, 11, 23 + day), now_s=NOW_S
                )
            ]
            for day in range(5)
        ]
        after = await booking.get(scheduling, appointment_id=view.id)
        history = await booking.history(scheduling, appointment_id=view.id)
        async with database.read() as connection:
            messages = await outbox_store.log(connection)
    finally:
        await database.close()
    return [
        offered,
        days,
        msgspec.structs.replace(after.appointment, id=""),
        [msgspec.structs.replace(line, appointment_id="") for line in history],
        sorted((row.kind, row.version, row.due_s, row.state) for row in messages),
    ]


def main(url: str) -> None:
    migrate(url)
    for answer in (*calendar_answers(), *asyncio.run(booking_answers(url))):
        print(msgspec.json.encode(answer).decode())


if __name__ == "__main__":
    main(sys.argv[1])
