"""The database's own last word, without the use cases: rows go in by hand."""

from __future__ import annotations

import msgspec
import pytest

from slots import appointment_store, hold_store
from slots.errors import AlreadyTraveling, SlotTaken
from slots.model import Appointment, Hold, Status
from slots.store import Database
from tests.slots.factories import a_resource, an_appointment, at, settle_town


def a_hold(**changes: object) -> Hold:
    values = {
        "id": "hold",
        "holder_id": "ana",
        "service_id": "repair",
        "site_id": "home",
        "asset_id": None,
        "technician_key": 1,
        "start_s": at(10),
        "end_s": at(11),
        "window_start_s": at(10),
        "window_end_s": at(12),
        "expires_s": at(9),
    }
    return Hold(**(values | changes))


@pytest.fixture
async def town(either_database: Database) -> Database:
    await settle_town(either_database, resources=(a_resource(key=0), a_resource(id="zoe", name="Zoe", key=0)))
    return either_database


async def put(database: Database, *entries: Appointment | Hold) -> None:
    async with database.transaction() as connection:
        for entry in entries:
            if isinstance(entry, Hold):
                await hold_store.insert_hold(connection, entry)
            else:
                await appointment_store.insert_appointment(connection, entry)


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.TRAVELING, Status.IN_PROGRESS])
@pytest.mark.parametrize(("start_s", "end_s"), [(at(10), at(11)), (at(9.5), at(10.5)), (at(10.25), at(10.5))])
async def test_two_live_visits_of_a_technician_never_overlap(
    town: Database, status: Status, start_s: int, end_s: int
) -> None:
    await put(town, an_appointment(status=status))

    with pytest.raises(SlotTaken):
        await put(town, an_appointment(id="second", start_s=start_s, end_s=end_s))


async def test_visits_may_touch_and_two_technicians_may_work_at_once(town: Database) -> None:
    await put(
        town,
        an_appointment(),
        an_appointment(id="before", start_s=at(9), end_s=at(10)),
        an_appointment(id="after", start_s=at(11), end_s=at(12)),
        an_appointment(id="other", technician_key=2),
    )


@pytest.mark.parametrize("status", [Status.CANCELED, Status.COMPLETED])
async def test_an_ended_visit_keeps_no_place(town: Database, status: Status) -> None:
    await put(town, an_appointment(status=status, cancel_reason="ill"))

    await put(town, an_appointment(id="second"))


async def test_a_visit_does_not_overlap_a_hold_nor_a_hold_a_visit_nor_a_hold_a_hold(town: Database) -> None:
    await put(town, a_hold(), an_appointment(start_s=at(13), end_s=at(14)))

    for entry in (
        an_appointment(id="second"),
        a_hold(id="h2", start_s=at(13.5), end_s=at(14.5)),
        a_hold(id="h3", start_s=at(10.5), end_s=at(11.5)),
    ):
        with pytest.raises(SlotTaken):
            await put(town, entry)


async def test_a_visit_is_not_changed_into_an_overlap(town: Database) -> None:
    first, second = an_appointment(), an_appointment(id="second", start_s=at(13), end_s=at(14))
    await put(town, first, second, a_hold(start_s=at(15), end_s=at(16)))

    for changes in (
        {"start_s": at(10.5), "end_s": at(11.5)},
        {"start_s": at(15), "end_s": at(16)},
    ):
        moved = msgspec.structs.replace(second, version=2, **changes)
        with pytest.raises(SlotTaken):
            async with town.transaction() as connection:
                await appointment_store.update_appointment(connection, moved, on_version=1)


async def test_a_hold_for_moving_may_overlap_the_visit_it_is_for_and_no_other(town: Database) -> None:
    await put(town, an_appointment(), a_hold(moving_id="visit", start_s=at(10.5), end_s=at(11.5)))

    with pytest.raises(SlotTaken):
        await put(town, a_hold(id="h2", moving_id="other", start_s=at(10), end_s=at(10.5)))
    async with town.transaction() as connection:
        traveling = an_appointment(status=Status.TRAVELING, version=2)
        await appointment_store.update_appointment(connection, traveling, on_version=1)


async def test_a_technician_has_one_traveling_visit_by_constraint(town: Database) -> None:
    await put(town, an_appointment(status=Status.TRAVELING))

    with pytest.raises(AlreadyTraveling):
        await put(town, an_appointment(id="second", status=Status.TRAVELING, start_s=at(13), end_s=at(14)))
