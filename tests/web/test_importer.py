"""`enroute import`: everything or nothing, twice the same as once."""

import asyncio
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slots import catalog_store
from slots.model import Holiday, ShiftException
from slots.store import Database, open_database
from tests.slots.databases import create_database, postgresql_programs, postgresql_server
from tests.web.api.house import SET_UP
from web import accounts_store
from web.accounts_store import EmailTaken
from web.commands.import_files import import_command
from web.importer import apply_import, plan_for
from web.migrations import runner
from web.passwords import Passwords

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty installation; a migration takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("import") / "template.db"
    runner.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(migrated: Path, tmp_path: Path) -> str:
    shutil.copy(migrated, tmp_path / "enroute.db")
    return f"sqlite:///{tmp_path / 'enroute.db'}"


@pytest.fixture(scope="module")
def postgresql_server_url() -> Iterator[str]:
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with postgresql_server(programs) as server_url:
        runner.upgrade(create_database(server_url, "import_template"))
        yield server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest, url: str) -> str:
    """The same test on both."""
    if request.param == "sqlite":
        return url
    server_url = request.getfixturevalue("postgresql_server_url")
    return create_database(server_url, f"import_{next(_numbers)}", like="import_template")


def run_files(folder: Path, url: str, files: dict[str, str], *options: str) -> Result:
    """Import a folder with just these files."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return CliRunner().invoke(import_command, [str(folder), "--database", url, *options])


def table(result: Result) -> dict[str, list[int]]:
    """What the command says of each list: new, changed, unchanged, removed."""
    lines = [line.split() for line in result.output.splitlines()]
    return {
        line[0]: [int(number) for number in line[1:]]
        for line in lines
        if len(line) == 5 and all(word.isdigit() for word in line[1:])
    }


TEAM = {
    "technicians.csv": "id,name,time_zone\nana,Ana,Europe/Lisbon\nbo,Bo,Europe/Lisbon\n",
    "skills.csv": "technician,skill\nana,gas\n",
    "shifts.csv": "technician,weekday,start,end\nana,mon-tue,08:00,16:00\nbo,fri,22:00,06:00\nbo,sat,18:00,24:00\n",
    "breaks.csv": "technician,weekday,start,end\nana,mon,12:00,12:30\n",
    "exceptions.csv": "technician,date,kind,start,end\nana,2026-12-24,off,,\nbo,2026-12-27,extra,09:00,13:00\n",
}


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


def test_a_file_is_imported_with_everything_in_it_where_there_was_no_database(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'new.db'}"

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


def test_importing_twice_changes_nothing(tmp_path: Path, either_url: str):
    run(tmp_path, either_url, SET_UP)
    before = stored(either_url)

    result = run(tmp_path, either_url, SET_UP)

    assert result.exit_code == 0
    assert stored(either_url) == before
    assert table(result)["contacts"] == [0, 0, 4, 0]
    assert {(new, changed, removed) for new, changed, _, removed in table(result).values()} == {(0, 0, 0)}


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


def test_a_folder_of_csv_files_brings_technicians_with_all_their_hours(tmp_path: Path, either_url: str):
    result = run_files(tmp_path / "team", either_url, TEAM)

    assert result.exit_code == 0, result.output
    ana, bo = stored(either_url)["technicians"]
    assert ana.skills == {"gas"}
    assert [(span.weekday, span.start_min, span.end_min) for span in ana.shifts] == [(0, 480, 960), (1, 480, 960)]
    assert [(span.weekday, span.start_min, span.end_min) for span in ana.breaks] == [(0, 720, 750)]
    assert ana.exceptions == (ShiftException(date=date(2026, 12, 24), kind="off"),)
    assert [(span.weekday, span.start_min, span.end_min) for span in bo.shifts] == [(4, 1320, 360), (5, 1080, 1440)]
    assert bo.exceptions == (ShiftException(date=date(2026, 12, 27), kind="extra", start_min=540, end_min=780),)
    assert table(result)["shifts"] == [4, 0, 0, 0]


def test_what_a_later_file_leaves_out_stays_and_what_it_lists_replaces(tmp_path: Path, url: str):
    run_files(tmp_path / "team", url, TEAM)
    before = {technician.id: technician for technician in stored(url)["technicians"]}

    result = run_files(
        tmp_path / "later",
        url,
        {
            "technicians.csv": "id,name,time_zone,phone\nana,Ana,Europe/Lisbon,+351 900\n",
            "shifts.csv": "technician,weekday,start,end\nana,tue,8:00,16:00\nana,wed,8:00,16:00\n",
        },
    )

    after = {technician.id: technician for technician in stored(url)["technicians"]}
    assert table(result) == {"technicians": [0, 1, 0, 0], "shifts": [1, 0, 1, 1]}
    assert after["ana"].phone == "+351 900"
    assert [span.weekday for span in after["ana"].shifts] == [1, 2]
    assert (after["ana"].skills, after["ana"].breaks) == (before["ana"].skills, before["ana"].breaks)
    assert after["ana"].exceptions == before["ana"].exceptions
    assert after["bo"] == before["bo"]


def test_an_empty_list_in_json_empties(tmp_path: Path, url: str):
    run_files(tmp_path / "team", url, TEAM)

    run(tmp_path, url, {"technicians": [{"id": "ana", "name": "Ana", "time_zone": "Europe/Lisbon", "shifts": []}]})

    ana, _ = stored(url)["technicians"]
    assert (ana.shifts, ana.skills) == ((), {"gas"})


def test_lines_in_another_order_change_nothing(tmp_path: Path, url: str):
    run_files(tmp_path / "team", url, TEAM)
    before = stored(url)
    header, *lines = TEAM["shifts.csv"].splitlines()

    result = run_files(tmp_path / "later", url, {"shifts.csv": "\n".join([header, *reversed(lines)])})

    assert table(result) == {"shifts": [0, 0, 4, 0]}
    assert stored(url) == before


def test_a_technician_who_left_is_switched_off_by_a_column(tmp_path: Path, url: str):
    run_files(tmp_path / "team", url, TEAM)
    later = {"technicians.csv": "id,name,time_zone,active\nbo,Bo,Europe/Lisbon,no\n"}

    run_files(tmp_path / "later", url, later)
    run_files(tmp_path / "team", url, {"technicians.csv": TEAM["technicians.csv"]})

    assert [technician.active for technician in stored(url)["technicians"]] == [True, False]


def test_a_dry_run_counts_what_is_new_and_what_changes_and_writes_nothing(tmp_path: Path, url: str):
    run(tmp_path, url, SET_UP)
    before = stored(url)
    files = {"services.csv": "id;name;duration_min;skill\ncheck;Boiler check;90;gas\ntune;Tune-up;30;gas\n"}

    result = run_files(tmp_path / "later", url, files, "--dry-run")

    assert result.output.startswith("Would import 2 services.")
    assert table(result) == {"services": [1, 1, 0, 0]}
    assert stored(url) == before


def test_one_wrong_line_in_one_of_many_files_stops_them_all(tmp_path: Path, either_url: str):
    files = TEAM | {"holidays.csv": "date,name\n2026-12-25,Natal\n2026-12-32,Nonsense\n"}

    result = run_files(tmp_path / "team", either_url, files)

    assert result.exit_code == 1
    assert "holidays.csv:3: date: 2026-12-32 is no day of the calendar" in result.output
    assert "1 error; nothing was imported" in result.output
    assert not any(stored(either_url).values())


def test_errors_beyond_a_screenful_are_counted(tmp_path: Path, url: str):
    lines = "".join(f"{year}-13-01,x\n" for year in range(2000, 2150))

    result = run_files(tmp_path / "later", url, {"holidays.csv": "date,name\n" + lines})

    assert "... and 50 more." in result.output
    assert "150 errors" in result.output


@dataclass
class Target:
    database: Database
    passwords: Passwords = field(default_factory=Passwords)

    def now_s(self) -> int:
        return 1_790_000_000


def test_the_language_of_a_contact_is_taken_once_and_left_to_the_person_from_then_on(tmp_path: Path, url: str):
    rows = {"accounts": [{"id": "acme", "name": "Acme"}]}
    contacts = [{"email": "rui@acme.example", "account": "acme"}, {"email": "eva@acme.example", "account": "acme"}]
    spoken = [contacts[0] | {"language": "de"}, contacts[1]]

    results = [
        run(tmp_path, url, rows | {"contacts": given})
        for given in (spoken, [contacts[0], contacts[1] | {"language": "ar"}], [contacts[0] | {"language": "en"}])
    ]
    refused = run(tmp_path, url, rows | {"contacts": [contacts[0] | {"language": "fr"}]})

    assert [table(result)["contacts"] for result in results] == [[2, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]
    assert "contacts[0].language" in refused.output


def test_a_refusal_half_way_leaves_nothing_behind(either_url: str):
    """Somebody becomes staff between the check and the writing."""
    data = {
        "holidays": [{"date": "2026-12-25", "name": "Natal"}],
        "accounts": [{"id": "acme", "name": "Acme"}],
        "contacts": [
            {"email": "eva@acme.example", "account": "acme"},
            {"email": "dora@enroute.example", "account": "acme"},
        ],
    }

    async def race() -> None:
        database = open_database(either_url)
        target = Target(database)
        try:
            plan = await plan_for(database, data)
            async with database.transaction() as conn:
                await accounts_store.put_staff(
                    conn, email="dora@enroute.example", name="Dora", role="dispatcher", now_s=0
                )
            with pytest.raises(EmailTaken):
                await apply_import(target, plan)
        finally:
            target.passwords.close()
            await database.close()

    asyncio.run(race())

    found = stored(either_url)
    assert [person.email for person in found.pop("people")] == ["dora@enroute.example"]
    assert not any(found.values())


def test_every_row_moves_the_progress_bar_once(url: str):
    async def steps() -> tuple[int, list[int]]:
        database = open_database(url)
        target, done = Target(database), []
        try:
            plan = await plan_for(database, SET_UP)
            await apply_import(target, plan, progress=done.append)
            await apply_import(target, plan, progress=done.append)
            return plan.total, done
        finally:
            target.passwords.close()
            await database.close()

    total, done = asyncio.run(steps())

    assert sum(done) == 2 * total
    assert done[-1] == total


def test_many_new_people_are_written_with_few_statements_because_a_server_may_be_waiting(either_url: str):
    contacts = [{"email": f"contact-{n}@acme.example", "account": "acme"} for n in range(1200)]

    async def steps() -> list[int]:
        database = open_database(either_url)
        target, done = Target(database), []
        try:
            plan = await plan_for(database, {"accounts": [{"id": "acme", "name": "Acme"}], "contacts": contacts})
            await apply_import(target, plan, progress=done.append)
            return done
        finally:
            target.passwords.close()
            await database.close()

    done = asyncio.run(steps())

    assert done == [0, 1, 500, 500, 200]
    assert len(stored(either_url)["people"]) == 1200


def test_imports_at_the_same_time_queue_and_the_later_ones_change_nothing(either_url: str):
    data = {
        "accounts": [{"id": "acme", "name": "Acme"}],
        "contacts": [{"email": f"contact-{n}@acme.example", "account": "acme"} for n in range(20)],
    }

    async def race() -> list[int]:
        database = open_database(either_url)
        target = Target(database)
        try:
            plan = await plan_for(database, data)
            changes = await asyncio.gather(*(apply_import(target, plan) for _ in range(4)))
            return sorted(change.total for change in changes)
        finally:
            target.passwords.close()
            await database.close()

    assert asyncio.run(race()) == [0, 0, 0, 21]
    assert len(stored(either_url)["people"]) == 20


def test_the_example_files_import_cleanly_and_give_technicians_who_can_be_booked(tmp_path: Path, url: str):
    written = CliRunner().invoke(import_command, ["--template", str(tmp_path / "mine")])
    first = CliRunner().invoke(import_command, [str(tmp_path / "mine"), "--database", url])
    again = CliRunner().invoke(import_command, [str(tmp_path / "mine"), "--database", url])

    assert written.exit_code == first.exit_code == again.exit_code == 0, written.output + first.output
    found = stored(url)
    assert all(found.values())
    assert all(technician.shifts and technician.skills for technician in found["technicians"])
    assert all(new == changed == removed == 0 for new, changed, _, removed in table(again).values())


def test_example_files_overwrite_nothing(tmp_path: Path):
    (tmp_path / "shifts.csv").write_text("mine")

    result = CliRunner().invoke(import_command, ["--template", str(tmp_path)])

    assert result.exit_code == 1
    assert "shifts.csv already; nothing was written" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["shifts.csv"]


def test_the_holidays_of_a_country_can_be_imported_again_and_again(tmp_path: Path, url: str):
    arguments = ["--holidays", "PT", "--years", "2026-2027", "--database", url]

    first = CliRunner().invoke(import_command, arguments)
    again = CliRunner().invoke(import_command, arguments)

    assert first.exit_code == 0, first.output
    holidays = stored(url)["holidays"]
    assert Holiday(date=date(2026, 12, 25), name="Dia de Natal") in holidays
    assert table(first)["holidays"] == [len(holidays), 0, 0, 0]
    assert table(again)["holidays"] == [0, 0, len(holidays), 0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name files to import"),
        (["--years", "2026"], "Name files to import"),
        (["--holidays", "XX"], "no holidays are known for 'XX'"),
        (["--holidays", "PT", "--years", "20"], "no year"),
        (["nowhere.csv"], "does not exist"),
        (["--template", "t", "--holidays", "PT"], "import them in a second call"),
    ],
)
def test_a_call_that_makes_no_sense_says_what_would(arguments: list[str], words: str, url: str):
    result = CliRunner().invoke(import_command, [*arguments, "--database", url])

    assert result.exit_code in (1, 2)
    assert words in result.output


def test_the_help_names_the_columns_of_every_file():
    result = CliRunner().invoke(import_command, ["--help"])

    assert "shifts.csv" in result.output
    assert "duration_min*" in result.output
