"""What one process takes away counts in the others: two applications on one database."""

import asyncio

import pytest_asyncio

from tests.web.api.house import House, open_house
from web.auth import authenticate_device, authenticate_token

WITHIN_S = 1.0
"""What is promised; the tests leave a busy machine some more."""


@pytest_asyncio.fixture
async def two(template, tmp_path):
    async with open_house(template, tmp_path / "house") as one, open_house(None, tmp_path / "house") as other:
        yield one, other


async def until_nobody(ask, token: str, other: House) -> None:
    for _ in range(int(WITHIN_S * 5 / 0.05)):
        if await ask(other.state, token) is None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("still believed")


async def test_a_phones_token_that_one_process_revoked_is_soon_refused_by_the_others(two):
    one, other = two
    token = (await one.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})).json()["token"]
    assert await authenticate_device(other.state, token) == "ana"

    await one.dora.delete("/api/dispatch/device-tokens", params={"technician": "ana"})

    await until_nobody(authenticate_device, token, other)
    answer = await other.nobody.post(
        "/in/fix", json={"fixed_at": 1, "lat": 41.0, "lon": -8.0}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code in (401, 403)


async def test_who_signed_out_at_one_process_is_soon_a_stranger_to_the_others(two):
    one, other = two
    token = one.rui.headers["authorization"].removeprefix("Bearer ")
    before = await other.nobody.get("/api/profile", headers={"Authorization": f"Bearer {token}"})

    await one.rui.delete("/api/session")

    await until_nobody(authenticate_token, token, other)
    after = await other.nobody.get("/api/profile", headers={"Authorization": f"Bearer {token}"})
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_link_that_was_blocked_at_one_process_soon_shows_nothing_at_the_others(two):
    one, other = two
    visit = await one.bring_to(await one.book(), "traveling")
    made = (await one.dora.post(f"/api/dispatch/appointments/{visit['id']}/links", json={})).json()
    token = made["url"].partition("#")[2]
    assert await authenticate_token(other.state, token) is not None

    blocked = await one.dora.delete(f"/api/dispatch/links/{made['id']}")

    await until_nobody(authenticate_token, token, other)
    assert blocked.status_code < 300
