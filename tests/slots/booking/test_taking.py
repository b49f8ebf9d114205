from __future__ import annotations

import pytest
from sqlalchemy import select

from slots import booking, hold_store, outbox_store, schema_store
from slots.booking import Scheduling
from slots.errors import (
    DetailsTooLong,
    HoldExpired,
    IdempotencyConflict,
    IllegalTransition,
    InvalidSlot,
    PastCutoff,
    SelfSchedulingOff,
    SlotTaken,
    StaleVersion,
)
from slots.events import AppointmentBooked, AppointmentMoved
from slots.model import Rules, Status, Switches
from slots.slot_id import encode_slot
from tests.slots.factories import (
    CUSTOMER,
    DISPATCHER,
    NOW_S,
    TECHNICIAN,
    at,
    book_at,
    booked,
    slot_at,
    slots_of_day,
)

OFF = Switches(self_scheduling=False)


async def test_a_booked_visit_is_scheduled_with_window_site_service_and_technician(
    either_scheduling: Scheduling,
) -> None:
    change = await book_at(either_scheduling, at(10), details="Ring twice")

    view = change.view
    assert (view.status, view.version) == (Status.SCHEDULED, 1)
    assert (view.appointment.window_start_s, view.appointment.window_end_s) == (at(10), at(12))
    assert (view.site.id, view.service.id, view.technician.id, view.asset) == (
        "home",
        "repair",
        "tiago",
        None,
    )
    assert view.appointment.details == "Ring twice"
    assert await booking.get(either_scheduling, appointment_id=view.id) == view


async def test_booking_reports_one_event_and_queues_one_confirmation(scheduling: Scheduling) -> None:
    change = await book_at(scheduling, at(10))

    async with scheduling.database.read() as connection:
        pending = await outbox_store.pending_kinds(connection, change.view.id)
    assert [type(event) for event in change.events] == [AppointmentBooked]
    assert pending == ("confirmed",)


