"""`enroute import`: everything or nothing, twice the same as once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slots import catalog_store
from slots.store import open_database
from tests.web.api.house import SET_UP
from web import accounts_store
from web.importer import import_command


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'enroute.db'}"


def run(tmp_path: Path, url: str, data: object, *options: str) -> Result:
    file = tmp_path / "set-up.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return CliRunner().invoke(import_command, [str(file), "--database", url, *options])


def stored(url: str) -> dict[str, Any]:
    """What the installation has, read back."""

    async def read() -> dict[str, Any]:
        database = open_database(url)
        try:
            async with database.read() as conn:
                return {
                    "accounts": await accounts_store.accounts_listed(conn),
                    "people": await accounts_store.people_listed(conn),
                    "sites": await catalog_store.sites(conn),
                    "assets": await catalog_store.assets(conn),
                    "services": await catalog_store.services(conn, enabled_only=False),
                    "technicians": await catalog_store.resources(conn),
                    "territories": await catalog_store.territories(conn),
                    "holidays": await catalog_store.holidays(conn),
                }
        finally:
            await database.close()

    # The command has a loop of its own; so does this, in a thread that has none yet.
    return asyncio.run(read())


def test_a_file_is_imported_with_everything_in_it(tmp_path: Path, url: str):
    result = run(tmp_path, url, SET_UP)

    assert result.exit_code == 0, result.output
    assert "Imported 3 services, 3 accounts, 3 sites, 1 assets, 2 technicians" in result.output
    found = stored(url)
    assert [account.id for account in found["accounts"]] == ["acme", "gone", "other"]
    assert len(found["people"]) == 8
    ana = found["technicians"][0]
    assert (ana.id, ana.skills, ana.home_lat) == ("ana", frozenset({"gas"}), 41.14)
    monday = ana.shifts[0]
    assert (monday.weekday, monday.start_min, monday.end_min) == (0, 480, 1080)


def test_importing_twice_changes_nothing(tmp_path: Path, url: str):
    run(tmp_path, url, SET_UP)
    before = stored(url)

    result = run(tmp_path, url, SET_UP)

    assert result.exit_code == 0
    assert stored(url) == before


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path: Path, url: str):
    result = run(tmp_path, url, SET_UP, "--dry-run")

    assert result.exit_code == 0
    assert result.output.startswith("Would import 3 services")
    assert not any(stored(url).values())


def test_one_wrong_row_stops_the_whole_file_and_is_named(tmp_path: Path, url: str):
    data = SET_UP | {"holidays": [{"date": "2026-13-01", "name": "Nonsense"}]}

    result = run(tmp_path, url, data)

    assert result.exit_code == 1
    assert "holidays[0].date" in result.output
    assert "nothing was imported" in result.output
    assert not any(stored(url).values())


def test_every_wrong_row_is_named(tmp_path: Path, url: str):
    data = {
        "services": [{"id": "a", "name": "A", "duration_min": 0}, {"id": "b", "name": "B"}],
        "contacts": [{"email": "x@y.example", "account": "nobody"}],
    }

    result = run(tmp_path, url, data)

    assert "services[0].duration_min" in result.output
    assert "services[1]" in result.output
    assert "contacts[0].account" in result.output
    assert "3 errors" in result.output


def test_a_file_that_is_not_json_is_refused(tmp_path: Path, url: str):
    result = run(tmp_path, url, "{")

    assert result.exit_code == 1
    assert "is not JSON" in result.output


def test_a_later_file_may_point_to_what_an_earlier_one_brought(tmp_path: Path, url: str):
    run(tmp_path, url, SET_UP)

    result = run(tmp_path, url, {"contacts": [{"email": "ivo@acme.example", "account": "acme"}]})

    assert result.exit_code == 0, result.output
    assert "ivo@acme.example" in {person.email for person in stored(url)["people"]}


def test_an_address_of_staff_cannot_become_a_contact(tmp_path: Path, url: str):
    run(tmp_path, url, SET_UP)

    result = run(tmp_path, url, {"contacts": [{"email": "DORA@enroute.example", "account": "acme"}]})

    assert result.exit_code == 1
    assert "contacts[0].email" in result.output


def test_a_password_is_hashed_and_never_replaced_by_a_later_import(tmp_path: Path, url: str):
    contact = {"email": "rui@acme.example", "account": "acme", "password": "correct horse"}
    run(tmp_path, url, {"accounts": [{"id": "acme", "name": "Acme"}], "contacts": [contact]})
    first = stored(url)["people"][0].password_hash

    run(tmp_path, url, {"contacts": [contact | {"password": "another one"}]})

    assert first.startswith("$argon2id$")
    assert stored(url)["people"][0].password_hash == first


def test_a_territory_that_crosses_itself_is_refused(tmp_path: Path, url: str):
    bow_tie = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    territory = {"id": "t", "name": "T", "polygon": {"type": "Polygon", "coordinates": [bow_tie]}}

    result = run(tmp_path, url, {"territories": [territory]})

    assert result.exit_code == 1
    assert "territories[0].polygon" in result.output
