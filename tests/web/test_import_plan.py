from copy import deepcopy
from typing import Any

import pytest

from web.import_plan import ExistingIds, plan_import

SQUARE = [[-8.7, 41.1], [-8.5, 41.1], [-8.5, 41.2], [-8.7, 41.2], [-8.7, 41.1]]
FILE: dict[str, Any] = {
    "accounts": [{"id": "acme", "name": "Acme", "status": "active", "site": "acme-home"}],
    "contacts": [{"email": "rui@acme.example", "account": "acme", "name": "Rui"}],
    "staff": [
        {"email": "ana@enroute.example", "name": "Ana", "role": "technician", "technician": "ana"},
        {"email": "dora@enroute.example", "name": "Dora", "role": "dispatcher"},
    ],
    "sites": [
        {
            "id": "acme-home",
            "account": "acme",
            "name": "Home",
            "address": "Rua 1",
            "lat": 41.15,
            "lon": -8.61,
            "time_zone": "Europe/Lisbon",
        }
    ],
    "assets": [{"id": "boiler", "account": "acme", "site": "acme-home", "name": "Boiler"}],
    "services": [{"id": "check", "name": "Check", "duration_min": 60, "skill": "gas", "enabled": True}],
    "technicians": [
        {
            "id": "ana",
            "name": "Ana",
            "skills": ["gas"],
            "territories": ["porto"],
            "home": {"lat": 41.16, "lon": -8.6},
            "time_zone": "Europe/Lisbon",
            "shifts": [{"weekday": 0, "start": "08:00", "end": "16:00"}],
            "breaks": [{"weekday": 0, "start": "12:00", "end": "12:30"}],
        }
    ],
    "territories": [{"id": "porto", "name": "Porto", "polygon": {"type": "Polygon", "coordinates": [SQUARE]}}],
    "holidays": [{"date": "2026-12-25", "name": "Christmas"}],
}


def changed(kind: str, field: str, value: object) -> dict[str, Any]:
    data = deepcopy(FILE)
    data[kind][0][field] = value
    return data


def test_a_complete_file_is_planned_without_errors():
    plan = plan_import(FILE)

    assert plan.errors == []
    assert plan.total == 10
    assert plan.counts()["staff"] == 2
    assert plan.technicians[0].shifts[0].start == "08:00"


def test_an_empty_file_plans_nothing():
    plan = plan_import({})

    assert (plan.total, plan.errors) == (0, [])


@pytest.mark.parametrize("data", [None, [], "accounts", 3])
def test_anything_but_an_object_is_refused(data: object):
    assert [error.at for error in plan_import(data).errors] == ["$"]


def test_an_unknown_list_is_refused_with_the_known_names():
    (error,) = plan_import({"acounts": []}).errors

    assert error.at == "acounts"
    assert "accounts" in error.detail


def test_every_wrong_row_is_reported_not_only_the_first():
    data = deepcopy(FILE)
    data["services"][0]["duration_min"] = 0
    data["sites"][0]["lat"] = 91
    data["holidays"][0]["date"] = "2026-13-01"

    places = {error.at for error in plan_import(data).errors}

    assert {"services[0].duration_min", "sites[0].lat", "holidays[0].date"} <= places


@pytest.mark.parametrize(
    ("kind", "field", "value", "at"),
    [
        ("sites", "time_zone", "Europe/Porto", "sites[0].time_zone"),
        ("sites", "account", "nobody", "sites[0].account"),
        ("sites", "lon", None, "sites[0].lat"),
        ("accounts", "site", "nowhere", "accounts[0].site"),
        ("accounts", "status", "maybe", "accounts[0].status"),
        ("accounts", "id", "../etc", "accounts[0].id"),
        ("assets", "site", "nowhere", "assets[0].site"),
        ("technicians", "territories", ["lisbon"], "technicians[0].territories"),
        ("technicians", "time_zone", "", "technicians[0].time_zone"),
        (
            "technicians",
            "shifts",
            [{"weekday": 7, "start": "08:00", "end": "16:00"}],
            "technicians[0].shifts[0].weekday",
        ),
        (
            "technicians",
            "shifts",
            [{"weekday": 0, "start": "8", "end": "16:00"}],
            "technicians[0].shifts[0].start",
        ),
        (
            "technicians",
            "breaks",
            [{"weekday": 0, "start": "09:00", "end": "09:00"}],
            "technicians[0].breaks[0]",
        ),
        ("technicians", "home", {"lat": 0, "lon": 0}, "technicians[0].home"),
        ("contacts", "email", "rui", "contacts[0].email"),
        ("contacts", "account", "nobody", "contacts[0].account"),
        ("staff", "role", "root", "staff[0].role"),
        ("staff", "technician", None, "staff[0].technician"),
        ("staff", "technician", "bob", "staff[0].technician"),
        ("staff", "email", "rui@acme.example", "staff[0].email"),
        ("territories", "polygon", {"type": "Point", "coordinates": [1, 2]}, "territories[0].polygon"),
        (
            "territories",
            "polygon",
            {"type": "Polygon", "coordinates": [SQUARE[:-1]]},
            "territories[0].polygon",
        ),
        ("holidays", "date", "2026-02-30", "holidays[0].date"),
    ],
)
def test_a_wrong_field_is_named_by_its_place(kind: str, field: str, value: object, at: str):
    assert at in [error.at for error in plan_import(changed(kind, field, value)).errors]


def test_a_site_at_zero_zero_is_refused_because_it_is_an_unknown_place():
    data = changed("sites", "lat", 0)
    data["sites"][0]["lon"] = 0

    (error,) = plan_import(data).errors

    assert error.at == "sites[0].lat"


def test_a_site_may_stand_without_coordinates():
    data = changed("sites", "lat", None)
    data["sites"][0]["lon"] = None

    assert plan_import(data).errors == []


def test_a_misspelt_field_is_refused_instead_of_lost():
    (error,) = plan_import(changed("services", "skil", "gas")).errors

    assert error.at == "services[0]"
    assert "skil" in error.detail


def test_an_id_that_stands_twice_is_refused():
    data = deepcopy(FILE)
    data["services"].append(data["services"][0])

    (error,) = plan_import(data).errors

    assert error.at == "services[1]"


def test_the_same_address_in_other_letters_is_the_same_contact():
    data = deepcopy(FILE)
    data["contacts"].append({"email": "RUI@acme.example", "account": "acme"})

    assert [error.at for error in plan_import(data).errors] == ["contacts[1]"]


def test_an_asset_at_another_accounts_site_is_refused():
    data = deepcopy(FILE)
    data["accounts"].append({"id": "other", "name": "Other"})
    data["assets"][0]["account"] = "other"

    assert [error.at for error in plan_import(data).errors] == ["assets[0].site"]


def test_a_row_may_point_to_what_the_installation_already_has():
    data = {"contacts": [{"email": "eva@acme.example", "account": "acme"}]}

    assert plan_import(data).errors != []
    assert plan_import(data, ExistingIds(accounts=frozenset({"acme"}))).errors == []


def test_a_shift_may_cross_midnight():
    data = changed("technicians", "shifts", [{"weekday": 4, "start": "22:00", "end": "06:00"}])

    assert plan_import(data).errors == []
