"""Tokens of phones: devices never use a person's password."""

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


async def test_the_cache_of_device_tokens_is_bounded(house: House):
    for number in range(100):
        await authenticate_device(house.state, f"{number:043d}")

    assert house.state.device_cache == {}
