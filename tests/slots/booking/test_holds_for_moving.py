"""A place kept for moving a visit lives no longer than the visit can be moved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from slots import booking
from slots.booking import Change, Scheduling
from slots.errors import IllegalTransition, InvalidSlot, PastCutoff
from slots.model import AppointmentView, Hold
from tests.slots.factories import (
    CUSTOMER,
    DISPATCHER,
    NOW_S,
    TECHNICIAN,
    at,
    booked,
    slot_at,
    slots_of_day,
)

Act = Callable[[Scheduling, AppointmentView], Awaitable[Change]]


async def hold_for(scheduling: Scheduling, view: AppointmentView, start_s: int, **options: object) -> Hold:
    slot = await slot_at(scheduling, start_s, moving=view.id)
    values = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER, "now_s": NOW_S} | options
    return await booking.hold(scheduling, slot=slot, moving=view.id, **values)


async def cancel(scheduling: Scheduling, view: AppointmentView) -> Change:
    return await booking.cancel(
        scheduling, appointment_id=view.id, reason="ill", version=None, actor=CUSTOMER, now_s=NOW_S
    )


async def travel(scheduling: Scheduling, view: AppointmentView) -> Change:
    return await booking.travel(scheduling, appointment_id=view.id, actor=TECHNICIAN, now_s=NOW_S)


@pytest.mark.parametrize("act", [cancel, travel])
async def test_a_place_kept_for_moving_a_visit_is_free_once_the_visit_cannot_be_moved_any_more(
    either_scheduling: Scheduling, act: Act
) -> None:
    view = await booked(either_scheduling, at(10))
    await hold_for(either_scheduling, view, at(14))

    await act(either_scheduling, view)

    assert at(14) in [slot.start_s for slot in await slots_of_day(either_scheduling)]


async def test_no_place_is_kept_for_moving_a_visit_under_way(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    await travel(scheduling, view)

    with pytest.raises(IllegalTransition):
        await hold_for(scheduling, view, at(14))

    assert at(14) in [slot.start_s for slot in await slots_of_day(scheduling)]


async def test_past_the_cut_off_a_customer_gets_no_place_kept_for_moving_but_a_dispatcher_does(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(PastCutoff):
        await hold_for(scheduling, view, at(14), now_s=at(9))

    assert (await hold_for(scheduling, view, at(14), actor=DISPATCHER, now_s=at(9))).moving_id == view.id


async def test_a_slot_of_other_work_is_not_kept_for_moving(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    slot = await slot_at(scheduling, at(14), asset_id="boiler")

    with pytest.raises(InvalidSlot):
        await booking.hold(
            scheduling,
            slot=slot,
            account_id="acme",
            contact_id="ana",
            actor=CUSTOMER,
            moving=view.id,
            now_s=NOW_S,
        )
