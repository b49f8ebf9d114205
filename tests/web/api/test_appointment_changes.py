"""Move, cancel, feedback: product.md §4 and §11 through HTTP. A failed request changes nothing."""

import asyncio

import pytest

from tests.web.api.house import TUESDAY, WEDNESDAY, House, open_house


async def test_moving_takes_the_new_time_and_frees_the_old_one(house: House):
    free = await house.slots(house.olga)
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"], **{"from": WEDNESDAY, "to": WEDNESDAY})

    answer = await house.rui.post(
        f"/api/appointments/{visit['id']}/move",
        json={"slot": slot},
        headers={"If-Match": f'"{visit["version"]}"'},
    )

    assert answer.status_code == 200
    assert answer.json()["window_start"] == "2026-11-25T15:00:00+00:00"
    assert answer.json()["version"] > visit["version"]
    assert await house.slots(house.olga) == free


async def test_the_slots_for_moving_leave_the_visit_itself_out_of_the_conflicts(house: House):
    await house.book()
    visit = await house.book()

    moving = await house.slots(house.rui, moving=visit["id"])
    other = await house.slots(house.rui)

    assert "2026-11-24T10:00:00+00:00" in [slot["window_start"] for slot in moving]
    assert "2026-11-24T10:00:00+00:00" not in [slot["window_start"] for slot in other]


async def test_a_failed_move_never_loses_the_old_slot(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    taken = [
        await house.olga.post("/api/appointments", json={"slot": await house.slot_at(house.olga, "15:00")})
        for _ in range(2)
    ]

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})

    assert [each.status_code for each in taken] == [201, 201]
    assert (answer.status_code, answer.json()["code"]) == (409, "slot_taken")
    assert answer.json()["slots"]
    assert await house.read(visit, house.rui) == visit


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [({}, 422, "invalid"), ({"slot": "nonsense"}, 422, "invalid_slot"), ({"slot": None}, 422, "invalid")],
)
async def test_a_move_to_no_slot_is_refused(house: House, body: object, status: int, code: str):
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/move", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await house.read(visit, house.rui) == visit


async def test_past_the_cut_off_a_customer_is_asked_to_call(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    house.turn_to("2026-11-24T08:30")

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})

    assert (answer.status_code, answer.json()["code"]) == (409, "past_cutoff")
    assert answer.json()["contact_phone"] == "+351 200 000 000"
    seen = await house.read(visit, house.rui)
    assert seen["window_start"] == visit["window_start"]
    assert (seen["allowed"]["move"], seen["allowed"]["cancel"]) == (False, True)


async def test_the_cut_off_for_canceling_is_another_one(house: House):
    visit = await house.book()
    house.turn_to("2026-11-24T09:30")

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert (answer.status_code, answer.json()["code"]) == (409, "past_cutoff")
    assert answer.json()["contact_phone"] == "+351 200 000 000"
    assert (await house.read(visit, house.rui))["allowed"]["cancel"] is False


async def test_cut_offs_do_not_bind_the_dispatcher(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.dora, "15:00", moving=visit["id"])
    house.turn_to("2026-11-24T09:30")

    moved = await house.dora.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})
    canceled = await house.dora.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "storm"})

    assert (moved.status_code, canceled.status_code) == (200, 200)


async def test_with_self_scheduling_off_a_customer_cancels_but_does_not_move(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    await house.switch(self_scheduling=False)

    moved = await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})
    canceled = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert (moved.status_code, moved.json()["code"]) == (403, "self_scheduling_off")
    assert canceled.status_code == 200


async def test_canceling_keeps_reason_person_and_time_and_frees_the_place(house: House):
    free = await house.slots(house.olga)
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "  I am ill  "})

    canceled = answer.json()
    assert answer.status_code == 200
    assert canceled["status"] == "canceled"
    assert canceled["section"] == "past"
    assert canceled["cancel_reason"].strip() == "I am ill"
    assert canceled["canceled_by"] == "customer"
    assert canceled["canceled_at"] == "2026-11-23T07:00:00+00:00"
    assert canceled["late_cancel"] is False
    assert canceled["allowed"] == {"move": False, "cancel": False, "live_map": False, "feedback": False}
    assert await house.slots(house.olga) == free


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid"),
        ({"reason": ""}, "reason_required"),
        ({"reason": "   "}, "reason_required"),
        ({"reason": "x" * 501}, "reason_too_long"),
        ({"reason": 5}, "invalid"),
    ],
)
async def test_a_cancellation_needs_a_brief_reason(house: House, body: object, code: str):
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await house.read(visit, house.rui) == visit


