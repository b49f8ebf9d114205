"""The table of states, pair by pair, through HTTP: product.md §5."""

import pytest

from tests.web.api.house import House

STATES = ("scheduled", "traveling", "in_progress", "completed", "canceled")
ACTIONS = ("travel", "undo", "start", "complete", "cancel")
LEGAL = {
    ("scheduled", "travel"): "traveling",
    ("scheduled", "cancel"): "canceled",
    ("traveling", "undo"): "scheduled",
    ("traveling", "start"): "in_progress",
    ("traveling", "cancel"): "canceled",
    ("in_progress", "complete"): "completed",
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", STATES)
async def test_only_the_changes_of_the_table_are_possible(house: House, state: str, action: str):
    visit = await house.bring_to(await house.book(), state)
    house.pass_s(60)
    body = {"reason": "nobody home"} if action == "cancel" else {}

    answer = await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/{action}", json=body)

    after = await house.read(visit)
    if (state, action) in LEGAL:
        assert answer.status_code == 200, answer.text
        assert after["status"] == LEGAL[state, action]
        assert after["version"] > visit["version"]
        assert answer.headers["etag"] == f'"{after["version"]}"'
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert answer.json()["visit_status"] == state
        assert after == visit


@pytest.mark.parametrize("state", STATES)
async def test_what_is_allowed_to_the_technician_is_what_the_server_accepts(house: House, state: str):
    visit = await house.bring_to(await house.book(), state)
    house.turn_to("2026-11-24T09:00")

    day = (await house.technician_of(visit).get("/api/technician/appointments")).json()

    (shown,) = day["appointments"]
    assert {action for action, may in shown["allowed"].items() if may} == {
        action for start, action in LEGAL if start == state
    }


@pytest.mark.parametrize("state", ["traveling", "in_progress", "completed", "canceled"])
async def test_only_a_scheduled_visit_can_be_moved(house: House, state: str):
    booked = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=booked["id"])
    visit = await house.bring_to(booked, state)

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert await house.read(visit) == visit
    assert (await house.read(visit, house.rui))["allowed"]["move"] is False


@pytest.mark.parametrize("state", ["in_progress", "completed", "canceled"])
async def test_a_customer_cannot_cancel_what_has_begun_or_is_over(house: House, state: str):
    visit = await house.bring_to(await house.book(), state)
    house.pass_s(60)

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert await house.read(visit) == visit
    assert (await house.read(visit, house.rui))["allowed"]["cancel"] is False


@pytest.mark.parametrize("state", ["scheduled", "traveling", "in_progress", "canceled"])
async def test_only_a_completed_visit_takes_feedback(house: House, state: str):
    visit = await house.bring_to(await house.book(), state)

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/feedback", json={"rating": 5})

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert await house.read(visit) == visit
    assert (await house.read(visit, house.rui))["allowed"]["feedback"] is False


@pytest.mark.parametrize("action", ["travel", "undo", "start", "complete"])
async def test_customers_do_not_change_states(house: House, action: str):
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/{action}")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("action", ["travel", "undo", "start", "complete"])
async def test_the_visit_of_another_technician_is_not_there(house: House, action: str):
    visit = await house.read(await house.book())
    stranger = house.bo if visit["technician"]["id"] == "ana" else house.ana

    foreign = await stranger.post(f"/api/appointments/{visit['id']}/{action}")
    unknown = await stranger.post(f"/api/appointments/unknown/{action}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()


async def test_a_technician_travels_to_one_visit_at_a_time(house: House):
    first = await house.read(await house.book(clock="10:00"))
    second = await house.read(await house.book(clock="14:00"))
    if first["technician"]["id"] != second["technician"]["id"]:
        moved = await house.dora.post(
            f"/api/dispatch/appointments/{second['id']}/reassign",
            json={"technician": first["technician"]["id"]},
        )
        assert moved.status_code == 200, moved.text
    await house.bring_to(first, "traveling")

    answer = await house.technician_of(first).post(f"/api/appointments/{second['id']}/travel")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_traveling")
    assert answer.json()["other"] == first["id"]
    assert (await house.read(second))["status"] == "scheduled"


async def test_a_late_offline_change_never_regresses_a_newer_state(house: House):
    visit = await house.bring_to(await house.book(), "in_progress")
    technician = house.technician_of(visit)

    late = await technician.post(f"/api/appointments/{visit['id']}/undo", json={"at": (house.now_s - 30 * 60) * 1000})

    assert late.status_code == 200
    assert late.json()["status"] == "in_progress"
    assert await house.read(visit) == visit


async def test_the_device_time_may_be_iso_or_milliseconds(house: House):
    visit = await house.read(await house.book())
    technician = house.technician_of(visit)
    house.pass_s(600)

    travel = await technician.post(f"/api/appointments/{visit['id']}/travel", json={"at": "2026-11-23T08:05:00+01:00"})
    start = await technician.post(f"/api/appointments/{visit['id']}/start", json={"at": house.clock_ms[0]})

    assert (travel.json()["status"], start.json()["status"]) == ("traveling", "in_progress")


@pytest.mark.parametrize("at", ["yesterday", "2026-11-23T08:05:00", -1, True, {}])
async def test_a_device_time_that_is_none_is_refused(house: House, at: object):
    visit = await house.read(await house.book())

    answer = await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/travel", json={"at": at})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await house.read(visit))["status"] == "scheduled"


async def test_a_repeated_change_is_answered_again_without_effect(house: House):
    visit = await house.read(await house.book())
    body = {"at": house.clock_ms[0]}
    path = f"/api/appointments/{visit['id']}/travel"
    first = await house.technician_of(visit).post(path, json=body)

    again = await house.technician_of(visit).post(path, json=body)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["version"] == first.json()["version"]


async def test_a_technician_cancels_because_nobody_is_home(house: House):
    visit = await house.bring_to(await house.book(), "traveling")

    answer = await house.technician_of(visit).post(
        f"/api/appointments/{visit['id']}/cancel", json={"reason": "nobody home"}
    )

    seen = await house.read(visit, house.rui)
    assert answer.status_code == 200
    assert (seen["status"], seen["cancel_reason"], seen["canceled_by"]) == (
        "canceled",
        "nobody home",
        "technician",
    )


async def test_a_dispatcher_may_change_a_state_for_a_technician_without_a_phone(house: House):
    visit = await house.book()

    answer = await house.dora.post(f"/api/appointments/{visit['id']}/travel")

    assert (answer.status_code, answer.json()["status"]) == (200, "traveling")
