"""Exported and imported again, a set-up stays what it is."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from slots.store import open_database
from tests.web.api.house import SET_UP, House
from tests.web.test_importer import either_url, migrated, postgresql_server_url, run, stored, table, url
from web.commands.export_file import export_command
from web.export import as_json, set_up_of
from web.import_changes import Known, work_out
from web.import_plan import plan_import
from web.import_rows import ROW_TYPES

__all__ = ["either_url", "migrated", "postgresql_server_url", "url"]

SQUARE = [[-8.7, 41.1], [-8.5, 41.1], [-8.5, 41.2], [-8.7, 41.2], [-8.7, 41.1]]
ODD_ONE = {
    "id": "cy",
    "name": "Çağla “Cy” Öz",
    "time_zone": "Europe/Istanbul",
    "phone": "+90 555 000",
    "photo": "/photos/cy.jpg",
    "skills": ["ovens", "gas"],
    "territories": ["porto", "islands"],
    "home": {"lat": 41.1579, "lon": -8.6291},
    "max_travel_km": 30.1,
    "max_visits_a_day": 6,
    "active": False,
    "shifts": [{"weekday": 4, "start": "20:00", "end": "02:00"}, {"weekday": 5, "start": "18:30", "end": "24:00"}],
    "breaks": [{"weekday": 4, "start": "23:00", "end": "23:30"}],
    "exceptions": [
        {"date": "2026-12-24", "kind": "off"},
        {"date": "2026-12-27", "kind": "off", "start": "08:00", "end": "12:00"},
        {"date": "2026-12-28", "kind": "extra", "start": "00:00", "end": "24:00"},
    ],
}
SWITCHES = [
    {"switch": "self_scheduling", "on": True},
    {"switch": "technician_tracking", "on": True},
    {"switch": "surveys", "on": False},
]
EVERYTHING: dict[str, Any] = SET_UP | {
    "switches": SWITCHES,
    "territories": [
        {"id": "porto", "name": "Porto", "polygon": {"type": "Polygon", "coordinates": [SQUARE]}},
        {"id": "islands", "name": "Ilhas", "polygon": {"type": "MultiPolygon", "coordinates": [[SQUARE]]}},
    ],
    "services": [
        *SET_UP["services"],
        {"id": "look", "name": "Have a look", "duration_min": 1, "description": "Two\nlines"},
    ],
    "holidays": [{"date": "2026-12-25", "name": "Natal"}],
    "technicians": [*SET_UP["technicians"], ODD_ONE],
    "contacts": [
        *SET_UP["contacts"],
        {"email": "uli@acme.example", "account": "acme", "language": "de", "password": "correct horse battery"},
    ],
}


def exported(url: str, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(export_command, ["--database", url, *options])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_whole_set_up_exported_and_imported_again_changes_nothing(tmp_path: Path, either_url: str):
    assert run(tmp_path, either_url, EVERYTHING).exit_code == 0
    before = stored(either_url)

    file = exported(either_url)
    result = run(tmp_path, either_url, file)

    assert set(file) == {kind for kind in ROW_TYPES if EVERYTHING.get(kind)}
    assert {(new, changed, removed) for new, changed, _, removed in table(result).values()} == {(0, 0, 0)}
    assert stored(either_url) == before


def test_in_an_empty_installation_an_export_makes_the_same_once_more(tmp_path: Path, url: str, migrated: Path):
    run(tmp_path, url, EVERYTHING)
    shutil.copy(migrated, tmp_path / "other.db")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    file = exported(url)

    run(tmp_path, other, file)

    assert exported(other) == file
    assert {person.password_hash for person in stored(other)["people"]} == {None}


def test_an_export_says_each_thing_as_a_person_would_write_it(tmp_path: Path, url: str):
    run(tmp_path, url, EVERYTHING)

    file = exported(url)

    # What belongs to a technician has one order, whatever the order it was given in.
    assert next(each for each in file["technicians"] if each["id"] == "cy") == ODD_ONE | {
        "skills": ["gas", "ovens"],
        "territories": ["islands", "porto"],
    }
    assert file["holidays"] == EVERYTHING["holidays"]
    assert file["switches"] == SWITCHES
    assert next(each for each in file["contacts"] if each["email"] == "uli@acme.example") == {
        "email": "uli@acme.example",
        "account": "acme",
        "language": "de",
    }


def test_no_export_holds_a_password_or_its_hash(tmp_path: Path, url: str):
    run(tmp_path, url, EVERYTHING)

    text = json.dumps(exported(url))

    assert "password" not in text
    assert "argon2" not in text


def test_every_row_has_a_line_of_its_own(tmp_path: Path, url: str):
    run(tmp_path, url, {"holidays": [{"date": f"2026-12-{day}", "name": "x"} for day in range(10, 15)]})
    target = tmp_path / "set-up.json"

    CliRunner().invoke(export_command, [str(target), "--list", "holidays", "--database", url])

    assert len(target.read_text().splitlines()) == 9


def test_some_lists_can_be_exported_alone(tmp_path: Path, url: str):
    run(tmp_path, url, EVERYTHING)

    assert set(exported(url, "--list", "holidays", "--list", "sites")) == {"holidays", "sites"}


def test_an_empty_installation_exports_its_switches_alone():
    assert list(json.loads(as_json(set_up_of(Known())))) == ["switches"]


def test_of_lists_that_are_empty_nothing_is_written():
    assert json.loads(as_json(set_up_of(Known(), ["sites"]))) == {}


def test_what_people_entered_themselves_does_not_stand_in_the_way_of_the_round_trip(tmp_path: Path, url: str):
    """A profile takes what a file may not say: no name at all, a phone number of two digits, any locale."""
    run(tmp_path, url, SET_UP)

    async def enter() -> Known:
        from web import accounts_store
        from web.importer import read_known

        database = open_database(url)
        try:
            async with database.transaction() as conn:
                for person in await accounts_store.people_listed(conn):
                    await accounts_store.set_profile(
                        conn, person_id=person.id, name="", phone="12", locale="fr", photo_url=None
                    )
                    await accounts_store.remember_browser_locale(conn, person_id=person.id, locale="de-AT")
            async with database.read() as conn:
                return await read_known(conn)
        finally:
            await database.close()

    known = asyncio.run(enter())
    plan = plan_import(json.loads(as_json(set_up_of(known))))

    assert plan.errors == []
    assert work_out(plan, known).total == 0


async def test_the_set_up_is_read_by_the_api_and_imported_again_without_a_change(house: House):
    answer = await house.ada.get("/api/dispatch/setup")
    again = await house.ada.post("/api/dispatch/import", json=answer.json())

    assert set(answer.json()) == set(SET_UP) | {"switches"}
    assert answer.headers["cache-control"] == "no-store"
    assert again.status_code == 200
    assert (await house.ada.get("/api/dispatch/setup")).content == answer.content


async def test_a_dispatcher_exports_what_a_dispatcher_may_import(house: House):
    answer = await house.dora.get("/api/dispatch/setup")

    assert "staff" not in answer.json()
    assert (await house.dora.post("/api/dispatch/import", json=answer.json())).status_code == 200
    assert (await house.dora.get("/api/dispatch/setup?lists=staff")).status_code == 403


async def test_some_lists_are_read_alone_and_an_unknown_one_is_refused(house: House):
    some = await house.dora.get("/api/dispatch/setup?lists=services,technicians")
    wrong = await house.dora.get("/api/dispatch/setup?lists=services,shifs")

    assert set(some.json()) == {"services", "technicians"}
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "invalid", "lists")


async def test_a_set_up_that_no_import_would_take_is_not_written_down(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("web.api.set_up.IMPORT_MAX_BYTES", 100)

    answer = await house.dora.get("/api/dispatch/setup")

    assert (answer.status_code, answer.json()["code"]) == (422, "set_up_too_large")
