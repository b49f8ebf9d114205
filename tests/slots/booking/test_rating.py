from __future__ import annotations

import pytest
from sqlalchemy import text

from slots import appointment_store, booking
from slots.booking import Change, Scheduling
from slots.errors import CommentTooLong, IllegalTransition, InvalidRating, RatingClosed, SurveysOff
from slots.events import AppointmentRated
from slots.model import AppointmentView, Switches
from tests.slots.factories import CUSTOMER, TECHNICIAN, at, booked

DAY_S = 86_400


async def completed(scheduling: Scheduling) -> AppointmentView:
    view = await booked(scheduling, at(10))
    for step in (booking.travel, booking.start, booking.complete):
        change = await step(scheduling, appointment_id=view.id, actor=TECHNICIAN, now_s=at(11))
    return change.view


async def rate(scheduling: Scheduling, appointment_id: str, rating: int = 5, **options: object) -> Change:
    values = {"actor": CUSTOMER, "now_s": at(12)} | options
    return await booking.rate(scheduling, appointment_id=appointment_id, rating=rating, **values)


async def test_a_completed_visit_is_rated_with_a_comment(either_scheduling: Scheduling) -> None:
    view = await completed(either_scheduling)

    change = await rate(either_scheduling, view.id, 4, comment=" Good work ")

    rating = (await booking.get(either_scheduling, appointment_id=view.id)).appointment.rating
    assert rating is not None
    assert (rating.rating, rating.comment, rating.editable_until_s) == (4, "Good work", at(12) + 14 * DAY_S)
    event = change.events[0]
    assert isinstance(event, AppointmentRated)
    assert (event.low, event.first) == (False, True)


@pytest.mark.parametrize(("rating", "low"), [(1, True), (2, True), (3, False)])
async def test_a_low_score_is_flagged(scheduling: Scheduling, rating: int, low: bool) -> None:
    view = await completed(scheduling)

    (event,) = (await rate(scheduling, view.id, rating)).events

    assert isinstance(event, AppointmentRated)
    assert event.low is low


async def test_a_visit_has_one_rating_that_can_be_changed_for_14_days(scheduling: Scheduling) -> None:
    view = await completed(scheduling)
    await rate(scheduling, view.id, 5)

    change = await rate(scheduling, view.id, 1, now_s=at(12) + 14 * DAY_S)

    assert change.view.appointment.rating is not None
    assert change.view.appointment.rating.rating == 1
    with pytest.raises(RatingClosed):
        await rate(scheduling, view.id, 3, now_s=at(12) + 14 * DAY_S + 1)


async def test_the_same_rating_again_changes_nothing(scheduling: Scheduling) -> None:
    view = await completed(scheduling)
    first = await rate(scheduling, view.id, 5)

    assert await rate(scheduling, view.id, 5) == Change(view=first.view)


async def test_only_a_completed_visit_is_rated(scheduling: Scheduling) -> None:
    view = await booked(scheduling, at(10))

    with pytest.raises(IllegalTransition):
        await rate(scheduling, view.id)


@pytest.mark.parametrize("rating", [0, 6, -1])
async def test_a_rating_is_one_to_five(scheduling: Scheduling, rating: int) -> None:
    with pytest.raises(InvalidRating):
        await rate(scheduling, "any", rating)


async def test_a_comment_has_a_limit(scheduling: Scheduling) -> None:
    with pytest.raises(CommentTooLong):
        await rate(scheduling, "any", comment="x" * 2001)


async def test_with_surveys_off_nothing_is_rated(scheduling: Scheduling) -> None:
    view = await completed(scheduling)

    with pytest.raises(SurveysOff):
        await rate(scheduling, view.id, switches=Switches(surveys=False))


async def test_low_ratings_are_found_by_when_they_were_given_the_newest_first(either_scheduling: Scheduling) -> None:
    first, second, happy = [await completed(either_scheduling) for _ in range(3)]
    await rate(either_scheduling, first.id, 1, now_s=at(12, day=8))
    await rate(either_scheduling, second.id, 2, now_s=at(12, day=9))
    await rate(either_scheduling, happy.id, 3, now_s=at(12, day=9))

    found = [
        [view.id for view in await booking.unhappy(either_scheduling, since_s=since_s)]
        for since_s in (at(12, day=8), at(12, day=8) + 1, at(12, day=9) + 1)
    ]

    assert found == [[second.id, first.id], [second.id], []]


async def test_low_ratings_are_found_without_reading_years_of_visits(scheduling: Scheduling) -> None:
    query = appointment_store.rated_low_query(since_s=at(12), low_rating=2, limit=100)
    async with scheduling.database.read() as connection:
        said = query.compile(connection.sync_connection, compile_kwargs={"literal_binds": True})
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {said}"))).all()

    assert "USING INDEX rated_appointments" in str(plan)
