"""The technician's day, duty, and who can see them: product.md §5 and §7 through HTTP."""

from typing import Any

import pytest

from tests.web.api.house import House
from tracker.messages import Fix
from tracker.watchers import Watcher
from web.auth import Principal


async def test_the_day_holds_what_a_technician_needs_at_the_door(house: House):
    visit = await house.read(await house.book(details="Ring twice"))
    house.turn_to("2026-11-24T07:30")

    day = (await house.technician_of(visit).get("/api/technician/appointments")).json()

    (shown,) = day["appointments"]
    assert day["duty"] == "on_duty"
    assert shown["contact"] == {"name": "Rui", "phone": "+351 900 000 001"}
    assert shown["site"]["address"] == "Rua das Flores 1, Porto"
    assert shown["planned_start"] == "2026-11-24T10:00:00+00:00"
    assert shown["details"] == "Ring twice"
    assert shown["allowed"] == {
        "travel": True,
        "undo": False,
        "start": False,
        "complete": False,
        "cancel": True,
    }


async def test_a_technician_sees_only_their_own_day(house: House):
    visit = await house.read(await house.book())
    house.turn_to("2026-11-24T07:30")
    other = house.bo if visit["technician"]["id"] == "ana" else house.ana

    assert (await other.get("/api/technician/appointments")).json()["appointments"] == []


async def test_a_scheduled_visit_whose_window_has_passed_is_flagged(house: House):
    visit = await house.read(await house.book())
    house.turn_to("2026-11-24T12:30")

    (shown,) = (await house.technician_of(visit).get("/api/technician/appointments")).json()["appointments"]

    assert shown["overdue"] is True


@pytest.mark.parametrize("duty", ["on_break", "off_duty", "on_duty"])
async def test_duty_is_kept_and_told(house: House, duty: str):
    answer = await house.ana.post("/api/duty", json={"duty": duty})

    assert (answer.status_code, answer.json()) == (200, {"duty": duty})
    assert (await house.ana.get("/api/duty")).json() == {"duty": duty}
    assert (await house.bo.get("/api/duty")).json() == {"duty": "on_duty"}


async def test_a_duty_that_is_none_is_refused(house: House):
    answer = await house.ana.post("/api/duty", json={"duty": "asleep"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await house.ana.get("/api/duty")).json() == {"duty": "on_duty"}


@pytest.mark.parametrize("duty", ["on_break", "off_duty"])
async def test_who_sets_off_is_on_duty_from_then_on_however_late_it_is_told(house: House, duty: str):
    visit = await house.read(await house.book())
    technician, technician_id = house.technician_of(visit), visit["technician"]["id"]
    await technician.post("/api/duty", json={"duty": duty})
    house.pass_s(600)
    set_off_ms = house.clock_ms[0]
    house.pass_s(600)

    answer = await technician.post(f"/api/appointments/{visit['id']}/travel", json={"at": set_off_ms})

    assert answer.status_code == 200
    assert (await technician.get("/api/duty")).json() == {"duty": "on_duty"}
    fixes = [Fix(fixed_at=set_off_ms + ago_ms, lat=41.15, lon=-8.61) for ago_ms in (-1000, 1000, 2000)]
    verdicts = house.state.node.ingest(technician_id, fixes, house.clock_ms[0])
    assert [verdict.value for verdict in verdicts] == ["off_duty", "current", "current"]


async def test_a_break_after_setting_off_goes_on_though_the_setting_off_is_told_later(house: House):
    visit = await house.read(await house.book())
    technician = house.technician_of(visit)
    set_off_ms = house.clock_ms[0]
    house.pass_s(600)
    await technician.post("/api/duty", json={"duty": "on_break"})

    answer = await technician.post(f"/api/appointments/{visit['id']}/travel", json={"at": set_off_ms})

    assert answer.status_code == 200
    assert (await technician.get("/api/duty")).json() == {"duty": "on_break"}


async def test_a_dispatcher_puts_nobody_on_duty(house: House):
    visit = await house.read(await house.book())
    technician = house.technician_of(visit)
    await technician.post("/api/duty", json={"duty": "off_duty"})
    house.pass_s(60)

    answer = await house.dora.post(f"/api/appointments/{visit['id']}/travel", json={})

    assert answer.status_code == 200, answer.text
    assert (await technician.get("/api/duty")).json() == {"duty": "off_duty"}


async def test_off_duty_no_position_is_taken(house: House):
    await house.ana.post("/api/duty", json={"duty": "off_duty"})
    fix = Fix(fixed_at=house.clock_ms[0], lat=41.15, lon=-8.61)

    (verdict,) = house.state.node.ingest("ana", [fix], house.clock_ms[0])

    assert verdict.value == "off_duty"


async def test_who_stands_at_the_door_is_asked_whether_to_begin_until_they_set_off_anew(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    technician = house.technician_of(visit)
    house.pass_s(60)

    async def shown() -> dict[str, Any]:
        (visit,) = (await technician.get("/api/technician/appointments")).json()["appointments"]
        return visit

    on_the_way = await shown()
    site, now_ms = on_the_way["site"], house.clock_ms[0]
    at_the_door = [
        Fix(fixed_at=now_ms - ago_ms, lat=site["lat"], lon=site["lon"], speed_mps=0.0) for ago_ms in (10_000, 5_000, 0)
    ]
    house.state.node.ingest(visit["technician"]["id"], at_the_door, now_ms)
    there = await shown()
    for action in ("undo", "travel"):
        house.pass_s(60)
        await technician.post(f"/api/appointments/{visit['id']}/{action}", json={})

    assert (on_the_way["arrived"], there["arrived"]) == (False, True)
    assert (await shown())["arrived"] is False


@pytest.mark.parametrize("path", ["/api/technician/appointments", "/api/technician/watchers", "/api/duty"])
async def test_the_technicians_pages_are_for_technicians(house: House, path: str):
    for client in (house.rui, house.dora):
        answer = await client.get(path)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_before_setting_off_no_customer_can_see_the_technician(house: House):
    visit = await house.read(await house.book())

    answer = await house.technician_of(visit).get("/api/technician/watchers")

    assert answer.json() == {"visit": None, "watchers": []}


async def test_who_asks_again_and_again_is_among_those_who_see_the_technician(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    technician = house.technician_of(visit)
    for client in (house.rui, technician):
        assert (await client.get(f"/api/appointments/{visit['id']}/live")).status_code == 200
    await house.dora.get("/api/dispatch/board")

    while_they_ask = (await technician.get("/api/technician/watchers")).json()["watchers"]
    house.pass_s(60)
    later = (await technician.get("/api/technician/watchers")).json()["watchers"]

    assert while_they_ask == [{"name": "Dora", "by": "board"}, {"name": "Rui", "by": "page"}]
    assert later == []


async def test_the_technician_is_told_who_watches_them(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    person = (await house.rui.get("/api/dispatch/customers")).status_code
    customers = (await house.dora.get("/api/dispatch/customers")).json()["accounts"]
    rui = next(contact["id"] for account in customers for contact in account["contacts"] if contact["name"] == "Rui")
    principal = Principal(role="link", person_id=None, contact_id=rui, session_id="s", expires_at_ms=2**60)
    watcher = Watcher(write=lambda data: None, principal=principal, until_ms=2**60)
    house.state.hub.subscribe(house.state.node.topic(visit["id"]), watcher)

    answer = await house.technician_of(visit).get("/api/technician/watchers")

    assert person == 403
    assert answer.json() == {"visit": visit["id"], "watchers": [{"name": "Rui", "by": "link"}]}
