"""Each phone app's own report moves the marker of a visit."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import pytest

from tests.web.live.visits import Visit, next_fix


def seconds(fix: dict[str, Any]) -> int:
    return fix["fixed_at"] // 1000


def iso(fix: dict[str, Any]) -> str:
    return datetime.datetime.fromtimestamp(seconds(fix), datetime.UTC).isoformat().replace("+00:00", "Z")


def owntracks(fix: dict[str, Any], token: str) -> httpx.Request:
    body = {"_type": "location", "lat": fix["lat"], "lon": fix["lon"], "tst": seconds(fix), "acc": 8, "vel": 36}
    return httpx.Request("POST", "http://x/pub", json=body, headers={"Authorization": f"Bearer {token}"})


def osmand(fix: dict[str, Any], token: str) -> httpx.Request:
    query = {"id": token, "lat": fix["lat"], "lon": fix["lon"], "timestamp": seconds(fix), "speed": 19.4}
    return httpx.Request("GET", "http://x/in/osmand", params=query)


def overland(fix: dict[str, Any], token: str) -> httpx.Request:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [fix["lon"], fix["lat"]]},
        "properties": {"timestamp": iso(fix), "speed": 10, "horizontal_accuracy": 5},
    }
    return httpx.Request(
        "POST", "http://x/in/overland", json={"locations": [feature]}, headers={"Authorization": f"Bearer {token}"}
    )


def gpslogger(fix: dict[str, Any], token: str) -> httpx.Request:
    query = {"lat": fix["lat"], "lon": fix["lon"], "time": iso(fix), "spd": 10, "acc": 5}
    return httpx.Request("GET", "http://x/in/gpslogger", params=query, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("make", [owntracks, osmand, overland, gpslogger], ids=lambda make: make.__name__)
async def test_a_report_of_each_app_reaches_the_watcher(visit: Visit, customer: httpx.AsyncClient, make):
    fix = next_fix()
    # These apps tell whole seconds; the visit began within this one.
    fix["fixed_at"] += 1000
    request = make(fix, visit.phone_token)

    async with visit.watched(customer) as watcher, visit.server.client() as client:
        answer = await client.request(
            request.method, request.url.raw_path.decode(), content=request.content, headers=request.headers
        )
        position = await watcher.next("position")

    assert answer.status_code == 200
    assert position["fixed_at"] == seconds(fix) * 1000
    assert position["lat_e6"] == round(fix["lat"] * 1e6)
