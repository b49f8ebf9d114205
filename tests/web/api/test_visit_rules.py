"""What happens to a visit, rule by rule: what of product.md §4 and §5 has no other place, through HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.api.house import WEDNESDAY, House


async def messages(house: House, visit: dict[str, Any]) -> dict[str, str]:
    answer = await house.dora.get("/api/dispatch/messages", params={"appointment": visit["id"]})
    return {line["kind"]: line["state"] for line in answer.json()["messages"]}


async def history(house: House, visit: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await house.dora.get(f"/api/dispatch/appointments/{visit['id']}/history")
    assert answer.status_code == 200, answer.text
    changes: list[dict[str, Any]] = answer.json()["changes"]
    return changes


async def test_with_a_canceled_visit_its_pending_messages_die(house: House):
    visit = await house.book(**{"from": WEDNESDAY, "to": WEDNESDAY})
    before = await messages(house, visit)

    await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert before["reminder"] == "pending"
    assert (await messages(house, visit))["reminder"] == "dead"


async def test_an_undone_departure_brings_the_reminder_back(house: House):
    visit = await house.bring_to(await house.book(**{"from": WEDNESDAY, "to": WEDNESDAY}), "traveling")
    during = await messages(house, visit)

    await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/undo")

    assert during["reminder"] == "dead"
    assert "pending" in [
        line["state"]
        for line in (await house.dora.get("/api/dispatch/messages", params={"appointment": visit["id"]})).json()[
            "messages"
        ]
        if line["kind"] == "reminder"
    ]


async def test_each_change_keeps_device_time_server_time_who_and_through_which_door(house: House):
    visit = await house.read(await house.book())
    house.turn_to("2026-11-24T10:30")
    await house.technician_of(visit).post(
        f"/api/appointments/{visit['id']}/travel", json={"at": "2026-11-24T09:40:00Z"}
    )

    booked, travel = await history(house, visit)

    assert (booked["action"], booked["role"], booked["to_status"]) == ("book", "customer", "scheduled")
    assert (travel["action"], travel["role"], travel["version"]) == ("travel", "technician", 2)
    assert (travel["device_at"][:19], travel["server_at"][:19]) == ("2026-11-24T09:40:00", "2026-11-24T10:30:00")
    assert travel["source"]
    assert booked["by"] != travel["by"]


async def test_a_history_is_for_dispatchers_only(house: House):
    visit = await house.read(await house.book())

    for client in (house.rui, house.technician_of(visit)):
        answer = await client.get(f"/api/dispatch/appointments/{visit['id']}/history")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await house.dora.get("/api/dispatch/appointments/unknown/history")).status_code == 404


async def test_a_morning_without_a_network_arrives_at_once_and_is_put_in_order(house: House):
    visit = await house.read(await house.book())
    house.turn_to("2026-11-24T15:00")
    technician = house.technician_of(visit)

    for action, clock in (("travel", "09:40"), ("start", "10:05"), ("complete", "11:00")):
        body = {"at": f"2026-11-24T{clock}:00Z"}
        answer = await technician.post(f"/api/appointments/{visit['id']}/{action}", json=body)
        assert answer.status_code == 200, answer.text

    assert (await house.read(visit))["status"] == "completed"
    assert [change["device_at"][11:16] for change in await history(house, visit)][1:] == ["09:40", "10:05", "11:00"]


async def test_a_departure_told_after_the_customer_canceled_is_kept_and_brings_nothing_back(house: House):
    visit = await house.read(await house.book())
    technician = house.technician_of(visit)
    house.turn_to("2026-11-24T08:50")
    await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})
    house.turn_to("2026-11-24T09:30")

    late = await technician.post(f"/api/appointments/{visit['id']}/travel", json={"at": "2026-11-24T08:40:00Z"})

    assert (late.status_code, late.json()["status"]) == (200, "canceled")
    assert [(line["action"], line["applied"]) for line in await history(house, visit)][-2:] == [
        ("travel", False),
        ("cancel", True),
    ]


@pytest.mark.parametrize(
    ("state", "action"),
    [("scheduled", "travel"), ("traveling", "undo"), ("traveling", "start"), ("in_progress", "complete")],
)
async def test_a_step_made_on_a_stale_version_is_refused(house: House, state: str, action: str):
    visit = await house.bring_to(await house.book(), state)

    answer = await house.technician_of(visit).post(
        f"/api/appointments/{visit['id']}/{action}", headers={"If-Match": '"0"'}
    )

    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert await house.read(visit) == visit


async def test_feedback_given_on_a_stale_version_is_refused(house: House):
    visit = await house.bring_to(await house.book(), "completed")

    answer = await house.rui.post(
        f"/api/appointments/{visit['id']}/feedback", json={"rating": 5}, headers={"If-Match": '"0"'}
    )

    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert await house.read(visit) == visit


@pytest.mark.parametrize("duty", ["on_break", "off_duty"])
async def test_a_break_and_the_end_of_duty_belong_to_the_technician_not_to_the_visit(house: House, duty: str):
    visit = await house.bring_to(await house.book(), "traveling")

    answer = await house.technician_of(visit).post("/api/duty", json={"duty": duty})

    assert answer.status_code == 200, answer.text
    assert await house.read(visit) == visit


async def test_a_visit_that_could_not_be_done_is_offered_again_and_its_place_is_free(house: House):
    visit = await house.bring_to(await house.book(asset="oven"), "traveling")
    await house.technician_of(visit).post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "nobody home"})
    await house.state.outbox.send_due()

    seen = await house.read(visit, house.rui)
    again = await house.book(service=seen["service"]["id"], asset=seen["asset"]["id"])
    log = (await house.ada.get("/api/dispatch/messages")).json()
    letter = next(text for text in log["unsent"] if text["kind"] == "canceled")

    assert seen["offer_again"] is True
    assert (again["window_start"], again["asset"]) == (visit["window_start"], visit["asset"])
    assert letter["subject"] == "Your visit could not be done"
    assert "/book?service=check&asset=oven" in letter["text"]
    assert "nobody home" in letter["text"]


@pytest.mark.parametrize("who", ["rui", "dora"])
async def test_a_visit_that_customer_or_dispatcher_canceled_is_not_offered_again(house: House, who: str):
    visit = await house.book()

    await house.clients[who].post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "not needed"})

    assert (await house.read(visit, house.rui))["offer_again"] is False


async def test_with_self_scheduling_off_nothing_is_offered_again(house: House):
    visit = await house.bring_to(await house.book(), "canceled")
    await house.switch(self_scheduling=False)

    assert (await house.read(visit, house.rui))["offer_again"] is False
    assert (await house.read(visit, house.dora))["offer_again"] is True


async def test_a_cancellation_in_time_is_not_flagged_late(house: House):
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert (answer.json()["late_cancel"], visit["cancel_warning"]) == (False, None)


async def test_no_place_is_kept_for_moving_past_the_cut_off_and_the_number_to_call_is_told(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    house.turn_to("2026-11-24T08:30")

    answer = await house.rui.post("/api/holds", json={"slot": slot, "moving": visit["id"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "past_cutoff")
    assert answer.json()["contact_phone"] == "+351 200 000 000"


async def test_a_reassigned_visit_keeps_the_customers_link_which_shows_the_new_name(house: House):
    visit = await house.bring_to(await house.book(), "traveling")
    link = (await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/links")).json()
    await house.nobody.post("/api/links/redeem", json={"token": link["token"]})
    before = await house.nobody.get(f"/api/appointments/{visit['id']}/live")
    other = "bo" if visit["technician"]["id"] == "ana" else "ana"

    await house.dora.post(f"/api/dispatch/appointments/{visit['id']}/reassign", json={"technician": other})

    after = await house.nobody.get(f"/api/appointments/{visit['id']}/live")
    names = {"ana": "Ana Alves", "bo": "Bo Borges"}
    assert (before.status_code, after.status_code) == (200, 200)
    assert before.json()["technician"]["name"] == names[visit["technician"]["id"]]
    assert after.json()["technician"]["name"] == names[other]
