"""How many visits a technician takes on one day."""

from __future__ import annotations

import asyncio

from slots import booking, catalog_store
from slots.booking import Change, Scheduling
from slots.errors import SlotTaken
from slots.store import Database
from tests.slots.factories import (
    CUSTOMER,
    NOW_S,
    RULES,
    TECHNICIAN,
    a_resource,
    at,
    booked,
    settle_town,
    slot_at,
    slots_of_day,
)


async def test_of_two_who_want_the_last_visit_of_a_technicians_day_one_gets_it(either_database: Database) -> None:
    await settle_town(either_database, resources=(a_resource(key=0, max_visits_a_day=1),))
    scheduling = Scheduling(database=either_database, rules=RULES)
    slots = [await slot_at(scheduling, at(hour)) for hour in (9, 14)]

    answers = await asyncio.gather(
        *(
            booking.book(scheduling, slot=slot, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=NOW_S)
            for slot in slots
        ),
        return_exceptions=True,
    )

    assert {type(answer) for answer in answers} == {Change, SlotTaken}


async def test_a_completed_visit_still_counts_among_those_of_its_day(either_database: Database) -> None:
    await settle_town(either_database, resources=(a_resource(key=0, max_visits_a_day=1),))
    scheduling = Scheduling(database=either_database, rules=RULES)
    view = await booked(scheduling, at(9))
    for step in (booking.travel, booking.start, booking.complete):
        await step(scheduling, appointment_id=view.id, actor=TECHNICIAN, now_s=at(9))

    assert await slots_of_day(scheduling, now_s=at(10)) == ()


async def test_the_visit_to_be_moved_does_not_count_among_those_of_its_day(scheduling: Scheduling) -> None:
    async with scheduling.database.transaction() as connection:
        await catalog_store.put_resources(connection, [a_resource(key=0, max_visits_a_day=1)])
    view = await booked(scheduling, at(9))

    slot = await slot_at(scheduling, at(14), moving=view.id)
    change = await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)

    assert change.view.appointment.start_s == at(14)
    assert await slots_of_day(scheduling) == ()
