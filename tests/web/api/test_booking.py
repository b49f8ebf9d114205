"""Slots, holds, booking: product.md §3 through HTTP."""

import asyncio

import pytest

from tests.web.api.house import TUESDAY, WEDNESDAY, House, open_house


async def test_only_enabled_services_are_offered(house: House):
    answer = await house.rui.get("/api/services")

    assert {service["id"]: service["duration_min"] for service in answer.json()["services"]} == {
        "check": 60,
        "welding": 60,
    }


async def test_assets_come_with_their_site_and_the_account_with_its_address(house: House):
    answer = (await house.rui.get("/api/assets")).json()

    assert [(asset["id"], asset["site"]["id"]) for asset in answer["assets"]] == [("oven", "acme-shop")]
    assert answer["site"]["id"] == "acme-home"


async def test_a_customer_sees_only_the_assets_of_their_account(house: House):
    answer = (await house.olga.get("/api/assets")).json()

    assert answer["assets"] == []


async def test_slots_are_windows_in_the_zone_of_the_site(house: House):
    answer = await house.rui.get("/api/slots", params={"service": "check", "from": TUESDAY, "to": WEDNESDAY})

    body = answer.json()
    assert body["time_zone"] == "Europe/Lisbon"
    assert [day["date"] for day in body["days"]] == [TUESDAY, WEDNESDAY]
    first = body["days"][0]["slots"][0]
    assert first["window_start"].startswith("2026-11-24T08:")
    assert first["window_end"].endswith("+00:00")


