"""Slots and bookings of a server with a road engine: on its times, or without it when it hangs."""

import asyncio

import pytest

from slots.travel import StraightTravel, known_point
from tests.tracker.roads.stand_in import OsrmStandIn, answering, silence
from tests.web.api.house import House, open_house

HOME_OF_ANA = known_point(lat=41.14, lon=-8.6)
SITE = known_point(lat=41.15, lon=-8.61)


@pytest.fixture
async def osrm():
    server = OsrmStandIn()
    server.port = await server.start()
    yield server
    await server.close()


@pytest.fixture
async def roads_house(template, tmp_path, osrm):
    url = f"osrm+http://127.0.0.1:{osrm.port}"
    async with open_house(template, tmp_path / "house", roads_url=url, roads_timeout_s=30.0) as house:
        yield house


def metric(text: str, outcome: str) -> float:
    lines = [line for line in text.splitlines() if line.startswith(f'enroute_travel_legs_total{{outcome="{outcome}"}}')]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


async def test_slots_are_offered_on_the_times_of_the_road_server_and_booked_on_them_when_it_is_gone(
    roads_house: House, osrm: OsrmStandIn
):
    house = roads_house
    slot = await house.slot_at(house.rui, "10:00")
    asked = len(osrm.asked)
    osrm.fault = answering(500, b"")

    answer = await house.rui.post("/api/appointments", json={"slot": slot, "service": "check"})

    assert answer.status_code == 201
    assert asked > 0
    assert len(osrm.asked) == asked
    metrics = (await house.nobody.get("/metrics")).text
    assert metric(metrics, "roads") >= 2
    assert metric(metrics, "unavailable") == 0


async def test_a_road_server_that_hangs_delays_an_offer_for_a_moment_and_a_booking_not_at_all(
    roads_house: House, osrm: OsrmStandIn
):
    house = roads_house
    osrm.fault = silence

    async with asyncio.timeout(20):
        visit = await house.book()
        hold = await house.eva.post("/api/holds", json={"slot": await house.slot_at(house.eva, "14:00")})
        booked = await house.eva.post("/api/appointments", json={"hold": hold.json()["hold"]})

    assert visit["status"] == booked.json()["status"] == "scheduled"
    assert metric((await house.nobody.get("/metrics")).text, "late") >= 2


async def test_while_the_road_server_fails_slots_are_those_of_straight_lines(
    template, tmp_path, roads_house: House, osrm: OsrmStandIn
):
    osrm.fault = answering(503, b"")

    estimated = await roads_house.slots(roads_house.rui)

    async with open_house(template, tmp_path / "without") as without:
        assert estimated == await without.slots(without.rui)
    assert StraightTravel().seconds(HOME_OF_ANA, SITE) > 0
    assert metric((await roads_house.nobody.get("/metrics")).text, "unavailable") >= 2


async def test_far_by_road_is_far_although_near_as_the_crow_flies(
    template, tmp_path, roads_house: House, osrm: OsrmStandIn
):
    def over_the_mountain(answer) -> None:
        answer["durations"] = [[seconds and seconds + 3 * 3600 for seconds in row] for row in answer["durations"]]

    osrm.edit = over_the_mountain

    far = await roads_house.read(await roads_house.book())

    # Bo's home is unknown, half an hour that is: less than three over the mountain, more than Ana's straight line.
    assert far["technician"]["id"] == "bo"
    async with open_house(template, tmp_path / "without") as without:
        near = await without.read(await without.book())
    assert near["technician"]["id"] == "ana"


async def test_the_dispatcher_sees_how_many_legs_are_reckoned_on_straight_lines(roads_house: House, osrm: OsrmStandIn):
    query = {"service": "check", "contact": "rui@acme.example", "from": "2026-11-24", "to": "2026-11-24"}

    driven = await roads_house.dora.get("/api/dispatch/slots/explanation", params=query)
    osrm.fault = answering(500, b"")
    estimated = await roads_house.dora.get("/api/dispatch/slots/explanation", params=query | {"asset": "oven"})

    assert [(day["travel_legs"], day["estimated_legs"]) for day in driven.json()["days"]] == [(2, 0)]
    assert [(day["travel_legs"], day["estimated_legs"]) for day in estimated.json()["days"]] == [(2, 2)]
