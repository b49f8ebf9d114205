from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from slots import booking, outbox_store
from slots.booking import Change, Scheduling
from slots.errors import (
    AlreadyTraveling,
    CancelWhileTravelingForbidden,
    IllegalTransition,
    NotFound,
    PastCutoff,
    ReasonRequired,
    ReasonTooLong,
    StaleVersion,
)
from slots.events import (
    AppointmentCanceled,
    AppointmentCompleted,
    TravelStarted,
    TravelUndone,
    WorkStarted,
)
from slots.model import Rules, Status
from tests.slots.factories import CUSTOMER, DISPATCHER, NOW_S, TECHNICIAN, at, booked, slots_of_day

Step = Callable[..., Awaitable[Change]]


async def step(scheduling: Scheduling, use_case: Step, appointment_id: str, **options: Any) -> Change:
    values = {"actor": TECHNICIAN, "now_s": at(9.5)} | options
    return await use_case(scheduling, appointment_id=appointment_id, **values)


async def cancel(scheduling: Scheduling, appointment_id: str, **options: Any) -> Change:
    values = {"reason": "Nobody home", "version": None, "actor": CUSTOMER, "now_s": NOW_S} | options
    return await booking.cancel(scheduling, appointment_id=appointment_id, **values)


async def pending(scheduling: Scheduling, appointment_id: str) -> set[str]:
    async with scheduling.database.read() as connection:
        return set(await outbox_store.pending_kinds(connection, appointment_id))


async def test_a_visit_goes_from_scheduled_to_completed_and_each_step_is_told(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))

    events = []
    for use_case in (booking.travel, booking.undo, booking.travel, booking.start, booking.complete):
        change = await step(either_scheduling, use_case, view.id)
        events += [(type(event), event.view.status.value, event.view.version) for event in change.events]

    assert events == [
        (TravelStarted, "traveling", 2),
        (TravelUndone, "scheduled", 3),
        (TravelStarted, "traveling", 4),
        (WorkStarted, "in_progress", 5),
        (AppointmentCompleted, "completed", 6),
    ]


async def test_the_history_keeps_who_when_by_their_device_when_by_ours_and_through_which_door(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))
    await step(either_scheduling, booking.travel, view.id, at_s=at(9.4), now_s=at(9.5))

    history = await booking.history(either_scheduling, appointment_id=view.id)

    assert [(line.action, line.from_status, line.to_status) for line in history] == [
        ("book", None, "scheduled"),
        ("travel", "scheduled", "traveling"),
    ]
    line = history[1]
    assert (line.device_s, line.server_s) == (at(9.4), at(9.5))
    assert (line.actor_role, line.actor_id, line.source, line.applied) == (
        "technician",
        "tiago",
        "device",
        True,
    )


async def test_an_offline_change_that_arrives_late_is_kept_in_order_and_regresses_nothing(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id, at_s=at(9), now_s=at(9))
    await step(scheduling, booking.start, view.id, at_s=at(10), now_s=at(10))

    late = await step(scheduling, booking.undo, view.id, at_s=at(9.5), now_s=at(10.5))

    history = await booking.history(scheduling, appointment_id=view.id)
    assert (late.view.status, late.view.version, late.events) == (Status.IN_PROGRESS, 3, ())
    assert [(line.action, line.applied) for line in history] == [
        ("book", True),
        ("travel", True),
        ("undo", False),
        ("start", True),
    ]


async def test_buffered_changes_of_one_morning_arrive_at_once_and_all_take_effect(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(10))

    for use_case, hour in ((booking.travel, 9.5), (booking.start, 10), (booking.complete, 10.75)):
        change = await step(scheduling, use_case, view.id, at_s=at(hour), now_s=at(12))

    visit = change.view.appointment
    assert visit.status is Status.COMPLETED
    assert (visit.traveling_s, visit.started_s, visit.completed_s) == (at(9.5), at(10), at(10.75))


async def test_travel_pressed_offline_before_the_customer_canceled_does_not_bring_the_visit_back(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(14))
    await cancel(scheduling, view.id, now_s=at(9))

    late = await step(scheduling, booking.travel, view.id, at_s=at(8.5), now_s=at(9.5))

    assert (late.view.status, late.events) == (Status.CANCELED, ())


