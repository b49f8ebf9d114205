"""Tokens of phones: devices never use a person's password."""

import asyncio

from tests.web.api.house import House
from web.auth import authenticate_device


async def test_a_dispatcher_makes_a_token_for_a_technicians_phone(house: House):
    answer = await house.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})

    assert answer.status_code == 201
    assert answer.json()["expires_at"] is None
    assert await authenticate_device(house.state, answer.json()["token"]) == "ana"


async def test_a_technician_gets_a_token_for_their_own_page_that_runs_out(house: House):
    made = (await house.ana.post("/api/technician/device-token")).json()
    before = await authenticate_device(house.state, made["token"])

    house.pass_s(7 * 86_400)

    assert (before, await authenticate_device(house.state, made["token"])) == ("ana", None)


async def test_a_revoked_token_is_refused_at_once(house: House):
    token = (await house.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})).json()["token"]
    await authenticate_device(house.state, token)

    answer = await house.dora.delete("/api/dispatch/device-tokens", params={"technician": "ana"})

    assert answer.status_code == 204
    assert await authenticate_device(house.state, token) is None


async def test_a_token_for_nobody_is_not_made(house: House):
    answer = await house.dora.post("/api/dispatch/device-tokens", json={"technician": "zoe"})

    assert answer.status_code == 404


async def test_customers_make_no_device_tokens(house: House):
    for client in (house.rui, house.ana):
        answer = await client.post("/api/dispatch/device-tokens", json={"technician": "ana"})
        assert answer.status_code == 403


async def test_tokens_of_nobody_are_not_remembered(house: House):
    for number in range(100):
        await authenticate_device(house.state, f"{number:043d}")

    assert len(house.state.lookups.devices) == 0


async def test_phones_that_report_at_the_same_time_cost_a_query_or_two(house: House):
    made = [
        (await house.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})).json()["token"]
        for _ in range(20)
    ]
    before = house.state.lookups.devices.queries

    for _ in range(3):
        technicians = await asyncio.gather(*(authenticate_device(house.state, token) for token in made))

    assert technicians == ["ana"] * 20
    assert house.state.lookups.devices.queries - before <= 3
