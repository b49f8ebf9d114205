from __future__ import annotations

import pytest

from slots import booking
from slots.booking import Change, Scheduling
from slots.errors import AlreadyTraveling, IllegalTransition, NotBookable, NotFound, SlotTaken, StaleVersion
from slots.events import AppointmentReassigned
from slots.model import Resource, Status
from slots.store import Database
from tests.slots.factories import (
    DISPATCHER,
    NOW_S,
    RULES,
    TECHNICIAN,
    a_resource,
    a_service,
    at,
    booked,
    settle_town,
    slots_of_day,
)

ZOE = a_resource(id="zoe", name="Zoe", key=0, home_lat=38.9, phone="+351 911")


@pytest.fixture
async def two(either_database: Database) -> Scheduling:
    await settle_town(either_database, resources=(a_resource(key=0), ZOE))
    return Scheduling(database=either_database, rules=RULES)


async def change_technician(database: Database, **changes: object) -> None:
    values = {"id": "zoe", "name": "Zoe", "key": 0} | changes
    technician: Resource = a_resource(**values)
    await settle_town(database, resources=(technician,))


async def reassign(scheduling: Scheduling, appointment_id: str, **options: object) -> Change:
    values = {"technician_id": "zoe", "actor": DISPATCHER, "now_s": NOW_S} | options
    return await booking.reassign(scheduling, appointment_id=appointment_id, **values)


async def test_a_visit_gets_another_technician_at_the_same_time(two: Scheduling) -> None:
    view = await booked(two, at(10))

    change = await reassign(two, view.id)

    event = change.events[0]
    assert isinstance(event, AppointmentReassigned)
    assert (event.old_technician.id, event.view.technician.id) == ("tiago", "zoe")
    assert (change.view.appointment.start_s, change.view.version) == (at(10), 2)
    assert await booking.get(two, appointment_id=view.id) == change.view
    assert at(10) in [slot.start_s for slot in await slots_of_day(two)]


async def test_a_traveling_visit_stays_traveling_with_the_new_technician(two: Scheduling) -> None:
    view = await booked(two, at(10))
    await booking.travel(two, appointment_id=view.id, actor=TECHNICIAN, now_s=at(9.5))

    change = await reassign(two, view.id, now_s=at(9.6))

    assert (change.view.status, change.view.technician.id) == (Status.TRAVELING, "zoe")


async def test_a_technician_under_way_takes_no_second_traveling_visit(two: Scheduling) -> None:
    first, second = await booked(two, at(10)), await booked(two, at(12))
    await reassign(two, first.id)
    for view in (first, second):
        await booking.travel(two, appointment_id=view.id, actor=TECHNICIAN, now_s=at(9.5))

    with pytest.raises(AlreadyTraveling):
        await reassign(two, second.id, now_s=at(9.6))


async def test_a_technician_who_has_another_visit_then_is_refused(two: Scheduling) -> None:
    first = await booked(two, at(10))
    await reassign(two, first.id)
    second = await booked(two, at(10))

    with pytest.raises(SlotTaken):
        await reassign(two, second.id)

    assert (await booking.get(two, appointment_id=second.id)).technician.id == "tiago"


async def test_to_the_same_technician_nothing_changes(two: Scheduling) -> None:
    view = await booked(two, at(10))

    change = await reassign(two, view.id, technician_id="tiago")

    assert (change.view, change.events) == (view, ())


@pytest.mark.parametrize(("steps", "status"), [(2, "in_progress"), (3, "completed")])
async def test_a_visit_being_done_or_done_keeps_its_technician(two: Scheduling, steps: int, status: str) -> None:
    view = await booked(two, at(10))
    for step in (booking.travel, booking.start, booking.complete)[:steps]:
        await step(two, appointment_id=view.id, actor=TECHNICIAN, now_s=at(10))

    with pytest.raises(IllegalTransition) as refused:
        await reassign(two, view.id, now_s=at(11))

    assert (refused.value.status.value, refused.value.action) == (status, "reassign")


async def test_a_technician_who_left_or_lacks_the_skill_is_refused(two: Scheduling) -> None:
    view = await booked(two, at(10))

    await change_technician(two.database, active=False)
    with pytest.raises(NotBookable) as left:
        await reassign(two, view.id)
    await change_technician(two.database)
    await settle_town(two.database, resources=(), services=(a_service(skill="gas"),))
    with pytest.raises(NotBookable) as lacks:
        await reassign(two, view.id)

    assert (left.value.reason, lacks.value.reason) == ("technician_inactive", "skill_missing")


async def test_unknown_technicians_visits_and_old_versions_are_refused(two: Scheduling) -> None:
    view = await booked(two, at(10))

    with pytest.raises(NotFound):
        await reassign(two, view.id, technician_id="nobody")
    with pytest.raises(NotFound):
        await reassign(two, "nothing")
    with pytest.raises(StaleVersion):
        await reassign(two, view.id, version=7)