async def test_the_same_change_sent_twice_is_one_change(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    first = await step(scheduling, booking.travel, view.id, at_s=at(9.4))

    again = await step(scheduling, booking.travel, view.id, at_s=at(9.4))

    assert (again.view, again.events) == (first.view, ())
    assert len(await booking.history(scheduling, appointment_id=view.id)) == 2


async def test_a_device_clock_in_the_future_counts_as_now(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    change = await step(scheduling, booking.travel, view.id, at_s=at(23), now_s=at(9.5))

    assert change.view.appointment.traveling_s == at(9.5)


@pytest.mark.parametrize("use_case", [booking.undo, booking.start, booking.complete])
async def test_a_step_that_is_not_next_is_refused_with_state_and_action(scheduling: Scheduling, use_case: Step) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(IllegalTransition) as refused:
        await step(scheduling, use_case, view.id)

    assert (refused.value.status, refused.value.action) == (Status.SCHEDULED, use_case.__name__)


async def test_a_technician_travels_to_one_visit_at_a_time(either_scheduling: Scheduling) -> None:
    first, second = [await booked(either_scheduling, at(hour)) for hour in (10, 12)]
    await step(either_scheduling, booking.travel, first.id)

    with pytest.raises(AlreadyTraveling) as refused:
        await step(either_scheduling, booking.travel, second.id)

    assert refused.value.other_id == first.id
    await step(either_scheduling, booking.start, first.id)
    assert (await step(either_scheduling, booking.travel, second.id)).view.status is Status.TRAVELING


async def test_a_visit_of_another_technician_is_not_found(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(NotFound):
        await step(scheduling, booking.travel, view.id, technician_id="zoe")
    with pytest.raises(NotFound):
        await step(scheduling, booking.travel, "nothing")


async def test_a_step_on_an_old_version_is_stale(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id, version=1)

    with pytest.raises(StaleVersion):
        await step(scheduling, booking.start, view.id, version=1)


async def test_a_canceled_visit_keeps_reason_who_and_when_and_frees_its_place(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))

    change = await cancel(either_scheduling, view.id, reason="  Moved house ", version=1)

    visit = change.view.appointment
    assert (visit.status, visit.cancel_reason) == (Status.CANCELED, "Moved house")
    assert (visit.canceled_by, visit.canceled_role, visit.canceled_s) == ("ana", "customer", NOW_S)
    assert visit.late_cancel is False
    assert at(10) in [slot.start_s for slot in await slots_of_day(either_scheduling)]


async def test_with_the_visit_its_pending_messages_die(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10, day=2))
    before = await pending(scheduling, view.id)

    await cancel(scheduling, view.id)

    assert before == {"confirmed", "reminder"}
    assert await pending(scheduling, view.id) == {"canceled"}


@pytest.mark.parametrize(
    ("reason", "error"), [("", ReasonRequired), (" \n", ReasonRequired), ("x" * 501, ReasonTooLong)]
)
async def test_a_cancel_wants_a_brief_reason(scheduling: Scheduling, reason: str, error: type[Exception]) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(error):
        await cancel(scheduling, view.id, reason=reason)


async def test_500_characters_are_brief_enough(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    assert (await cancel(scheduling, view.id, reason="x" * 500)).events


async def test_past_the_cut_off_a_customer_cannot_cancel_but_a_dispatcher_can(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(PastCutoff):
        await cancel(scheduling, view.id, now_s=at(9) + 1)

    assert (await cancel(scheduling, view.id, actor=DISPATCHER, now_s=at(9) + 1)).events


async def test_a_customer_who_cancels_while_the_technician_is_on_the_way_is_flagged_late(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id)

    change = await cancel(scheduling, view.id, now_s=at(9.7))

    event = change.events[0]
    assert isinstance(event, AppointmentCanceled)
    assert (event.late, event.was_traveling, event.offer_again) == (True, True, False)
    assert change.view.appointment.late_cancel is True


async def test_a_setting_can_forbid_to_cancel_while_the_technician_is_on_the_way(
    scheduling: Scheduling,
) -> None:
    strict = Scheduling(database=scheduling.database, rules=Rules(cancel_while_traveling=False))
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id)

    with pytest.raises(CancelWhileTravelingForbidden):
        await cancel(strict, view.id, now_s=at(9.7))

    assert (await cancel(strict, view.id, actor=TECHNICIAN, now_s=at(9.7))).events


async def test_nobody_home_is_canceled_by_the_technician_and_offered_again(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id)

    change = await cancel(scheduling, view.id, actor=TECHNICIAN, now_s=at(10.2))

    event = change.events[0]
    assert isinstance(event, AppointmentCanceled)
    assert (event.late, event.offer_again) == (False, True)


@pytest.mark.parametrize("steps", [2, 3])
async def test_a_visit_in_progress_or_done_is_canceled_by_nobody(scheduling: Scheduling, steps: int) -> None:
    view = await booked(scheduling, at(10))
    for use_case in (booking.travel, booking.start, booking.complete)[:steps]:
        await step(scheduling, use_case, view.id)

    for actor in (CUSTOMER, TECHNICIAN, DISPATCHER):
        with pytest.raises(IllegalTransition):
            await cancel(scheduling, view.id, actor=actor, now_s=at(9.9))


async def test_undoing_takes_back_the_message_that_the_technician_is_on_the_way(
    scheduling: Scheduling,
) -> None:
    view = await booked(scheduling, at(10))
    await step(scheduling, booking.travel, view.id)
    during = await pending(scheduling, view.id)

    await step(scheduling, booking.undo, view.id)

    assert "on_the_way" in during
    assert "on_the_way" not in await pending(scheduling, view.id)
