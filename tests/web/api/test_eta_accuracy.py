"""How right the arrival times were, as programs ask: `/api/dispatch/eta-accuracy`."""

import pytest

from tests.web.api.house import House
from tests.web.ledgers import GAIA, PORTO, WEEK
from tracker.calibration import Calibration, Check, encode_calibration
from tracker.records import KeptCalibration

PATH = "/api/dispatch/eta-accuracy"


@pytest.fixture
def ledger(house: House) -> House:
    house.state.node.store.write_predictions(WEEK)
    return house


async def test_the_ledger_is_for_dispatchers_and_admins(house: House):
    for client, status in (
        (house.rui, 403),
        (house.ana, 403),
        (house.nobody, 401),
        (house.dora, 200),
        (house.ada, 200),
    ):
        assert (await client.get(PATH)).status_code == status


async def test_without_days_the_last_seven_are_told_day_by_day(ledger: House):
    told = (await ledger.dora.get(PATH)).json()

    assert (told["from"], told["to"], told["time_zone"], told["by"]) == (
        "2026-11-17",
        "2026-11-23",
        "Europe/Lisbon",
        "day",
    )
    assert told["visits"] == 4
    assert [(group["key"], group["visits"]) for group in told["groups"]] == [
        ("2026-11-20", 1),
        ("2026-11-22", 1),
        ("2026-11-23", 2),
    ]


async def test_each_horizon_has_its_figures(ledger: House):
    told = (await ledger.dora.get(PATH)).json()

    at_15, at_5 = told["horizons"]
    assert at_15 == {
        "minutes_before": 15,
        "arrivals": 4,
        "mean_error_s": 75.0,
        "median_error_s": 60.0,
        "mean_error_percent": 8.3,
        "good_percent": 100.0,
        "held_percent": 75.0,
        "median_range_s": 240.0,
    }
    assert (at_5["minutes_before"], at_5["good_percent"], at_5["mean_error_percent"]) == (5, 50.0, 25.0)


async def test_technicians_have_names_and_who_left_an_id(ledger: House):
    told = (await ledger.dora.get(PATH, params={"by": "technician"})).json()

    assert [(group["key"], group["name"], group["visits"]) for group in told["groups"]] == [
        ("ana", "Ana Alves", 2),
        ("bo", "Bo Borges", 1),
        ("gone", "gone", 1),
    ]


async def test_areas_are_called_by_a_street_in_them(ledger: House):
    told = (await ledger.dora.get(PATH, params={"by": "area"})).json()

    assert [(group["key"], group["name"], group["visits"]) for group in told["groups"]] == [
        (PORTO, "Around Rua das Flores", 2),
        (GAIA, "41.13° N, 8.62° W", 1),
        (None, "Unknown place", 1),
    ]


async def test_the_days_asked_for_are_both_included_and_counted_in_the_zone(ledger: House):
    days = {"from": "2026-11-23", "to": "2026-11-23"}

    lisbon = (await ledger.dora.get(PATH, params=days)).json()
    berlin = (await ledger.dora.get(PATH, params=days | {"time_zone": "Europe/Berlin"})).json()

    assert (lisbon["visits"], berlin["visits"]) == (2, 1)
    assert berlin["time_zone"] == "Europe/Berlin"


async def test_days_without_arrivals_are_an_empty_answer(house: House):
    told = (await house.dora.get(PATH, params={"from": "2020-01-01", "to": "2020-01-02"})).json()

    assert (told["visits"], told["horizons"], told["groups"]) == (0, [], [])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-11-24", "to": "2026-11-23"}, "invalid_range"),
        ({"from": "2026-08-23", "to": "2026-11-23"}, "invalid_range"),
        ({"from": "2026-11-24"}, "invalid_range"),
        ({"to": "0001-01-02"}, "invalid_range"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "invalid_range"),
        ({"from": "yesterday"}, "invalid"),
        ({"by": "weather"}, "invalid"),
        ({"time_zone": "Europe/Atlantis"}, "invalid"),
        ({"time_zone": "../etc/passwd"}, "invalid"),
        ({"time_zone": "Europe"}, "invalid"),
    ],
)
async def test_what_cannot_be_reported_is_refused_with_a_code(house: House, query: dict[str, str], code: str):
    refused = await house.dora.get(PATH, params=query)

    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_quarter_of_a_year_can_be_asked_for(ledger: House):
    told = await ledger.dora.get(PATH, params={"from": "2026-08-24", "to": "2026-11-23"})

    assert told.json()["visits"] == 5


async def test_what_the_arrival_times_rest_on_is_told(ledger: House):
    assert (await ledger.dora.get(PATH)).json()["learned"] is None
    check = Check(trips=80, cold_mae_s=90.04, mae_s=99.26, fell_back=True)
    kept = KeptCalibration(1_795_000_000_000, 0, encode_calibration(Calibration(check=check)))
    ledger.state.node.store.write_calibration(kept)

    assert (await ledger.dora.get(PATH)).json()["learned"] == {
        "since": "2026-11-18T11:06:40+00:00",
        "trips": 0,
        "checked_trips": 80,
        "checked_error_s": 99.3,
        "cold_error_s": 90.0,
        "fell_back": True,
    }
    assert "Set back on 18 Nov to the start without learning" in (await ledger.dora.get("/dispatch/arrivals")).text
