"""The homepage's sections, one visit, and its calendar file: product.md §2 through HTTP."""

import datetime
from typing import Any

from icalendar import Calendar

from tests.web.api.house import House, open_house
from tracker.messages import Fix


async def section(house: House, name: str, client=None, **query: str) -> list[dict[str, Any]]:
    answer = await (client or house.rui).get("/api/appointments", params={"section": name} | query)
    assert answer.status_code == 200, answer.text
    return answer.json()["appointments"]


async def ids(house: House, name: str, client=None) -> list[str]:
    return [visit["id"] for visit in await section(house, name, client)]


async def two_traveling(house: House) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two visits of one account at one time, each with a technician under way."""
    house.turn_to("2026-11-23T09:00")
    first = await house.bring_to(await house.book(clock="10:00"), "traveling")
    second = await house.bring_to(await house.book(clock="10:00"), "traveling")
    return first, second


def report(house: House, visit: dict[str, Any], *, lat: float, lon: float = -8.61) -> None:
    """The visit's technician stands there now."""
    house.pass_s(40)
    fix = Fix(fixed_at=house.clock_ms[0], lat=lat, lon=lon, accuracy_m=5.0, speed_mps=10.0)
    house.state.node.ingest(visit["technician"]["id"], [fix], house.clock_ms[0])


async def test_a_homepage_without_visits_is_empty(house: House):
    for name in ("active", "upcoming", "past"):
        assert await section(house, name) == []


async def test_upcoming_visits_are_ordered_by_their_window(house: House):
    later = await house.book(clock="15:00")
    sooner = await house.book(clock="09:00")

    assert await ids(house, "upcoming") == [sooner["id"], later["id"]]


async def test_a_traveling_visit_is_the_active_one(house: House):
    visit = await house.bring_to(await house.book(), "traveling")

    (active,) = await section(house, "active")

    assert active["id"] == visit["id"]
    assert (active["section"], active["allowed"]["live_map"]) == ("active", True)
    assert await ids(house, "upcoming") == []


async def test_a_visit_in_progress_stands_in_upcoming_and_cannot_be_moved(house: House):
    visit = await house.bring_to(await house.book(), "in_progress")

    (shown,) = await section(house, "upcoming")

    assert shown["id"] == visit["id"]
    assert shown["allowed"] == {"move": False, "cancel": False, "live_map": False, "feedback": False}


async def test_past_visits_stand_newest_first_and_only_completed_ones_offer_feedback(house: House):
    canceled = await house.bring_to(await house.book(clock="09:00"), "canceled")
    completed = await house.bring_to(await house.book(clock="15:00"), "completed")

    past = await section(house, "past")

    assert [visit["id"] for visit in past] == [completed["id"], canceled["id"]]
    assert [visit["allowed"]["feedback"] for visit in past] == [True, False]


async def test_of_several_traveling_the_sooner_is_active_and_the_other_keeps_its_map(house: House):
    first, second = await two_traveling(house)
    report(house, first, lat=41.40)
    report(house, second, lat=41.16)

    active, upcoming = await section(house, "active"), await section(house, "upcoming")

    assert [visit["id"] for visit in active] == [second["id"]]
    assert [visit["id"] for visit in upcoming] == [first["id"]]
    assert upcoming[0]["allowed"]["live_map"] is True
    assert active[0]["eta_at"] < upcoming[0]["eta_at"]


async def test_when_the_active_visit_ends_the_next_traveling_one_is_promoted(house: House):
    first, second = await two_traveling(house)
    report(house, second, lat=41.16)
    assert await ids(house, "active") == [second["id"]]

    await house.technician_of(second).post(f"/api/appointments/{second['id']}/start")

    assert await ids(house, "active") == [first["id"]]
    assert await ids(house, "upcoming") == [second["id"]]


