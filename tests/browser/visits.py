"""Visits made by the API, for tests whose subject comes after the booking."""

from __future__ import annotations

import datetime
from typing import Any

from playwright.async_api import APIRequestContext, Page


async def book(request: APIRequestContext, *, service: str, nth: int = 0) -> dict[str, Any]:
    """The nth free time after the very next, booked by the customer who is signed in."""
    today = datetime.datetime.now(datetime.UTC).date()
    days = {"from": str(today - datetime.timedelta(days=1)), "to": str(today + datetime.timedelta(days=2))}
    answer = await request.get("/api/slots", params={"service": service} | days)
    slots = [slot for day in (await answer.json())["days"] for slot in day["slots"]]
    # The very first may begin before it is asked for.
    answer = await request.post("/api/appointments", data={"slot": slots[nth + 1]["slot"], "service": service})
    assert answer.status == 201, await answer.text()
    appointment: dict[str, Any] = await answer.json()
    return appointment


async def travel(technician: Page, appointment: dict[str, Any]) -> None:
    """The technician sets off, by the API."""
    request = technician.context.request
    await request.post("/api/duty", data={"duty": "on_duty"})
    answer = await request.post(f"/api/appointments/{appointment['id']}/travel", data={})
    assert answer.status == 200, await answer.text()