async def test_a_reason_of_500_characters_is_brief_enough(house: House):
    visit = await house.book()

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "é" * 500})

    assert answer.status_code == 200


async def test_canceling_while_the_technician_is_on_the_way_is_warned_of_and_flagged(house: House):
    visit = await house.bring_to(await house.book(), "traveling")

    seen = await house.read(visit, house.rui)
    answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

    assert seen["cancel_warning"] == "technician_on_the_way"
    assert (answer.status_code, answer.json()["late_cancel"]) == (200, True)


async def test_an_installation_may_forbid_canceling_while_traveling(template, tmp_path):
    async with open_house(template, tmp_path / "house", cancel_while_traveling=False) as house:
        visit = await house.bring_to(await house.book(), "traveling")

        answer = await house.rui.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"})

        assert (answer.status_code, answer.json()["code"]) == (409, "cancel_while_traveling_forbidden")
        assert answer.json()["contact_phone"] == "+351 200 000 000"
        assert await house.read(visit) == visit
        assert (await house.read(visit, house.rui))["allowed"]["cancel"] is False


@pytest.mark.parametrize("action", ["move", "cancel"])
@pytest.mark.parametrize("tag", ['"0"', '"999"', "1", '"not ours"'])
async def test_a_change_made_on_a_stale_version_is_refused(house: House, action: str, tag: str):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    body = {"slot": slot} if action == "move" else {"reason": "ill"}

    answer = await house.rui.post(f"/api/appointments/{visit['id']}/{action}", json=body, headers={"If-Match": tag})

    assert (answer.status_code, answer.json()["code"]) == (412, "stale_version")
    assert answer.headers["etag"] == f'"{visit["version"]}"'
    assert await house.read(visit, house.rui) == visit


@pytest.mark.parametrize("tag", ["*", 'W/"{}"', '"0", "{}"'])
async def test_if_match_knows_every_form_of_the_standard(house: House, tag: str):
    visit = await house.book()

    answer = await house.rui.post(
        f"/api/appointments/{visit['id']}/cancel",
        json={"reason": "ill"},
        headers={"If-Match": tag.format(visit["version"])},
    )

    assert answer.status_code == 200


async def test_of_two_editors_one_is_refused_and_nothing_is_lost_silently(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"])
    headers = {"If-Match": f'"{visit["version"]}"'}

    answers = await asyncio.gather(
        house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot}, headers=headers),
        house.eva.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "ill"}, headers=headers),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


@pytest.mark.parametrize(
    ("action", "body"),
    [("move", {"slot": "x"}), ("cancel", {"reason": "ill"}), ("feedback", {"rating": 5})],
)
async def test_the_visit_of_another_account_is_as_unknown_as_one_that_never_was(
    house: House, action: str, body: object
):
    visit = await house.book()

    foreign = await house.olga.post(f"/api/appointments/{visit['id']}/{action}", json=body)
    unknown = await house.olga.post(f"/api/appointments/unknown/{action}", json=body)

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert await house.read(visit, house.rui) == visit


async def test_another_contact_of_the_account_may_change_the_visit(house: House):
    visit = await house.book()

    answer = await house.eva.post(f"/api/appointments/{visit['id']}/cancel", json={"reason": "moved out"})

    assert answer.status_code == 200


async def test_a_moved_visit_stays_on_its_new_day_for_its_technician(house: House):
    visit = await house.book()
    slot = await house.slot_at(house.rui, "15:00", moving=visit["id"], **{"from": WEDNESDAY, "to": WEDNESDAY})
    await house.rui.post(f"/api/appointments/{visit['id']}/move", json={"slot": slot})
    visit = await house.read(visit)
    house.turn_to(f"{TUESDAY}T09:00")

    tuesday = (await house.technician_of(visit).get("/api/technician/appointments")).json()
    house.turn_to(f"{WEDNESDAY}T09:00")
    wednesday = (await house.technician_of(visit).get("/api/technician/appointments")).json()

    assert tuesday["appointments"] == []
    assert [each["id"] for each in wednesday["appointments"]] == [visit["id"]]
