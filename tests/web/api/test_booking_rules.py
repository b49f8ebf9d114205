"""What the operator decides about slots by options, seen through HTTP. A start at 10:00 is Ana's or Bo's alike."""

from __future__ import annotations

import pytest

from slots import appointment_store
from tests.web.api.house import TUESDAY, WEDNESDAY, open_house
from web.app import rules_of
from web.config import Settings


async def test_the_window_that_is_told_may_begin_before_the_planned_start(template, tmp_path):
    async with open_house(template, tmp_path / "house", window_s=5400, window_before_s=1800) as house:
        visit = await house.book(clock="09:30")
        async with house.state.database.read() as conn:
            view = await appointment_store.view(conn, visit["id"])

    assert (visit["window_start"][11:16], visit["window_end"][11:16]) == ("09:30", "11:00")
    assert view.appointment.start_s % 86_400 == 10 * 3600
    assert view.appointment.end_s - view.appointment.start_s == 3600


async def test_a_buffer_is_kept_between_two_visits_beside_the_travel(template, tmp_path):
    free = {}
    for buffer_s in (0, 3600):
        async with open_house(template, tmp_path / f"house-{buffer_s}", buffer_s=buffer_s) as house:
            await house.book(clock="12:00")
            await house.book(clock="12:00")
            free[buffer_s] = [slot["window_start"][11:16] for slot in await house.slots(house.rui)]

    assert "13:30" in free[0]
    assert "13:30" not in free[3600]
    assert "14:00" in free[3600]


async def test_lead_in_days_counts_the_calendar_days_of_the_site(template, tmp_path):
    async with open_house(template, tmp_path / "house", min_lead_days=2, max_lead_days=2) as house:
        answer = await house.rui.get("/api/slots", params={"service": "check", "from": TUESDAY, "to": "2026-11-26"})

    assert [(day["date"], (day["empty"] or {}).get("code")) for day in answer.json()["days"]] == [
        (TUESDAY, "too_soon"),
        (WEDNESDAY, None),
        ("2026-11-26", "too_far_ahead"),
    ]


@pytest.mark.parametrize("horizon_days", [1, 45])
async def test_without_days_in_the_question_the_whole_horizon_is_shown(template, tmp_path, horizon_days):
    async with open_house(template, tmp_path / "house", horizon_days=horizon_days) as house:
        answer = await house.rui.get("/api/slots", params={"service": "check"})

    days = [day["date"] for day in answer.json()["days"]]
    assert (len(days), days[0]) == (horizon_days, "2026-11-23")


async def test_a_technician_imported_with_a_limit_takes_that_many_visits_a_day(template, tmp_path):
    async with open_house(template, tmp_path / "house") as house:
        limited = {
            "id": "ana",
            "name": "Ana Alves",
            "skills": ["welding"],
            "time_zone": "Europe/Lisbon",
            "shifts": [{"weekday": day, "start": "08:00", "end": "18:00"} for day in range(7)],
            "max_visits_a_day": 1,
        }
        imported = await house.dora.post("/api/dispatch/import", json={"technicians": [limited]})
        before = await house.slots(house.rui, service="welding")
        await house.rui.post("/api/appointments", json={"slot": before[0]["slot"], "service": "welding"})

        answer = await house.rui.get("/api/slots", params={"service": "welding", "from": TUESDAY, "to": WEDNESDAY})

    assert imported.status_code == 200
    assert [day["empty"] and day["empty"]["code"] for day in answer.json()["days"]] == ["full", None]


def test_every_rule_that_is_an_option_reaches_the_booking():
    values = {
        "min_lead_s": 11,
        "min_lead_days": 2,
        "max_lead_days": 33,
        "hold_s": 44,
        "window_s": 5500,
        "window_before_s": 66,
        "slot_step_s": 770,
        "buffer_s": 88,
        "move_cutoff_s": 99,
        "cancel_cutoff_s": 111,
        "cancel_while_traveling": False,
    }

    rules = rules_of(Settings(**values))

    assert {name: getattr(rules, name) for name in values} == values