async def test_a_hold_becomes_a_visit_and_is_spent(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
    kept = await booking.hold(scheduling, slot=slot, now_s=NOW_S, **who)

    change = await booking.book(scheduling, hold=kept.id, now_s=NOW_S + 299, **who)

    assert change.view.appointment.start_s == at(10)
    with pytest.raises(HoldExpired):
        await booking.book(scheduling, hold=kept.id, now_s=NOW_S + 299, **who)


async def test_an_expired_hold_is_refused_with_fresh_slots(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
    kept = await booking.hold(scheduling, slot=slot, now_s=NOW_S, **who)

    with pytest.raises(HoldExpired) as refused:
        await booking.book(scheduling, hold=kept.id, now_s=NOW_S + 300, **who)

    assert slot in [fresh.id for fresh in refused.value.slots]


async def test_a_hold_that_was_cleared_away_is_refused_with_fresh_slots_too(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
    kept = await booking.hold(scheduling, slot=slot, now_s=NOW_S, **who)
    await booking.release_hold(scheduling, hold_id=kept.id, contact_id="ana", now_s=NOW_S)

    with pytest.raises(HoldExpired) as refused:
        await booking.book(scheduling, hold=kept.id, now_s=NOW_S, **who)

    assert slot in [fresh.id for fresh in refused.value.slots]


@pytest.mark.parametrize("contact", ["rui", "ana"])
async def test_a_hold_of_another_or_of_nobody_is_no_hold(scheduling: Scheduling, contact: str) -> None:
    slot = await slot_at(scheduling, at(10))
    kept = await booking.hold(scheduling, slot=slot, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=NOW_S)

    wanted = kept.id if contact == "rui" else "nothing"
    with pytest.raises(HoldExpired):
        await booking.book(scheduling, hold=wanted, account_id="acme", contact_id=contact, actor=CUSTOMER, now_s=NOW_S)


async def test_a_place_held_in_time_may_be_booked_after_its_lead_has_run_out(scheduling: Scheduling) -> None:
    careful = Scheduling(database=scheduling.database, rules=Rules(min_lead_s=7200, slot_step_s=3600))
    who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
    kept = await booking.hold(careful, slot=await slot_at(careful, at(10)), now_s=at(8), **who)

    change = await booking.book(careful, hold=kept.id, now_s=at(8) + 200, **who)

    assert change.view.appointment.start_s == at(10)


async def test_the_last_place_taken_is_refused_with_fresh_slots(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    await book_at(scheduling, at(10))

    with pytest.raises(SlotTaken) as refused:
        await booking.book(scheduling, slot=slot, account_id="acme", contact_id="rui", actor=CUSTOMER, now_s=NOW_S)

    assert refused.value.slots[:7] == await slots_of_day(scheduling)


@pytest.mark.parametrize("start_s", [at(3), at(10) + 60, at(15.5)])
async def test_a_slot_we_never_offered_is_not_free(scheduling: Scheduling, start_s: int) -> None:
    forged = encode_slot(service_id="repair", site_id="home", asset_id=None, technician_key=1, start_s=start_s)

    with pytest.raises(SlotTaken):
        await booking.book(scheduling, slot=forged, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=NOW_S)


async def test_the_same_key_gives_the_same_visit_without_events(either_scheduling: Scheduling) -> None:
    first = await book_at(either_scheduling, at(10), idempotency_key="k")
    slot = encode_slot(
        service_id="repair",
        site_id="home",
        asset_id=None,
        technician_key=first.view.technician.key,
        start_s=at(10),
    )

    again = await booking.book(
        either_scheduling,
        slot=slot,
        account_id="acme",
        contact_id="ana",
        actor=CUSTOMER,
        idempotency_key="k",
        now_s=NOW_S + 60,
    )

    assert (again.view, again.events) == (first.view, ())


async def test_a_key_used_for_something_else_is_refused(scheduling: Scheduling) -> None:
    await book_at(scheduling, at(10), idempotency_key="k")

    with pytest.raises(IdempotencyConflict):
        await book_at(scheduling, at(12), idempotency_key="k")


async def test_keys_of_two_contacts_do_not_meet(scheduling: Scheduling) -> None:
    first = await book_at(scheduling, at(10), idempotency_key="k")

    second = await book_at(scheduling, at(12), idempotency_key="k", contact_id="rui")

    assert second.view.id != first.view.id


async def test_a_lost_booking_does_not_use_up_its_key(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    view = await booked(scheduling, at(10))
    attempt = {
        "slot": slot,
        "account_id": "acme",
        "contact_id": "rui",
        "actor": CUSTOMER,
        "idempotency_key": "k",
        "now_s": NOW_S,
    }
    with pytest.raises(SlotTaken):
        await booking.book(scheduling, **attempt)
    await booking.cancel(scheduling, appointment_id=view.id, reason="ill", version=1, actor=CUSTOMER, now_s=NOW_S)

    change = await booking.book(scheduling, **attempt)

    assert change.view.appointment.contact_id == "rui"


async def test_book_wants_either_a_hold_or_a_slot(scheduling: Scheduling) -> None:
    who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER, "now_s": NOW_S}

    with pytest.raises(InvalidSlot):
        await booking.book(scheduling, **who)
    with pytest.raises(InvalidSlot):
        await booking.book(scheduling, slot="a", hold="b", **who)


async def test_details_have_a_limit(scheduling: Scheduling) -> None:
    with pytest.raises(DetailsTooLong):
        await book_at(scheduling, at(10), details="x" * 2001)


async def test_with_self_scheduling_off_customers_neither_book_nor_move_but_staff_do(
    scheduling: Scheduling,
) -> None:
    with pytest.raises(SelfSchedulingOff):
        await book_at(scheduling, at(10), switches=OFF)
    view = await booked(scheduling, at(10), switches=OFF, actor=DISPATCHER)
    slot = await slot_at(scheduling, at(12), moving=view.id)
    with pytest.raises(SelfSchedulingOff):
        await booking.move(
            scheduling,
            appointment_id=view.id,
            slot=slot,
            version=1,
            actor=CUSTOMER,
            switches=OFF,
            now_s=NOW_S,
        )


async def test_a_move_takes_the_new_place_and_frees_the_old_one(either_scheduling: Scheduling) -> None:
    view = await booked(either_scheduling, at(10))
    slot = await slot_at(either_scheduling, at(13), moving=view.id)

    change = await booking.move(
        either_scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S
    )

    free = [slot.start_s for slot in await slots_of_day(either_scheduling)]
    assert (change.view.appointment.start_s, change.view.version) == (at(13), 2)
    assert change.view.appointment.window_start_s == at(13)
    assert at(10) in free
    assert at(13) not in free
    event = change.events[0]
    assert isinstance(event, AppointmentMoved)
    assert event.old_start_s == at(10)


async def test_when_moving_the_visit_itself_is_no_conflict(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    as_others_see_it = await slots_of_day(scheduling)
    when_moving = await slots_of_day(scheduling, moving=view.id)

    assert at(10) not in [slot.start_s for slot in as_others_see_it]
    assert at(10) in [slot.start_s for slot in when_moving]


async def test_a_failed_move_leaves_the_old_place_untouched(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    slot = await slot_at(scheduling, at(13), moving=view.id)
    await book_at(scheduling, at(13), contact_id="rui")

    with pytest.raises(SlotTaken) as refused:
        await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)

    assert await booking.get(scheduling, appointment_id=view.id) == view
    assert at(10) in [fresh.start_s for fresh in refused.value.slots]


async def test_a_move_on_an_old_version_is_stale(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    for hour, version in ((13, 1), (14, 2)):
        slot = await slot_at(scheduling, at(hour), moving=view.id)
        await booking.move(scheduling, appointment_id=view.id, slot=slot, version=version, actor=CUSTOMER, now_s=NOW_S)

    slot = await slot_at(scheduling, at(8), moving=view.id)
    with pytest.raises(StaleVersion) as refused:
        await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)

    assert (refused.value.expected, refused.value.actual) == (1, 3)


async def test_a_move_to_where_it_is_changes_nothing(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    slot = await slot_at(scheduling, at(10), moving=view.id)

    change = await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)

    assert (change.view, change.events) == (view, ())


async def test_a_slot_of_another_service_does_not_move_a_visit(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))
    slot = await slot_at(scheduling, at(13), asset_id="boiler")

    with pytest.raises(InvalidSlot):
        await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)


@pytest.mark.parametrize(("now_s", "passes"), [(at(8), True), (at(8) + 1, False)])
async def test_past_the_cut_off_a_customer_cannot_move_but_a_dispatcher_can(
    scheduling: Scheduling, now_s: int, passes: bool
) -> None:
    view = await booked(scheduling, at(10))
    slot = await slot_at(scheduling, at(13), moving=view.id)

    async def move(actor: object) -> object:
        return await booking.move(scheduling, appointment_id=view.id, slot=slot, version=1, actor=actor, now_s=now_s)

    if not passes:
        with pytest.raises(PastCutoff) as refused:
            await move(CUSTOMER)
        assert (refused.value.action, refused.value.until_s) == ("move", at(8))
    assert await move(CUSTOMER if passes else DISPATCHER)


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_visit_under_way_or_later_is_moved_by_nobody(scheduling: Scheduling, steps: int) -> None:
    view = await booked(scheduling, at(10))
    for step in (booking.travel, booking.start, booking.complete)[:steps]:
        await step(scheduling, appointment_id=view.id, actor=TECHNICIAN, now_s=NOW_S)
    slot = encode_slot(service_id="repair", site_id="home", asset_id=None, technician_key=1, start_s=at(13))

    for actor in (CUSTOMER, DISPATCHER):
        with pytest.raises(IllegalTransition):
            await booking.move(scheduling, appointment_id=view.id, slot=slot, version=None, actor=actor, now_s=NOW_S)


async def test_a_key_past_its_lifetime_books_anew_and_only_such_keys_are_forgotten(
    either_scheduling: Scheduling,
) -> None:
    async def book(hour: int, key: str, now_s: int) -> str:
        slot = await slot_at(either_scheduling, at(hour))
        who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
        change = await booking.book(either_scheduling, slot=slot, idempotency_key=key, now_s=now_s, **who)
        return change.view.id

    first = await book(10, "old", NOW_S - hold_store.KEY_LIFETIME_S - 1)
    kept = await book(12, "kept", NOW_S - hold_store.KEY_LIFETIME_S - 1)
    again = await book(14, "old", NOW_S)
    async with either_scheduling.database.transaction() as connection:
        await hold_store.forget_keys(connection, now_s=NOW_S)
        keys = (await connection.execute(select(schema_store.idempotency_keys))).all()

    assert len({first, kept, again}) == 3
    assert [(row.key, row.appointment_id) for row in keys] == [("old", again)]
