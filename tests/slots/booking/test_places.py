from __future__ import annotations

import datetime

import pytest

from slots import booking
from slots.booking import Scheduling
from slots.errors import (
    HoldExpired,
    InvalidRange,
    InvalidSlot,
    NotBookable,
    NotFound,
    SelfSchedulingOff,
    SlotTaken,
    TooManyHolds,
)
from slots.model import Hold, Switches
from tests.slots.factories import (
    CUSTOMER,
    DISPATCHER,
    MONDAY,
    NOW_S,
    RULES,
    a_resource,
    a_service,
    at,
    booked,
    settle_town,
    slot_at,
    slots_of_day,
)


async def hold_at(scheduling: Scheduling, start_s: int, **options: object) -> Hold:
    values = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER, "now_s": NOW_S} | options
    return await booking.hold(scheduling, slot=await slot_at(scheduling, start_s), **values)


async def test_every_hour_of_the_shift_is_offered_to_the_door(scheduling: Scheduling) -> None:
    slots = await slots_of_day(scheduling)

    assert [slot.start_s for slot in slots] == [at(hour) for hour in range(8, 16)]


async def test_the_customer_is_shown_a_window_that_is_kept_apart_from_start_and_duration(
    scheduling: Scheduling,
) -> None:
    slot = (await slots_of_day(scheduling))[0]

    assert (slot.window_start_s, slot.window_end_s) == (at(8), at(10))
    assert (slot.start_s, slot.end_s) == (at(8), at(9))


async def test_a_window_may_begin_before_the_planned_start(scheduling: Scheduling) -> None:
    rules = RULES.__class__(min_lead_s=0, slot_step_s=3600, window_before_s=1800)
    earlier = Scheduling(database=scheduling.database, rules=rules)

    slot = (await slots_of_day(earlier))[0]

    assert (slot.window_start_s, slot.start_s, slot.window_end_s) == (at(7.5), at(8), at(9.5))


async def test_days_without_slots_are_in_the_answer_too(scheduling: Scheduling) -> None:
    sunday = MONDAY - datetime.timedelta(days=1)

    offer = await booking.offer(
        scheduling,
        account_id="acme",
        service_id="repair",
        site_id="home",
        first_day=sunday - datetime.timedelta(days=1),
        last_day=MONDAY,
        now_s=NOW_S,
    )

    assert [len(day.slots) for day in offer.days] == [0, 4, 8]
    assert offer.time_zone == "Europe/Lisbon"


async def test_the_site_of_the_asset_wins_over_the_default_site(scheduling: Scheduling) -> None:
    slots = await slots_of_day(scheduling, asset_id="boiler")

    assert {slot.site_id for slot in slots} == {"office"}
    assert slots[0].start_s == at(9)  # from home to the office takes until after eight


@pytest.mark.parametrize(
    "wrong",
    [
        {"service_id": "nothing"},
        {"site_id": "elsewhere"},
        {"site_id": None},
        {"account_id": "other", "site_id": "elsewhere", "asset_id": "boiler"},
        {"moving": "nothing"},
    ],
)
async def test_what_is_unknown_or_of_another_account_is_not_found(
    scheduling: Scheduling, wrong: dict[str, object]
) -> None:
    with pytest.raises(NotFound):
        await slots_of_day(scheduling, **wrong)


async def test_a_disabled_service_is_not_bookable(scheduling: Scheduling) -> None:
    await settle_town(scheduling.database, services=(a_service(enabled=False),))

    with pytest.raises(NotBookable) as refused:
        await slots_of_day(scheduling)

    assert refused.value.reason == "service_disabled"


@pytest.mark.parametrize("days", [-1, 31])
async def test_a_range_backwards_or_too_long_is_refused(scheduling: Scheduling, days: int) -> None:
    with pytest.raises(InvalidRange):
        await booking.offer(
            scheduling,
            account_id="acme",
            service_id="repair",
            site_id="home",
            first_day=MONDAY,
            last_day=MONDAY + datetime.timedelta(days=days),
            now_s=NOW_S,
        )


async def test_a_held_place_is_offered_to_nobody_until_it_expires(scheduling: Scheduling) -> None:
    kept = await hold_at(scheduling, at(10))

    during = await slots_of_day(scheduling, now_s=kept.expires_s - 1)
    after = await slots_of_day(scheduling, now_s=kept.expires_s)

    assert kept.expires_s == NOW_S + 300
    assert at(10) not in [slot.start_s for slot in during]
    assert at(10) in [slot.start_s for slot in after]


async def test_a_held_place_cannot_be_held_or_booked_by_another(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))
    await hold_at(scheduling, at(10))

    with pytest.raises(SlotTaken):
        await booking.hold(scheduling, slot=slot, account_id="acme", contact_id="rui", actor=CUSTOMER, now_s=NOW_S)
    with pytest.raises(SlotTaken):
        await booking.book(scheduling, slot=slot, account_id="acme", contact_id="rui", actor=CUSTOMER, now_s=NOW_S)


