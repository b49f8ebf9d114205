"""Many want the same place at once, on both databases: the transaction and the database's guard decide."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from slots import booking, hold_store
from slots.booking import Change, Scheduling
from slots.errors import SlotsError, SlotTaken, StaleVersion
from slots.model import Actor, Hold
from tests.slots.factories import CUSTOMER, DISPATCHER, NOW_S, at, booked, slot_at, slots_of_day


async def test_of_50_concurrent_bookers_of_one_place_exactly_one_wins_and_the_others_get_fresh_slots(
    either_scheduling: Scheduling,
) -> None:
    slot = await slot_at(either_scheduling, at(10))

    async def book(number: int) -> Change:
        contact = f"contact-{number}"
        actor = Actor(role="customer", id=contact)
        return await booking.book(
            either_scheduling, slot=slot, account_id="acme", contact_id=contact, actor=actor, now_s=NOW_S
        )

    results = await asyncio.gather(*(book(number) for number in range(50)), return_exceptions=True)

    assert Counter(type(result) for result in results) == {Change: 1, SlotTaken: 49}
    left = await slots_of_day(either_scheduling)
    lost = next(result for result in results if isinstance(result, SlotTaken))
    assert at(10) not in [fresh.start_s for fresh in left]
    assert lost.slots[: len(left)] == left


async def test_of_50_concurrent_holds_of_one_place_exactly_one_wins(either_scheduling: Scheduling) -> None:
    slot = await slot_at(either_scheduling, at(10))

    async def hold(number: int) -> Hold:
        contact = f"contact-{number}"
        actor = Actor(role="customer", id=contact)
        return await booking.hold(
            either_scheduling, slot=slot, account_id="acme", contact_id=contact, actor=actor, now_s=NOW_S
        )

    results = await asyncio.gather(*(hold(number) for number in range(50)), return_exceptions=True)

    assert Counter(type(result) for result in results) == {Hold: 1, SlotTaken: 49}


async def test_bookers_of_overlapping_places_never_end_up_overlapping(either_scheduling: Scheduling) -> None:
    slots = [slot.id for slot in await slots_of_day(either_scheduling)]

    async def book(number: int) -> Change:
        return await booking.book(
            either_scheduling,
            slot=slots[number % len(slots)],
            account_id="acme",
            contact_id="ana",
            actor=CUSTOMER,
            now_s=NOW_S,
        )

    await asyncio.gather(*(book(number) for number in range(40)), return_exceptions=True)

    visits = await booking.board(either_scheduling, from_s=at(0), to_s=at(24))
    taken = sorted((view.appointment.start_s, view.appointment.end_s) for view in visits)
    assert len(taken) == len(slots)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(taken))


async def test_a_retried_book_with_one_key_is_one_appointment_even_when_both_run_at_once(
    either_scheduling: Scheduling,
) -> None:
    slot = await slot_at(either_scheduling, at(10))

    async def book() -> Change:
        return await booking.book(
            either_scheduling,
            slot=slot,
            account_id="acme",
            contact_id="ana",
            actor=CUSTOMER,
            idempotency_key="retry",
            now_s=NOW_S,
        )

    changes = await asyncio.gather(*(book() for _ in range(8)))

    assert len({change.view.id for change in changes}) == 1
    assert sum(len(change.events) for change in changes) == 1


async def test_of_two_editors_of_one_version_one_is_told_that_it_is_stale(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))
    to_noon = await slot_at(either_scheduling, at(12), moving=view.id)

    results = await asyncio.gather(
        booking.move(either_scheduling, appointment_id=view.id, slot=to_noon, version=1, actor=CUSTOMER, now_s=NOW_S),
        booking.cancel(
            either_scheduling, appointment_id=view.id, reason="ill", version=1, actor=DISPATCHER, now_s=NOW_S
        ),
        return_exceptions=True,
    )

    assert sorted(type(result).__name__ for result in results) == ["Change", "StaleVersion"]
    assert (await booking.get(either_scheduling, appointment_id=view.id)).version == 2


async def test_of_many_holds_for_moving_one_visit_one_is_left_and_none_waits_for_another_for_ever(
    either_scheduling: Scheduling,
) -> None:
    view = await booked(either_scheduling, at(10))
    slots = [slot.id for slot in await slots_of_day(either_scheduling, moving=view.id)]

    async def hold(number: int) -> Hold:
        slot = slots[number % len(slots)]
        who = {"account_id": "acme", "contact_id": "ana", "actor": CUSTOMER}
        return await booking.hold(either_scheduling, slot=slot, moving=view.id, now_s=NOW_S, **who)

    held = await asyncio.gather(*(hold(number) for number in range(40)))

    async with either_scheduling.database.read() as connection:
        left = [kept for one in held if (kept := await hold_store.hold(connection, one.id)) is not None]
    assert len(left) == 1


async def test_two_visits_moved_to_one_place_at_once_lose_nothing(either_scheduling: Scheduling) -> None:
    views = [await booked(either_scheduling, at(hour)) for hour in (8, 10)]
    target = await slot_at(either_scheduling, at(14))

    results = await asyncio.gather(
        *(
            booking.move(
                either_scheduling,
                appointment_id=view.id,
                slot=target,
                version=None,
                actor=CUSTOMER,
                now_s=NOW_S,
            )
            for view in views
        ),
        return_exceptions=True,
    )

    starts = [(await booking.get(either_scheduling, appointment_id=view.id)).appointment.start_s for view in views]
    assert sum(isinstance(result, SlotTaken) for result in results) == 1
    assert sorted(starts) in ([at(8), at(14)], [at(10), at(14)])


@pytest.mark.parametrize("error", [StaleVersion, SlotTaken])
def test_what_a_loser_is_told_has_a_stable_code(error: type[SlotsError]) -> None:
    assert error.code in {"stale_version", "slot_taken"}
