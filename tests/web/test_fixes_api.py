"""Reports of phones: who may send them, and what they may cost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.web.api.house import MONDAY_S, House
from tracker.node import TAKEN_AT_ONCE


async def device_headers(house: House) -> dict[str, str]:
    made = await house.dora.post("/api/dispatch/device-tokens", json={"technician": "ana"})
    return {"Authorization": f"Bearer {made.json()['token']}"}


@pytest.mark.parametrize("path", ["/in/fix", "/in/owntracks", "/pub", "/in/overland"])
async def test_nothing_of_a_strangers_batch_is_read(house: House, path: str):
    taken = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(path)
        yield b"[" + b"0," * 1000 + b"0]"

    answer = await house.nobody.post(path, content=body())

    assert (answer.status_code, taken) == (401, [])


async def test_a_day_of_buffered_fixes_is_taken_in_one_report(house: House):
    count = TAKEN_AT_ONCE * 2 + 1
    fixes = [{"fixed_at": (MONDAY_S - count + n) * 1000, "lat": 41.15 + n * 1e-6, "lon": -8.6} for n in range(count)]

    answer = await house.nobody.post("/in/fix", content=msgspec.json.encode(fixes), headers=await device_headers(house))

    assert answer.json() == {"accepted": count, "rejected": []}


async def test_a_report_of_nothing_but_rubbish_is_refused_as_one(house: House):
    answer = await house.nobody.post(
        "/in/fix", content=b"[" + b"0," * 20_000 + b"0]", headers=await device_headers(house)
    )

    assert (answer.status_code, answer.json()["code"]) == (200, "malformed")
    assert answer.json()["rejected"] == [{"index": 0, "reason": "malformed"}]


async def test_what_traccar_client_kept_through_a_tunnel_is_taken_as_one_list(house: House):
    token = (await device_headers(house))["Authorization"].removeprefix("Bearer ")
    count = 400
    locations = [
        {
            "timestamp": f"2026-11-23T06:{n // 60:02}:{n % 60:02}.000Z",
            "coords": {"latitude": 41.15 + n * 1e-5, "longitude": -8.6, "accuracy": 5.0, "speed": 1.2, "heading": 0.0},
            "activity": {"type": "in_vehicle", "confidence": 100},
            "battery": {"is_charging": False, "level": 0.5},
            "extras": {"filler": "x" * 100},
        }
        for n in range(count)
    ]
    body = msgspec.json.encode({"device_id": token, "location": locations})
    assert len(body) > 65_536

    answer = await house.nobody.post("/in/osmand", content=body)

    assert answer.status_code == 200
    assert not house.state.node.rejections
    assert house.state.node.technician("ana").track.lat == pytest.approx(41.15 + (count - 1) * 1e-5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/in/gpslogger?token={}", b'{"lat": '),
        ("/in/osmand?id={}", b"[1]"),
        ("/in/osmand", b'{"device_id": "TOKEN"}'),
    ],
)
async def test_a_report_that_can_never_become_good_is_not_taken_for_a_strangers(house: House, path: str, body: bytes):
    token = (await device_headers(house))["Authorization"].removeprefix("Bearer ")
    before = house.state.node.rejections["malformed"]

    answer = await house.nobody.post(path.format(token), content=body.replace(b"TOKEN", token.encode()))

    assert answer.status_code == 200
    assert house.state.node.rejections["malformed"] == before + 1