async def test_a_released_hold_frees_its_place_at_once(scheduling: Scheduling) -> None:
    kept = await hold_at(scheduling, at(10))

    await booking.release_hold(scheduling, hold_id=kept.id, contact_id="ana", now_s=NOW_S)

    assert at(10) in [slot.start_s for slot in await slots_of_day(scheduling)]


async def test_nobody_releases_the_hold_of_another(scheduling: Scheduling) -> None:
    kept = await hold_at(scheduling, at(10))

    await booking.release_hold(scheduling, hold_id=kept.id, contact_id="rui", now_s=NOW_S)

    assert at(10) not in [slot.start_s for slot in await slots_of_day(scheduling)]


async def test_the_place_of_an_expired_hold_can_be_taken_though_its_row_is_still_there(
    scheduling: Scheduling,
) -> None:
    kept = await hold_at(scheduling, at(10))

    change = await booking.book(
        scheduling,
        slot=await slot_at(scheduling, at(10), now_s=kept.expires_s),
        account_id="acme",
        contact_id="rui",
        actor=CUSTOMER,
        now_s=kept.expires_s,
    )

    assert change.view.appointment.start_s == at(10)


async def test_one_contact_cannot_hoard_places(scheduling: Scheduling) -> None:
    few = Scheduling(database=scheduling.database, rules=RULES.__class__(min_lead_s=0, max_holds=2))
    for hour in (8, 10):
        await hold_at(few, at(hour))

    with pytest.raises(TooManyHolds):
        await hold_at(few, at(12))


async def test_a_hold_for_moving_may_lie_over_the_visit_itself(scheduling: Scheduling) -> None:
    half_hours = Scheduling(database=scheduling.database, rules=RULES.__class__(min_lead_s=0))
    view = await booked(half_hours, at(10))
    slot = await slot_at(half_hours, at(10.5), moving=view.id)

    kept = await booking.hold(
        half_hours,
        slot=slot,
        account_id="acme",
        contact_id="ana",
        actor=CUSTOMER,
        moving=view.id,
        now_s=NOW_S,
    )
    change = await booking.move(half_hours, appointment_id=view.id, slot=slot, version=1, actor=CUSTOMER, now_s=NOW_S)

    assert kept.moving_id == view.id
    assert change.view.appointment.start_s == at(10.5)
    with pytest.raises(HoldExpired):
        await booking.book(half_hours, hold=kept.id, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=NOW_S)


async def test_with_self_scheduling_off_only_staff_hold(scheduling: Scheduling) -> None:
    off = Switches(self_scheduling=False)

    with pytest.raises(SelfSchedulingOff):
        await hold_at(scheduling, at(10), switches=off)
    assert (await hold_at(scheduling, at(10), switches=off, actor=DISPATCHER)).start_s == at(10)


@pytest.mark.parametrize("slot", ["", "x", "!!!!", "AAAA", "é", "A" * 5000])
async def test_a_slot_id_that_is_not_ours_is_refused(scheduling: Scheduling, slot: str) -> None:
    with pytest.raises(InvalidSlot):
        await booking.hold(scheduling, slot=slot, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=NOW_S)


async def test_a_slot_of_another_account_is_not_found(scheduling: Scheduling) -> None:
    slot = await slot_at(scheduling, at(10))

    with pytest.raises(NotFound):
        await booking.hold(scheduling, slot=slot, account_id="other", contact_id="eve", actor=CUSTOMER, now_s=NOW_S)


async def test_the_service_named_beside_the_slot_must_be_the_slots(scheduling: Scheduling) -> None:
    with pytest.raises(InvalidSlot):
        await hold_at(scheduling, at(10), service_id="other")


async def test_a_slot_that_has_become_too_soon_is_not_bookable(scheduling: Scheduling) -> None:
    rules = RULES.__class__(min_lead_s=7200, slot_step_s=3600)
    careful = Scheduling(database=scheduling.database, rules=rules)
    slot = await slot_at(careful, at(10))

    with pytest.raises(NotBookable) as refused:
        await booking.hold(careful, slot=slot, account_id="acme", contact_id="ana", actor=CUSTOMER, now_s=at(8) + 1)

    assert refused.value.reason == "too_soon"


async def test_a_technician_without_the_skill_is_offered_to_nobody(scheduling: Scheduling) -> None:
    await settle_town(scheduling.database, services=(a_service(skill="gas"),))

    before = await slots_of_day(scheduling)
    await settle_town(
        scheduling.database,
        resources=(a_resource(key=0, skills=frozenset({"gas"})),),
        services=(a_service(skill="gas"),),
    )

    assert before == ()
    assert len(await slots_of_day(scheduling)) == 8
