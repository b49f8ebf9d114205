"""Offer, hold, book and move with travel times that have to be fetched from somewhere slow."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import pytest

from slots import booking
from slots.booking import Scheduling
from slots.booking.traveling import ATTEMPTS, Aside
from slots.errors import SlotTaken
from slots.travel_table import Figure, Leg
from tests.slots.factories import (
    CUSTOMER,
    NOW_S,
    OTHER_CUSTOMER,
    RULES,
    a_resource,
    at,
    settle_town,
    slot_at,
    slots_of_day,
)
from tests.slots.travel_sources import FetchedTravel


def ten_minutes(leg: Leg) -> int:
    return 600


@pytest.fixture
async def town(either_database) -> tuple[Scheduling, FetchedTravel]:
    """One technician who lives elsewhere, so that every visit has a leg there and a leg back."""
    source = FetchedTravel(ten_minutes)
    await settle_town(either_database, resources=(a_resource(key=0, home_lat=38.8, home_lon=-9.1),))
    return Scheduling(database=either_database, rules=RULES, travel=source), source


def who(contact_id: str = "ana"):
    actor = CUSTOMER if contact_id == "ana" else OTHER_CUSTOMER
    return {"account_id": "acme", "contact_id": contact_id, "actor": actor, "now_s": NOW_S}


async def test_an_offer_reckons_with_the_times_it_fetched(town) -> None:
    scheduling, source = town

    starts = [slot.start_s for slot in await slots_of_day(scheduling)]

    # The shift is from eight to four; a tenth of an hour is driven before and after, and starts are full hours.
    assert starts == [at(hour) for hour in range(9, 15)]
    assert {len(legs) for legs in source.fetches} == {2}


async def test_booking_on_what_the_offer_fetched_asks_for_nothing_more(town) -> None:
    scheduling, source = town
    slot = await slot_at(scheduling, at(10))
    asked = len(source.fetches)

    held = await booking.hold(scheduling, slot=slot, **who())
    await booking.book(scheduling, hold=held.id, **who())

    assert len(source.fetches) == asked


async def test_a_booking_fetches_what_it_misses_outside_its_transaction(town) -> None:
    scheduling, source = town
    slot = await slot_at(scheduling, at(10))
    source.figures.clear()
    source.gate.clear()
    source.asked.clear()

    waiting = asyncio.ensure_future(booking.book(scheduling, slot=slot, **who()))
    await source.asked.wait()
    # While it waits for the engine it holds no lock: somebody else books.
    elsewhere = dataclasses.replace(scheduling, travel=FetchedTravel(ten_minutes))
    other = await booking.book(elsewhere, slot=await slot_at(elsewhere, at(13)), **who("rui"))
    source.gate.set()
    change = await waiting

    assert (change.view.appointment.start_s, other.view.appointment.start_s) == (at(10), at(13))


async def test_a_booking_whose_figures_never_stay_at_hand_still_comes_to_an_end(town) -> None:
    scheduling, source = town
    source.remembers = False
    slot = await slot_at(scheduling, at(10))

    change = await booking.book(scheduling, slot=slot, **who())
    moved = await booking.move(
        scheduling,
        appointment_id=change.view.id,
        slot=await slot_at(scheduling, at(13), moving=change.view.id),
        version=1,
        actor=CUSTOMER,
        now_s=NOW_S,
    )

    assert moved.view.appointment.start_s == at(13)


async def test_a_time_line_that_changes_at_every_try_is_booked_on_straight_lines_in_the_end(town) -> None:
    scheduling, _ = town
    slot = await slot_at(scheduling, at(10))

    class Useless(FetchedTravel):
        async def fetch(self, legs):
            await super().fetch(legs)
            return {}

    useless = Useless(ten_minutes)
    useless.remembers = False

    change = await booking.book(dataclasses.replace(scheduling, travel=useless), slot=slot, **who())

    assert change.view.appointment.start_s == at(10)
    assert len(useless.fetches) == ATTEMPTS


async def test_what_cannot_be_reached_in_time_is_refused_with_fresh_slots(town) -> None:
    scheduling, source = town
    slot = await slot_at(scheduling, at(9))
    source.figures = {leg: Figure(2 * 3600, False) for leg in source.figures}

    with pytest.raises(SlotTaken) as refused:
        await booking.book(scheduling, slot=slot, **who())

    assert [fresh.start_s for fresh in refused.value.slots][:4] == [at(10), at(11), at(12), at(13)]


async def test_a_retry_with_its_key_books_once_although_the_first_try_was_taken_back_to_fetch(town) -> None:
    scheduling, source = town
    slot = await slot_at(scheduling, at(10))
    source.figures.clear()

    first = await booking.book(scheduling, slot=slot, idempotency_key="k", **who())
    again = await booking.book(scheduling, slot=slot, idempotency_key="k", **who())

    assert again.view == first.view
    assert again.events == ()


async def test_between_two_visits_the_way_to_the_next_one_counts(town) -> None:
    scheduling, source = town
    await booking.book(scheduling, slot=await slot_at(scheduling, at(12)), **who())
    source.figures.clear()
    source.seconds_of = lambda leg: 3700

    starts = [slot.start_s for slot in await slots_of_day(scheduling, asset_id="boiler")]

    # From home two hours into the day at the earliest, to the visit at noon an hour and more; then the way home.
    assert starts == []
    source.figures.clear()
    source.seconds_of = lambda leg: 3600
    assert [slot.start_s for slot in await slots_of_day(scheduling, asset_id="boiler")] == [at(9), at(10), at(14)]


async def test_the_event_loop_goes_on_while_a_search_is_made_and_another_waits_its_turn() -> None:
    aside = Aside()
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        loop.call_soon_threadsafe(begun.set)
        # Only the event loop, which is free meanwhile, lets it end.
        assert may_end.wait(timeout=30)
        order.append("first")

    both = asyncio.gather(aside.run(first), aside.run(lambda: order.append("second")))
    await begun.wait()
    may_end.set()
    await both

    assert order == ["first", "second"]
