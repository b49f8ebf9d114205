from __future__ import annotations

import pytest

from slots import booking
from slots.booking import Scheduling
from slots.errors import NotFound
from slots.model import AppointmentView, UnderWay
from slots.store import Database
from tests.slots.factories import (
    CUSTOMER,
    NOW_S,
    RULES,
    TECHNICIAN,
    a_resource,
    at,
    book_at,
    booked,
    settle_town,
)


@pytest.fixture
async def three(either_database: Database) -> Scheduling:
    """Three technicians in one house, so that several visits can be Traveling at once."""
    names = ("tiago", "ugo", "zoe")
    await settle_town(either_database, resources=tuple(a_resource(id=name, name=name, key=0) for name in names))
    return Scheduling(database=either_database, rules=RULES)


async def under_way(scheduling: Scheduling, view: AppointmentView) -> None:
    await booking.travel(scheduling, appointment_id=view.id, actor=TECHNICIAN, now_s=at(7))


def ids(views: tuple[AppointmentView, ...]) -> list[str]:
    return [view.id for view in views]


async def test_an_account_without_visits_has_empty_sections(three: Scheduling) -> None:
    sections = await booking.sections(three, account_id="acme", arrivals_s={})

    assert (sections.active, sections.upcoming, sections.past) == (None, (), ())


async def test_one_traveling_is_active_the_others_stand_in_upcoming(three: Scheduling) -> None:
    views = [await booked(three, at(10)) for _ in range(3)]
    for view in views[:2]:
        await under_way(three, view)

    sections = await booking.sections(three, account_id="acme", arrivals_s={views[0].id: at(10), views[1].id: at(9.5)})

    assert sections.active is not None
    assert sections.active.id == views[1].id
    assert sorted(ids(sections.upcoming)) == sorted([views[0].id, views[2].id])


async def test_the_one_active_before_stays_for_less_than_five_minutes(three: Scheduling) -> None:
    views = [await booked(three, at(10)) for _ in range(2)]
    for view in views:
        await under_way(three, view)

    sections = await booking.sections(
        three,
        account_id="acme",
        arrivals_s={views[0].id: at(10), views[1].id: at(10) - 200},
        active_before=views[0].id,
    )

    assert sections.active is not None
    assert sections.active.id == views[0].id


async def test_scheduled_and_in_progress_are_upcoming_canceled_and_completed_are_past(
    three: Scheduling,
) -> None:
    scheduled, working, done, canceled = [await booked(three, at(hour)) for hour in (14, 10, 8, 12)]
    for view in (done, working):
        await under_way(three, view)
        await booking.start(three, appointment_id=view.id, actor=TECHNICIAN, now_s=at(8))
        if view is done:
            await booking.complete(three, appointment_id=view.id, actor=TECHNICIAN, now_s=at(8.5))
    await booking.cancel(three, appointment_id=canceled.id, reason="ill", version=None, actor=CUSTOMER, now_s=NOW_S)

    sections = await booking.sections(three, account_id="acme", arrivals_s={})

    assert sections.active is None
    assert ids(sections.upcoming) == [working.id, scheduled.id]
    assert ids(sections.past) == [canceled.id, done.id]


async def test_visits_of_other_accounts_are_in_no_section(three: Scheduling) -> None:
    await booked(three, at(10))

    sections = await booking.sections(three, account_id="other", arrivals_s={})

    assert sections.upcoming == ()


async def test_a_technicians_day_has_their_visits_by_start(three: Scheduling) -> None:
    late, early, tomorrow = [await booked(three, start_s) for start_s in (at(14), at(9), at(9, day=1))]

    day = await booking.day_of_technician(three, technician_id="tiago", now_s=at(6))

    assert ids(day) == [early.id, late.id]
    assert tomorrow.id not in ids(day)
    assert ids(await booking.day_of_technician(three, technician_id="zoe", now_s=at(6))) == []
    with pytest.raises(NotFound):
        await booking.day_of_technician(three, technician_id="nobody", now_s=at(6))


async def test_a_visit_still_under_way_from_yesterday_is_in_todays_list(three: Scheduling) -> None:
    view = await booked(three, at(14))
    await under_way(three, view)

    day = await booking.day_of_technician(three, technician_id="tiago", now_s=at(6, day=1))

    assert ids(day) == [view.id]


async def test_every_traveling_visit_is_found_at_a_restart(three: Scheduling) -> None:
    views = [await booked(three, at(hour)) for hour in (10, 12)]
    await under_way(three, views[0])

    [traveling] = await booking.traveling(three)
    assert traveling.id == views[0].id
    assert await booking.under_way(three) == (UnderWay(traveling.id, traveling.version, traveling.technician.id),)


async def test_the_board_has_everybodys_visits_of_the_span(three: Scheduling) -> None:
    views = [await booked(three, at(hour)) for hour in (10, 10, 15)]

    board = await booking.board(three, from_s=at(10), to_s=at(11))

    assert sorted(ids(board)) == sorted(view.id for view in views[:2])


async def test_a_scheduled_visit_whose_window_has_passed_is_overdue(three: Scheduling) -> None:
    view = (await book_at(three, at(10))).view

    assert ids(await booking.overdue(three, now_s=at(12) - 1)) == []
    assert ids(await booking.overdue(three, now_s=at(12))) == [view.id]


async def test_an_unknown_visit_is_not_found(three: Scheduling) -> None:
    with pytest.raises(NotFound):
        await booking.get(three, appointment_id="nothing")
