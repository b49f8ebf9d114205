"""What a phone may get wrong: each with a named reason, and nothing changed."""

from __future__ import annotations

import math
from typing import Any

import httpx
import msgspec
import pytest

from tests.servers import EnrouteServer, close_code
from tests.web.live.visits import Visit, next_fix, now_ms, phone

DAY_MS = 24 * 3600_000
BAD_FIXES = [
    ({"lat": 91.0}, "out_of_range"),
    ({"lon": -181.0}, "out_of_range"),
    ({"lat": 0.0, "lon": 0.0}, "null_island"),
    ({"fixed_at": now_ms() + DAY_MS}, "future"),
    ({"fixed_at": now_ms() - 30 * DAY_MS}, "stale"),
    ({"fixed_at": 0}, "stale"),
    ({"accuracy_m": 5000.0}, "inaccurate"),
]


async def position_of(visit: Visit, customer: httpx.AsyncClient) -> Any:
    snapshot = (await customer.get(f"/api/appointments/{visit.id}/live")).json()
    return snapshot["position"]["fixed_at"], snapshot["position"]["lat_e6"], snapshot["position"]["lon_e6"]


@pytest.mark.parametrize(("wrong", "reason"), BAD_FIXES)
async def test_a_bad_fix_is_refused_with_its_reason_and_changes_nothing(
    visit: Visit, customer: httpx.AsyncClient, wrong: dict[str, Any], reason: str
):
    async with visit.phone() as sender:
        await sender.send(next_fix())
        await sender.reply("ack")
        before = await position_of(visit, customer)

        await sender.send(next_fix() | wrong)
        error = await sender.reply("error")
        ack = await sender.reply("ack")

    assert error["code"] == reason
    assert ack["rejected"] == {reason: 1}
    assert await position_of(visit, customer) == before


@pytest.mark.parametrize("text", ["{", "nonsense", '{"fixed_at":1}', '{"fixed_at":"x","lat":1,"lon":1}', '{"lat":NaN}'])
async def test_malformed_json_is_answered_and_the_phone_may_go_on(visit: Visit, text: str):
    async with visit.phone() as sender:
        await sender.socket.send(text)
        error = await sender.reply("error")
        await sender.send(next_fix())
        await sender.reply("ack")

    assert error["code"] == "malformed"
    assert error["detail"]


async def test_nan_in_messagepack_is_refused(visit: Visit):
    async with visit.phone() as sender:
        await sender.socket.send(msgspec.msgpack.encode(next_fix(lat=math.nan)))
        error = await sender.reply("error")

    assert error["code"] == "not_finite"


async def test_an_unknown_device_token_is_4401_on_the_socket_and_401_on_http(live_server: EnrouteServer):
    async with phone(live_server, "x" * 43) as sender:
        code = await close_code(sender.socket)
    async with live_server.client() as client:
        answer = await client.post("/in/fix", json=next_fix(), headers={"Authorization": "Bearer " + "x" * 43})

    assert code == 4401
    assert answer.status_code == 401
    assert answer.json()["code"] == "sign_in_required"


async def test_an_oversized_frame_is_1009(visit: Visit):
    async with visit.phone() as sender:
        await sender.socket.send("x" * 70_000)

        assert await close_code(sender.socket) == 1009


async def test_http_takes_the_good_fixes_and_names_the_bad_ones(visit: Visit):
    fixes = [next_fix(), next_fix(lat=0, lon=0), {"lat": 1}, next_fix(fixed_at=now_ms() + DAY_MS)]

    async with visit.server.client(headers={"Authorization": f"Bearer {visit.phone_token}"}) as client:
        answer = await client.post("/in/fix", json=fixes)

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 1,
        "rejected": [
            {"index": 1, "reason": "null_island"},
            {"index": 2, "reason": "malformed"},
            {"index": 3, "reason": "future"},
        ],
    }


async def test_unreadable_http_is_answered_2xx_with_the_reason_so_that_no_phone_repeats_it_for_ever(visit: Visit):
    async with visit.server.client(headers={"Authorization": f"Bearer {visit.phone_token}"}) as client:
        answer = await client.post("/in/fix", content=b"{nonsense")

    assert answer.status_code == 200
    assert answer.json()["rejected"] == [{"index": 0, "reason": "malformed"}]
    assert answer.json()["code"] == "malformed"


async def test_every_refusal_is_counted_by_reason(visit: Visit):
    async with visit.phone() as sender:
        await sender.send(next_fix(lat=0.0, lon=0.0))
        await sender.reply("ack")
    async with visit.server.client() as client:
        metrics = (await client.get("/metrics")).text

    assert 'reason="null_island"' in metrics


async def test_an_acknowledgement_covers_what_was_sent_before_it(visit: Visit):
    fix = next_fix()

    async with visit.phone() as sender:
        await sender.send(fix)
        ack = await sender.reply("ack")

    assert ack["upto"] == fix["fixed_at"]


async def test_one_message_may_carry_the_buffer_of_a_tunnel(visit: Visit, customer: httpx.AsyncClient):
    newest = now_ms()
    batch = [next_fix(fixed_at=newest - 1000 * (50 - step)) for step in range(51)]

    async with visit.phone() as sender:
        await sender.send(*batch)
        ack = await sender.reply("ack")

    assert ack["upto"] == newest
    assert (await position_of(visit, customer))[0] == newest


async def test_a_binary_message_is_messagepack(visit: Visit, customer: httpx.AsyncClient):
    fix = next_fix()

    async with visit.phone() as sender:
        await sender.socket.send(msgspec.msgpack.encode(fix))
        await sender.reply("ack")

    assert (await position_of(visit, customer))[0] == fix["fixed_at"]
