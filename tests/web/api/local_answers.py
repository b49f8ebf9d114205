"""Prints what the HTTP API answers over a visit's life: `python -m tests.web.api.local_answers FOLDER`.

Ids that are drawn by lot are replaced by their order. The zone of the machine must not show in any answer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx

from tests.web.api.house import TUESDAY, WEDNESDAY, House, make_template, open_house


async def bodies(house: House) -> list[str]:
    found: list[str] = []
    drawn: dict[str, str] = {}

    def note(answer: httpx.Response) -> dict[str, str]:
        assert answer.status_code < 400, answer.text
        text = answer.text
        if "json" in answer.headers["content-type"]:
            for name in ("id", "hold", "contact_id"):
                value = answer.json().get(name)
                if value:
                    drawn.setdefault(value, f"drawn {len(drawn)}")
        for value, name in drawn.items():
            text = text.replace(value, name)
        found.append(text)
        body: dict[str, str] = answer.json() if "json" in answer.headers["content-type"] else {}
        return body

    note(await house.rui.get("/api/slots", params={"service": "check"}))
    note(await house.rui.get("/api/slots", params={"service": "check", "from": TUESDAY, "to": "2026-12-04"}))
    held = note(await house.rui.post("/api/holds", json={"slot": await house.slot_at(house.rui, "10:00")}))
    visit = note(await house.rui.post("/api/appointments", json={"hold": held["hold"]}))["id"]
    day = {"from": WEDNESDAY, "to": WEDNESDAY}
    slot = await house.slot_at(house.rui, "15:00", moving=visit, **day)
    note(await house.rui.post(f"/api/appointments/{visit}/move", json={"slot": slot}))
    note(await house.rui.get(f"/api/appointments/{visit}/calendar.ics"))
    house.turn_to(f"{WEDNESDAY}T23:30")
    note(await house.dora.post(f"/api/appointments/{visit}/travel", json={"at": "2026-11-25T23:20:00+13:00"}))
    for client in (house.ana, house.bo):
        note(await client.get("/api/technician/appointments"))
    note(await house.rui.post(f"/api/appointments/{visit}/cancel", json={"reason": "ill"}))
    note(await house.rui.get("/api/appointments"))
    return found


async def main(folder: Path) -> None:
    async with open_house(await make_template(folder), folder / "house") as house:
        for body in await bodies(house):
            print(body)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
