"""What can be booked, rule by rule: product.md §3 through HTTP, on a Tuesday with one technician who has the skill."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.web.api.house import SET_UP, TUESDAY, WEDNESDAY, House, open_house

ANA = SET_UP["technicians"][0]
NOBODY_ELSE = SET_UP["technicians"][1] | {"skills": []}


async def set_up(house: House, **lists: list[dict[str, Any]]) -> None:
    answer = await house.ada.post("/api/dispatch/import", json=lists)
    assert answer.status_code == 200, answer.text


async def only_ana(house: House, **changes: Any) -> None:
    await set_up(house, technicians=[ANA | changes, NOBODY_ELSE])


async def clocks(house: House, client: Any = None, **query: str) -> list[str]:
    """The local starts of the windows offered on Tuesday."""
    return [slot["window_start"][11:16] for slot in await house.slots(client or house.rui, **query)]


def tuesday(start: str, end: str) -> list[dict[str, Any]]:
    return [{"weekday": 1, "start": start, "end": end}]


def square(lat: float, lon: float) -> dict[str, Any]:
    """A tenth of a degree from the south-western corner."""
    ring = [[lon, lat], [lon + 0.1, lat], [lon + 0.1, lat + 0.1], [lon, lat + 0.1], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


async def test_a_visit_and_the_ways_from_home_and_back_lie_inside_the_shift(house: House) -> None:
    await only_ana(house, shifts=tuesday("09:00", "12:00"))

    assert await clocks(house) == ["09:30", "10:00", "10:30"]


async def test_a_visit_does_not_run_into_a_break(house: House) -> None:
    await only_ana(house, shifts=tuesday("09:00", "15:00"), breaks=tuesday("12:00", "13:00"))

    assert await clocks(house) == ["09:30", "10:00", "10:30", "11:00", "13:00", "13:30"]


async def test_on_a_holiday_nobody_comes(house: House) -> None:
    await set_up(house, holidays=[{"date": TUESDAY, "name": "Founding day"}])

    assert await clocks(house) == []


async def test_a_shift_may_cross_midnight(house: House) -> None:
    await only_ana(house, shifts=tuesday("22:30", "01:30"))

    slots = await house.slots(house.rui, **{"from": TUESDAY, "to": WEDNESDAY})

    assert [slot["window_start"][:16] for slot in slots] == [
        "2026-11-24T23:00",
        "2026-11-24T23:30",
        "2026-11-25T00:00",
    ]


async def test_travel_fits_before_and_after_a_visit_elsewhere(house: House) -> None:
    await only_ana(house)
    await house.book(clock="12:00")

    near = await clocks(house, house.rui)
    elsewhere = await clocks(house, house.olga)

    assert {"11:00", "13:00"} <= set(near)
    assert not {"11:00", "13:00"} & set(elsewhere)
    assert {"10:30", "13:30"} <= set(elsewhere)


SOMEWHERE = {"id": "other-home", "account": "other", "name": "Somewhere", "time_zone": "Europe/Lisbon"}


async def test_the_way_to_an_unknown_place_is_never_zero(house: House) -> None:
    await only_ana(house)
    await set_up(house, sites=[SOMEWHERE])
    await house.book(clock="12:00")

    offered = await clocks(house, house.olga)

    assert offered[0] == "08:30"
    assert not {"11:00", "13:00"} & set(offered)


async def test_zero_zero_is_taken_for_no_place(house: House) -> None:
    answer = await house.ada.post("/api/dispatch/import", json={"sites": [SOMEWHERE | {"lat": 0, "lon": 0}]})

    assert (answer.status_code, answer.json()["code"]) == (422, "import_refused")


async def test_a_buffer_is_kept_between_two_visits_at_one_address(template, tmp_path) -> None:
    async with open_house(template, tmp_path / "house", buffer_s=1200) as house:
        await only_ana(house)
        await house.book(clock="12:00")

        assert not {"11:00", "13:00"} & set(await clocks(house))


@pytest.mark.parametrize(("lat", "served"), [(41.1, True), (41.3, False)])
async def test_a_technician_with_a_territory_works_only_inside_it(house: House, lat: float, served: bool) -> None:
    await set_up(
        house,
        territories=[{"id": "north", "name": "North", "polygon": square(lat, -8.65)}],
        technicians=[ANA | {"territories": ["north"]}, NOBODY_ELSE],
    )

    assert bool(await clocks(house)) is served


@pytest.mark.parametrize(("radius_km", "served"), [(2, True), (1, False)])
async def test_a_site_beyond_the_travel_radius_is_not_served(house: House, radius_km: float, served: bool) -> None:
    await only_ana(house, max_travel_km=radius_km)

    assert bool(await clocks(house)) is served


@pytest.mark.parametrize("nearest", ["ana", "bo"])
async def test_the_technician_with_the_least_added_travel_gets_the_visit(house: House, nearest: str) -> None:
    bo = SET_UP["technicians"][1] | {
        "home": {"lat": 41.15, "lon": -8.61} if nearest == "bo" else {"lat": 41.3, "lon": -8.6}
    }
    await set_up(house, technicians=[ANA, bo])

    visit = await house.read(await house.book())

    assert visit["technician"]["id"] == nearest


async def test_a_day_beyond_the_longest_lead_is_not_offered_and_not_booked(template, tmp_path) -> None:
    async with open_house(template, tmp_path / "house") as house:
        late = await house.slot_at(house.rui, "10:00", **{"from": "2026-11-28", "to": "2026-11-28"})
    async with open_house(None, tmp_path / "house", max_lead_days=4) as house:
        days = await house.slots(house.rui, **{"from": TUESDAY, "to": "2026-11-30"})
        answer = await house.rui.post("/api/appointments", json={"slot": late})

    assert days[-1]["window_start"][:10] == "2026-11-27"
    assert (answer.status_code, answer.json()["code"]) == (409, "not_bookable")
    assert answer.json()["reason"] == "too_far_ahead"


@pytest.mark.parametrize(("lead_days", "first"), [(0, "2026-11-24"), (1, "2026-11-25")])
async def test_lead_in_days_counts_the_calendar_of_the_site(template, tmp_path, lead_days: int, first: str) -> None:
    async with open_house(template, tmp_path / "house", min_lead_days=lead_days, max_lead_days=2) as house:
        # Tuesday has begun in Auckland; in Lisbon, where the technicians live, it is Monday noon.
        house.turn_to("2026-11-23T12:00")
        site = {"id": "acme-home", "account": "acme", "name": "Home", "time_zone": "Pacific/Auckland"}
        await set_up(house, sites=[site | {"lat": 41.15, "lon": -8.61}])

        slots = await house.slots(house.rui, **{"from": "2026-11-23", "to": "2026-11-30"})

    days = {slot["window_start"][:10] for slot in slots}
    assert (min(days), max(days)) == (first, "2026-11-26")


async def test_a_local_time_that_does_not_exist_yields_no_slot(house: House) -> None:
    await only_ana(house, shifts=[{"weekday": 6, "start": "00:00", "end": "05:00"}])
    house.turn_to("2026-03-27T09:00")

    slots = await house.slots(house.rui, **{"from": "2026-03-29", "to": "2026-03-29"})

    assert [slot["window_start"] for slot in slots][:3] == [
        "2026-03-29T00:30:00+00:00",
        "2026-03-29T02:00:00+01:00",
        "2026-03-29T02:30:00+01:00",
    ]


async def test_a_repeated_hour_yields_two_instants_with_their_offsets_and_both_can_be_booked(house: House) -> None:
    await only_ana(house, shifts=[{"weekday": 6, "start": "00:00", "end": "05:00"}])
    house.turn_to("2026-10-23T09:00")
    slots = await house.slots(house.rui, **{"from": "2026-10-25", "to": "2026-10-25"})
    twice = [slot for slot in slots if slot["window_start"][11:16] == "01:30"]

    booked = [await house.rui.post("/api/appointments", json={"slot": slot["slot"]}) for slot in twice]

    assert [answer.json()["window_start"] for answer in booked] == [
        "2026-10-25T01:30:00+01:00",
        "2026-10-25T01:30:00+00:00",
    ]


async def test_a_visit_over_a_change_of_clocks_takes_its_elapsed_time(house: House) -> None:
    await only_ana(house, shifts=[{"weekday": 6, "start": "00:00", "end": "05:00"}])
    house.turn_to("2026-10-23T09:00")
    night = {"from": "2026-10-25", "to": "2026-10-25"}

    visit = await house.read(await house.book(clock="01:00", **night))

    ends_s = datetime.datetime.fromisoformat(visit["window_end"]).timestamp()
    assert visit["window_start"] == "2026-10-25T01:00:00+01:00"
    assert ends_s - datetime.datetime.fromisoformat(visit["window_start"]).timestamp() == 7200
    assert "2026-10-25T01:00:00+00:00" in [slot["window_start"] for slot in await house.slots(house.rui, **night)]


async def test_the_customer_is_told_a_window_that_is_kept_apart_from_the_planned_start(template, tmp_path) -> None:
    async with open_house(template, tmp_path / "house", window_before_s=1800, window_s=5400) as house:
        slots = await house.slots(house.rui)
        visit = (await house.rui.post("/api/appointments", json={"slot": slots[3]["slot"]})).json()
        board = (await house.dora.get("/api/dispatch/board", params={"day": TUESDAY})).json()

    (planned,) = board["visits"]
    assert (visit["window_start"][11:16], visit["window_end"][11:16]) == ("09:30", "11:00")
    assert (planned["planned_start"][11:16], planned["planned_end"][11:16]) == ("10:00", "11:00")
    assert "planned_start" not in visit


@pytest.mark.parametrize("asset", [None, "oven"])
async def test_a_booking_may_be_for_a_thing_of_the_customers_or_for_none(house: House, asset: str | None) -> None:
    body = {"asset": asset} if asset else {}

    visit = await house.book(details="The left burner", **body)

    assert (visit["asset"] or {}).get("id") == asset
    assert visit["site"]["id"] == ("acme-shop" if asset else "acme-home")
    assert (visit["service"]["name"], visit["service"]["duration_min"]) == ("Boiler check", 60)
    assert visit["details"] == "The left burner"
