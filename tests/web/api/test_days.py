"""Days that differ, one at a time: what is booked follows them."""

import pytest

from tests.web.api.house import TUESDAY, House

ANA = "/api/dispatch/technicians/ana/days"
BO = "/api/dispatch/technicians/bo/days"


async def test_on_a_holiday_nothing_is_offered_until_it_is_none_any_more(house: House):
    path = f"/api/dispatch/holidays/{TUESDAY}"

    put = await house.dora.put(path, json={"name": "Founder's day"})
    closed = await house.slots(house.rui)
    removed = await house.dora.delete(path)
    again = await house.dora.delete(path)

    assert (put.status_code, removed.status_code, again.status_code) == (204, 204, 204)
    assert closed == []
    assert await house.slots(house.rui) != []


async def test_a_day_off_of_everybody_leaves_nothing_and_its_removal_brings_it_back(house: House):
    before = await house.slots(house.rui)

    for path in (ANA, BO):
        assert (await house.dora.put(f"{path}/{TUESDAY}", json={"kind": "off"})).status_code == 204
    off = await house.slots(house.rui)
    for path in (ANA, BO):
        assert (await house.dora.delete(f"{path}/{TUESDAY}")).status_code == 204

    assert off == []
    assert [slot["window_start"] for slot in await house.slots(house.rui)] == [slot["window_start"] for slot in before]


async def test_a_day_is_replaced_and_the_other_days_stay(house: House):
    await house.dora.put(f"{ANA}/2026-12-24", json={"kind": "off"})
    await house.dora.put(f"{ANA}/2026-12-23", json={"kind": "extra", "start": "18:00", "end": "20:00"})
    await house.dora.put(f"{ANA}/2026-12-24", json={"kind": "off", "start": "12:00", "end": "18:00"})

    ana, _ = (await house.dora.get("/api/dispatch/setup?lists=technicians")).json()["technicians"]

    assert ana["exceptions"] == [
        {"date": "2026-12-23", "kind": "extra", "start": "18:00", "end": "20:00"},
        {"date": "2026-12-24", "kind": "off", "start": "12:00", "end": "18:00"},
    ]
    assert len(ana["shifts"]) == 7


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/dispatch/holidays/2026-13-01", {"name": "x"}, "date"),
        ("/api/dispatch/holidays/tomorrow", {"name": "x"}, "date"),
        ("/api/dispatch/holidays/2026-12-25", {"name": ""}, "name"),
        (f"{ANA}/2026-12-24", {"kind": "extra"}, "start"),
        (f"{ANA}/2026-12-24", {"kind": "off", "start": "08:00"}, "end"),
        (f"{ANA}/2026-12-24", {"kind": "off", "start": "8", "end": "9"}, "start"),
        (f"{ANA}/2026-12-24", {"kind": "ill"}, "kind"),
    ],
)
async def test_a_day_that_makes_no_sense_is_refused_with_its_field(house: House, path: str, body: dict, field: str):
    answer = await house.dora.put(path, json=body)

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid", field)


async def test_a_technician_who_is_not_there_has_no_days(house: House):
    path = "/api/dispatch/technicians/zoe/days/2026-12-24"

    assert (await house.dora.put(path, json={"kind": "off"})).status_code == 404
    assert (await house.dora.delete(path)).status_code == 404


@pytest.mark.parametrize("path", ["/api/dispatch/holidays/2026-12-25", f"{ANA}/2026-12-24"])
async def test_days_are_for_dispatchers(house: House, path: str):
    for client, status in ((house.rui, 403), (house.ana, 403), (house.nobody, 401)):
        assert (await client.put(path, json={"kind": "off", "name": "x"})).status_code == status
        assert (await client.delete(path)).status_code == status
