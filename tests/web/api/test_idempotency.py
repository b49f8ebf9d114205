"""A repeated Book is one appointment: `Idempotency-Key` through HTTP."""

import asyncio

import pytest

from tests.web.api.house import House


async def test_a_repeated_booking_with_the_same_key_is_the_same_appointment(house: House):
    body = {"slot": await house.slot_at(house.rui, "10:00"), "service": "check"}
    headers = {"Idempotency-Key": "7d5c"}

    first = await house.rui.post("/api/appointments", json=body, headers=headers)
    again = await house.rui.post("/api/appointments", json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert len((await house.rui.get("/api/appointments")).json()["appointments"]) == 1


async def test_a_repeated_booking_of_a_hold_is_the_same_appointment(house: House):
    held = await house.rui.post("/api/holds", json={"slot": await house.slot_at(house.rui, "10:00")})
    body, headers = {"hold": held.json()["hold"]}, {"Idempotency-Key": "7d5c"}

    first = await house.rui.post("/api/appointments", json=body, headers=headers)
    again = await house.rui.post("/api/appointments", json=body, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


async def test_concurrent_bookings_with_one_key_make_one_appointment(house: House):
    body = {"slot": await house.slot_at(house.rui, "10:00"), "service": "check"}
    headers = {"Idempotency-Key": "7d5c"}

    answers = await asyncio.gather(*(house.rui.post("/api/appointments", json=body, headers=headers) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_the_same_key_with_another_body_is_refused(house: House):
    headers = {"Idempotency-Key": "7d5c"}
    first = {"slot": await house.slot_at(house.rui, "10:00"), "service": "check"}
    other = {"slot": await house.slot_at(house.rui, "14:00"), "service": "check"}
    await house.rui.post("/api/appointments", json=first, headers=headers)

    answer = await house.rui.post("/api/appointments", json=other, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_the_same_key_of_somebody_else_is_another_key(house: House):
    headers = {"Idempotency-Key": "7d5c"}
    first = await house.rui.post(
        "/api/appointments", json={"slot": await house.slot_at(house.rui, "10:00")}, headers=headers
    )

    second = await house.olga.post(
        "/api/appointments", json={"slot": await house.slot_at(house.olga, "14:00")}, headers=headers
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
async def test_an_unusable_idempotency_key_is_refused(house: House, key: str):
    slot = await house.slot_at(house.rui, "10:00")

    answer = await house.rui.post("/api/appointments", json={"slot": slot}, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