async def test_with_tracking_off_a_traveling_visit_is_active_without_a_map(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    report(house, visit, lat=41.16)
    await house.switch(technician_tracking=False)

    (active,) = await section(house, "active")

    assert (active["id"], active["allowed"]["live_map"], active["eta_at"]) == (visit["id"], False, None)


async def test_the_phone_of_the_technician_is_shown_while_they_travel(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    phone = {"ana": "+351 911 111 111", "bo": None}[visit["technician"]["id"]]

    assert (await house.read(visit, house.rui))["technician"]["phone"] == phone


async def test_an_account_sees_the_visits_of_all_its_contacts_and_of_nobody_else(house: House):
    visit = await house.book(house.rui)

    assert await ids(house, "upcoming", house.eva) == [visit["id"]]
    assert await ids(house, "upcoming", house.olga) == []


async def test_the_dispatcher_lists_the_visits_of_a_named_customer(house: House):
    visit = await house.book()

    named = await house.dora.get("/api/appointments", params={"contact": "rui@acme.example"})
    unnamed = await house.dora.get("/api/appointments")
    unknown = await house.dora.get("/api/appointments", params={"contact": "x@y.example"})

    assert [each["id"] for each in named.json()["appointments"]] == [visit["id"]]
    assert (unnamed.status_code, unknown.status_code) == (422, 404)


async def test_the_current_visits_come_in_one_answer_each_with_its_section(house: House):
    first, second = await two_traveling(house)
    report(house, second, lat=41.16)
    planned = await house.book(clock="15:00")
    await house.bring_to(await house.book(clock="16:00"), "canceled")

    current = await section(house, "current")

    assert [(visit["id"], visit["section"]) for visit in current] == [
        (second["id"], "active"),
        (first["id"], "upcoming"),
        (planned["id"], "upcoming"),
    ]


async def test_an_unknown_section_is_refused(house: House):
    answer = await house.rui.get("/api/appointments", params={"section": "future"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_past_is_read_page_by_page(house: House):
    for _ in range(5):
        await house.bring_to(await house.book(), "canceled")
    seen, before = [], None

    while True:
        query = {"section": "past", "limit": "2"} | ({"before": before} if before else {})
        page = (await house.rui.get("/api/appointments", params=query)).json()
        seen += [visit["id"] for visit in page["appointments"]]
        before = page["next"]
        if before is None:
            break

    assert len(seen) == len(set(seen)) == 5


async def test_a_cursor_that_is_none_is_refused(house: House):
    answer = await house.rui.get("/api/appointments", params={"section": "past", "before": "x"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_one_visit_comes_with_its_version_as_etag(house: House):
    visit = await house.book()

    answer = await house.rui.get(f"/api/appointments/{visit['id']}")

    assert answer.json() == visit
    assert answer.headers["etag"] == f'"{visit["version"]}"'
    assert answer.headers["cache-control"] == "no-store"


async def test_a_dispatcher_is_told_whose_visit_it_is_and_nobody_else(house: House):
    visit = await house.book()

    told = (await house.dora.get(f"/api/appointments/{visit['id']}")).json()
    own = (await house.rui.get(f"/api/appointments/{visit['id']}")).json()
    technicians = (await house.technician_of(told).get(f"/api/appointments/{visit['id']}")).json()

    assert told["customer"] == {"name": "Rui", "email": "rui@acme.example", "phone": "+351 900 000 001"}
    assert own["customer"] is None
    assert technicians["customer"] is None


async def test_on_the_day_a_planned_visit_tells_how_many_come_before_it(house: House):
    async def before(visit: dict[str, Any]) -> int | None:
        return (await house.rui.get(f"/api/appointments/{visit['id']}")).json()["visits_before"]

    visits = [await house.book(clock=clock) for clock in ("09:00", "12:00", "15:00")]
    the_day_before = [await before(visit) for visit in visits]
    house.turn_to("2026-11-24T07:00")
    in_the_morning = [await before(visit) for visit in visits]
    await house.bring_to(visits[0], "traveling")
    under_way = [await before(visit) for visit in visits]
    await house.dora.put("/api/dispatch/switches", json={"technician_tracking": False})

    assert the_day_before == [None, None, None]
    assert in_the_morning == [0, 1, 2]
    assert under_way == [None, 1, 2]
    assert await before(visits[1]) is None


async def test_an_unknown_visit_and_a_foreign_one_are_the_same_404(house: House):
    visit = await house.book()

    for rest in ("", "/calendar.ics", "/live"):
        foreign = await house.olga.get(f"/api/appointments/{visit['id']}{rest}")
        unknown = await house.olga.get(f"/api/appointments/unknown{rest}")

        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() == unknown.json()


async def test_the_calendar_file_names_window_place_and_version(house: House):
    visit = await house.book(details="Ring twice")

    answer = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")

    event = Calendar.from_ical(answer.content).events[0]
    assert answer.headers["content-type"] == 'text/calendar; charset=utf-8; method="PUBLISH"'
    assert event["DTSTART"].dt == datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)
    assert str(event["LOCATION"]) == "Rua das Flores 1, Porto"
    assert str(event["DESCRIPTION"]) == "Ring twice\nEnroute: +351 200 000 000"
    assert str(event["URL"]) == f"http://visits.example/appointments/{visit['id']}"
    assert event["SEQUENCE"] == visit["version"]


async def test_the_calendar_file_of_a_canceled_visit_strikes_it_out(house: House):
    visit = await house.book()
    first = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")
    await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    second = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")

    before, after = (Calendar.from_ical(answer.content).events[0] for answer in (first, second))
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after["STATUS"] == "CANCELLED"
    assert second.headers["content-type"] == 'text/calendar; charset=utf-8; method="CANCEL"'


async def test_the_calendar_file_counts_on_with_every_move(house: House):
    visit = await house.book()
    first = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")
    slot = await house.slot_at(house.rui, "14:00", moving=visit["id"])
    await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})

    second = await house.rui.get(f"/api/appointments/{visit['id']}/calendar.ics")

    before, after = (Calendar.from_ical(answer.content).events[0] for answer in (first, second))
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after["DTSTART"].dt - before["DTSTART"].dt == datetime.timedelta(hours=4)


async def test_visits_outlive_a_restart(template, tmp_path):
    async with open_house(template, tmp_path / "house") as house:
        visit = await house.bring_to(await house.book(), "traveling")
    async with open_house(None, tmp_path / "house") as again:
        again.clock_ms[0] = house.clock_ms[0]

        assert [each["id"] for each in await section(again, "active")] == [visit["id"]]