async def test_a_service_nobody_can_do_has_days_without_slots(house: House):
    assert await house.slots(house.rui, service="welding") == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"service": "nothing"}, 404, "not_found"),
        ({"service": "old"}, 409, "not_bookable"),
        ({"service": "check", "asset": "nothing"}, 404, "not_found"),
        ({"service": "check", "from": "2026-11-31"}, 422, "invalid"),
        ({"service": "check", "from": WEDNESDAY, "to": TUESDAY}, 422, "invalid_range"),
        ({"service": "check", "from": TUESDAY, "to": "2027-11-24"}, 422, "invalid_range"),
        ({"service": "check", "moving": "nothing"}, 404, "not_found"),
    ],
)
async def test_a_question_for_slots_that_makes_no_sense_is_refused(
    house: House, query: dict[str, str], status: int, code: str
):
    answer = await house.rui.get("/api/slots", params=query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_asking_from_the_last_day_of_the_calendar_is_no_error(house: House):
    answer = await house.rui.get("/api/slots", params={"service": "check", "from": "9999-12-31"})

    assert answer.status_code == 200
    assert [(day["slots"], day["empty"]["code"]) for day in answer.json()["days"]] == [([], "too_far_ahead")]


async def test_slots_for_the_asset_of_another_account_are_not_found(house: House):
    answer = await house.olga.get("/api/slots", params={"service": "check", "asset": "oven"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_without_a_sign_in_nothing_is_offered(house: House):
    for path in ("/api/services", "/api/assets", "/api/slots?service=check", "/api/appointments"):
        answer = await house.nobody.get(path)

        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_required")


async def test_booking_in_one_step_gives_the_visit_and_its_version(house: House):
    slot = await house.slot_at(house.rui, "10:00")

    answer = await house.rui.post("/api/appointments", json={"slot": slot, "service": "check", "details": "Ring twice"})

    visit = answer.json()
    assert answer.status_code == 201
    assert answer.headers["etag"] == f'"{visit["version"]}"'
    assert visit["status"] == "scheduled"
    assert visit["section"] == "upcoming"
    assert visit["service"] == {"id": "check", "name": "Boiler check", "duration_min": 60, "description": ""}
    assert visit["site"]["address"] == "Rua das Flores 1, Porto"
    assert visit["time_zone"] == "Europe/Lisbon"
    assert visit["window_start"] == "2026-11-24T10:00:00+00:00"
    assert visit["window_end"] == "2026-11-24T12:00:00+00:00"
    assert visit["details"] == "Ring twice"
    assert visit["allowed"] == {"move": True, "cancel": True, "live_map": False, "feedback": False}
    assert visit["cancel_reason"] is None


async def test_a_customer_is_not_told_the_technicians_id_nor_their_phone_before_they_set_off(house: House):
    visit = await house.book()

    assert visit["technician"]["id"] is None
    assert visit["technician"]["phone"] is None


async def test_a_visit_for_an_asset_goes_to_the_site_of_the_asset(house: House):
    visit = await house.book(asset="oven")

    assert visit["asset"] == {"id": "oven", "name": "Oven"}
    assert visit["site"]["id"] == "acme-shop"


async def test_a_hold_keeps_the_place_until_it_is_booked(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    held = await house.rui.post("/api/holds", json={"slot": slot, "service": "check", "asset": None})

    answer = await house.rui.post("/api/appointments", json={"hold": held.json()["hold"]})

    assert held.status_code == 201
    assert held.json()["expires_at"] == "2026-11-23T07:05:00+00:00"
    assert answer.status_code == 201
    assert answer.json()["window_start"] == "2026-11-24T10:00:00+00:00"


async def test_a_place_that_others_hold_cannot_be_booked(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    other = await house.slot_at(house.olga, "10:00")
    held = [
        await house.rui.post("/api/holds", json={"slot": slot}),
        await house.eva.post("/api/holds", json={"slot": await house.slot_at(house.eva, "10:00")}),
    ]

    answer = await house.olga.post("/api/appointments", json={"slot": other, "service": "check"})

    assert [each.status_code for each in held] == [201, 201]
    assert (answer.status_code, answer.json()["code"]) == (409, "slot_taken")


async def test_an_expired_hold_is_refused_with_fresh_slots(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    held = await house.rui.post("/api/holds", json={"slot": slot})
    house.pass_s(301)

    answer = await house.rui.post("/api/appointments", json={"hold": held.json()["hold"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "hold_expired")
    assert set(answer.json()["slots"][0]) == {"slot", "window_start", "window_end"}


async def test_the_hold_of_somebody_else_cannot_be_booked(house: House):
    held = await house.rui.post("/api/holds", json={"slot": await house.slot_at(house.rui, "10:00")})

    answer = await house.olga.post("/api/appointments", json={"hold": held.json()["hold"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "hold_expired")
    assert (await house.rui.post("/api/appointments", json=held.json())).status_code == 201


async def test_a_released_hold_is_free_for_others(house: House):
    slots = await house.slots(house.olga)
    held = [
        await house.rui.post("/api/holds", json={"slot": await house.slot_at(house.rui, "10:00")}) for _ in range(2)
    ]
    for each in held:
        assert (await house.rui.delete(f"/api/holds/{each.json()['hold']}")).status_code == 204

    assert await house.slots(house.olga) == slots


async def test_releasing_the_hold_of_somebody_else_changes_nothing(house: House):
    held = await house.rui.post("/api/holds", json={"slot": await house.slot_at(house.rui, "10:00")})

    answer = await house.olga.delete(f"/api/holds/{held.json()['hold']}")

    assert answer.status_code == 204
    assert (await house.rui.post("/api/appointments", json=held.json())).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"slot": "x", "hold": "y"}, 422, "invalid"),
        ({"slot": 7}, 422, "invalid"),
        ({"slot": "not-a-slot", "service": "check"}, 422, "invalid_slot"),
        ({"hold": "not-a-hold"}, 409, "hold_expired"),
        ([], 422, "invalid"),
    ],
)
async def test_a_wrong_booking_is_refused_and_nothing_is_booked(house: House, body: object, status: int, code: str):
    answer = await house.rui.post("/api/appointments", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await house.rui.get("/api/appointments")).json()["appointments"] == []


async def test_a_body_that_is_not_json_is_malformed(house: House):
    answer = await house.rui.post("/api/appointments", content=b"{", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_details_that_are_too_long_are_refused(house: House):
    slot = await house.slot_at(house.rui, "10:00")

    answer = await house.rui.post("/api/appointments", json={"slot": slot, "details": "x" * 100_000})

    assert (answer.status_code, answer.json()["code"]) == (422, "details_too_long")


async def test_a_slot_of_another_account_cannot_be_booked(house: House):
    slot = await house.slot_at(house.rui, "10:00")

    answer = await house.olga.post("/api/appointments", json={"slot": slot, "service": "check"})

    assert answer.status_code in (404, 422)
    assert (await house.olga.get("/api/appointments")).json()["appointments"] == []


async def test_a_slot_whose_time_has_come_near_is_too_soon(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    house.turn_to("2026-11-24T09:30")

    answer = await house.rui.post("/api/appointments", json={"slot": slot, "service": "check"})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_bookable")
    assert answer.json()["reason"] == "too_soon"


async def test_of_many_bookers_of_the_last_places_as_many_win_as_there_are_technicians(house: House):
    slots = {name: await house.slot_at(house.clients[name], "10:00", to=TUESDAY) for name in ("rui", "eva", "olga")}
    clients = [house.clients[name] for name in ("rui", "eva", "olga") for _ in range(6)]
    names = [name for name in ("rui", "eva", "olga") for _ in range(6)]

    answers = await asyncio.gather(
        *(
            client.post("/api/appointments", json={"slot": slots[name], "service": "check"})
            for client, name in zip(clients, names, strict=True)
        )
    )

    won = [answer for answer in answers if answer.status_code == 201]
    lost = [answer for answer in answers if answer.status_code != 201]
    assert 1 <= len(won) <= 2
    assert {(answer.status_code, answer.json()["code"]) for answer in lost} == {(409, "slot_taken")}
    assert all(answer.json()["slots"] for answer in lost)


async def test_the_fresh_slots_of_a_loser_can_be_booked(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    taken = [await house.rui.post("/api/appointments", json={"slot": slot}) for _ in range(3)]
    fresh = next(answer for answer in taken if answer.status_code == 409).json()["slots"]

    answer = await house.rui.post("/api/appointments", json={"slot": fresh[0]["slot"]})

    assert answer.status_code == 201


async def test_with_self_scheduling_off_nothing_can_be_booked_and_the_number_to_call_is_told(house: House):
    slot = await house.slot_at(house.rui, "10:00")
    await house.switch(self_scheduling=False)

    answers = [
        await house.rui.get("/api/slots", params={"service": "check"}),
        await house.rui.post("/api/holds", json={"slot": slot}),
        await house.rui.post("/api/appointments", json={"slot": slot}),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (403, "self_scheduling_off")
        assert answer.json()["contact_phone"] == "+351 200 000 000"


async def test_technicians_do_not_book(house: House):
    for method, path in [("GET", "/api/slots?service=check"), ("POST", "/api/appointments")]:
        answer = await house.ana.request(method, path, json={} if method == "POST" else None)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_installation_may_hide_who_comes(template, tmp_path):
    async with open_house(template, tmp_path / "house", share_name=False, share_photo=False) as house:
        visit = await house.book()

        assert visit["technician"] == {"name": None, "photo": None, "phone": None, "id": None}


async def test_a_customer_is_told_kindly_why_a_day_is_empty(house: House):
    answer = await house.rui.get("/api/slots", params={"service": "welding", "from": TUESDAY, "to": TUESDAY})

    assert answer.json()["days"] == [
        {
            "date": TUESDAY,
            "slots": [],
            "empty": {
                "code": "not_offered",
                "text": "None of us can be booked for this online at the moment. Please call us.",
            },
        }
    ]


async def test_a_day_with_slots_has_no_reason(house: House):
    answer = await house.rui.get("/api/slots", params={"service": "check", "from": TUESDAY, "to": TUESDAY})

    assert answer.json()["days"][0]["empty"] is None


async def test_a_dispatcher_is_told_in_full_why_a_day_is_empty(house: House):
    query = {"service": "welding", "contact": "rui@acme.example", "from": "2026-11-22", "to": TUESDAY}

    answer = await house.dora.get("/api/dispatch/slots/explanation", params=query)

    days = answer.json()["days"]
    assert [(day["date"], day["reason"]) for day in days] == [
        ("2026-11-22", "past"),
        ("2026-11-23", "not_offered"),
        (TUESDAY, "not_offered"),
    ]
    assert days[1]["text"] == "No active technician with the skill welding. 2 others work here."


async def test_a_full_day_names_the_technicians_to_the_dispatcher_alone(house: House):
    query = {"service": "check", "from": TUESDAY, "to": TUESDAY}
    for client in (house.rui, house.olga):
        while slots := await house.slots(client):
            await client.post("/api/appointments", json={"slot": slots[0]["slot"], "service": "check"})

    told = await house.rui.get("/api/slots", params=query)
    answer = await house.dora.get("/api/dispatch/slots/explanation", params=query | {"contact": "rui@acme.example"})

    assert told.json()["days"][0]["empty"]["code"] == "full"
    assert "Ana" not in told.text
    assert {each["id"] for each in answer.json()["days"][0]["technicians"]} == {"ana", "bo"}


async def test_an_explanation_is_for_dispatchers_and_refuses_what_slots_refuse(house: House):
    path = "/api/dispatch/slots/explanation"

    as_customer = await house.rui.get(path, params={"service": "check"})
    nobodys = await house.dora.get(path, params={"service": "check"})
    backwards = await house.dora.get(
        path, params={"service": "check", "contact": "rui@acme.example", "from": WEDNESDAY, "to": TUESDAY}
    )

    assert (as_customer.status_code, as_customer.json()["code"]) == (403, "forbidden")
    assert (nobodys.status_code, nobodys.json()["code"]) == (422, "invalid")
    assert (backwards.status_code, backwards.json()["code"]) == (422, "invalid_range")
