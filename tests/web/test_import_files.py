"""Which list a file is about, and files that are none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web import import_files
from web.import_entries import Entries
from web.import_files import SourceFile, UnreadableFiles, entries_of, read_files
from web.import_plan import ExistingIds, plan_entries

SQUARE = {
    "type": "Polygon",
    "coordinates": [[[-8.7, 41.1], [-8.5, 41.1], [-8.5, 41.2], [-8.7, 41.2], [-8.7, 41.1]]],
}


def entries(**contents: str | bytes | Any) -> Entries:
    """`shifts_csv=…` is a file shifts.csv; what is no text is written as JSON."""
    files = []
    for name, content in contents.items():
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        files.append(
            SourceFile(".".join(name.rsplit("_", 1)), content.encode() if isinstance(content, str) else content)
        )
    return entries_of(files)


def only_problem(found: Entries) -> str:
    (problem,) = found.problems
    return str(problem)


def test_a_byte_order_mark_is_not_part_of_the_first_column():
    found = entries(holidays_csv="\ufeffdate,name\n2026-12-25,Natal\n")

    assert found.problems == []
    assert found.lists["holidays"][0].data == {"date": "2026-12-25", "name": "Natal"}


@pytest.mark.parametrize("name", ["shifts.csv", "SHIFTS.CSV", "2026 shifts.csv", "our-shifts-v2.csv"])
def test_a_csv_file_is_named_after_its_list(name: str):
    found = entries_of([SourceFile(name, b"technician,weekday,start,end\nana,mon,08:00,16:00\n")])

    assert (found.problems, len(found.lists["shifts"])) == ([], 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("people.csv", "named after the one list in it"),
        ("shifts and breaks.csv", "named after the one list in it"),
        ("territories.csv", "territories.geojson"),
    ],
)
def test_a_csv_file_that_names_no_list_is_refused_with_the_names(name: str, words: str):
    assert words in only_problem(entries_of([SourceFile(name, b"id\n")]))


@pytest.mark.parametrize(
    ("content", "at", "words"),
    [
        ("date,name\n2026-12-25,Natal\n2026-12-26,São\n".encode("latin-1"), "holidays.csv:3", "not UTF-8"),
        ("date,name\n".encode("utf-16"), "holidays.csv", "UTF-16"),
        (b"PK\x03\x04rest", "holidays.csv", "workbook"),
    ],
)
def test_a_file_in_another_encoding_is_refused_with_the_way_out(content: bytes, at: str, words: str):
    problem = only_problem(entries_of([SourceFile("holidays.csv", content)]))

    assert problem.startswith(f"{at}: ")
    assert words in problem
    assert "CSV UTF-8" in problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "a.json:1: the file is not JSON"),
        ('{\n "sites": [},\n}', "a.json:2: the file is not JSON"),
        ('{"sites": [], "sites": []}', "'sites' stands twice in one object"),
        ('{"sites": [{"lat": NaN}]}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"accounts": [{"id": "a", "name": "\\ud800"}]}', "surrogates not allowed"),
        ("null", "a.json: $: the file must be one JSON object"),
        ("[]", "a file with a bare list is named after it"),
    ],
)
def test_a_file_that_is_no_set_up_in_json_is_refused(content: str, words: str):
    assert words in only_problem(entries(a_json=content))


def test_a_bare_list_is_what_its_file_is_called():
    found = entries(holidays_json=[{"date": "2026-12-25", "name": "Natal"}])

    assert (found.problems, len(found.lists["holidays"])) == ([], 1)


@pytest.mark.parametrize("name", ["areas_geojson", "areas_json"])
def test_every_feature_of_a_geojson_file_is_a_territory(name: str):
    features = [
        {"type": "Feature", "properties": {"id": "porto", "name": "Porto", "colour": "red"}, "geometry": SQUARE},
        {"type": "Feature", "id": 7, "properties": None, "geometry": SQUARE},
    ]

    plan = plan_entries(entries(**{name: {"type": "FeatureCollection", "features": features}}))

    assert plan.errors == []
    assert [(row.id, row.name, row.polygon) for row in plan.territories] == [
        ("porto", "Porto", SQUARE),
        ("7", "7", SQUARE),
    ]


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (
            {"type": "Feature", "properties": {"name": "Porto"}, "geometry": SQUARE},
            "features[0]: a territory needs an id",
        ),
        (SQUARE, "features[0]: expected a GeoJSON Feature"),
        (
            {"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [1, 2]}},
            "features[0].polygon: expected a GeoJSON Polygon or MultiPolygon",
        ),
        ({"type": "Feature", "id": "a", "geometry": None}, "features[0].polygon: Expected `object`, got `null`"),
    ],
)
def test_a_feature_that_is_no_territory_is_named_by_its_place(feature: dict[str, Any], words: str):
    (error,) = plan_entries(entries(a_geojson={"type": "FeatureCollection", "features": [feature]})).errors

    assert str(error).startswith(f"a.geojson: {words}")


def test_a_geojson_file_must_hold_geojson():
    assert "FeatureCollection" in only_problem(entries(a_geojson={"territories": []}))


def test_rows_of_one_file_may_point_to_rows_of_a_later_one():
    plan = plan_entries(
        entries(
            assets_csv="id,account,site,name\noven,acme,shop,Oven\n",
            rest_json={"sites": [{"id": "shop", "account": "acme", "name": "Shop", "time_zone": "UTC"}]},
            accounts_csv="id,name,site\nacme,Acme,shop\n",
        )
    )

    assert plan.errors == []
    assert plan.counts() == {"accounts": 1, "sites": 1, "assets": 1}


def test_a_row_that_stands_twice_is_refused_with_both_places():
    plan = plan_entries(
        entries(
            services_csv="id,name,duration_min\ncheck,Check,60\n",
            more_json={"services": [{"id": "check", "name": "Check", "duration_min": 30}]},
        )
    )

    assert [str(error) for error in plan.errors] == [
        "more.json: services[0]: 'check' stands twice in services; first at services.csv:2"
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "shifts_csv",
            "technician,weekday,start,end\nana,mon,8h,16:00\n",
            "shifts.csv:2: start: expected a time such as 08:00; got '8h'",
        ),
        (
            "shifts_csv",
            "technician,weekday,start,end\nana,mon,24:00,06:00\n",
            "shifts.csv:2: start: a day starts at 00:00; 24:00 is an end",
        ),
        (
            "shifts_csv",
            "technician,weekday,start,end\nana,mon-fri,16:00,16:00\n",
            "shifts.csv:2: start and end are the same time",
        ),
        (
            "breaks_csv",
            "technician,weekday,start,end\nana,someday,08:00,09:00\n",
            "breaks.csv:2: weekday: expected a weekday: 0 for Monday to 6 for Sunday; in CSV also mon, or mon-fri;"
            " got 'someday'",
        ),
        (
            "skills_csv",
            "technician,skill\nbob,gas\n",
            "skills.csv:2: technician: 'bob' is neither in technicians here nor in the installation",
        ),
        (
            "exceptions_csv",
            "technician,date,kind,start\nana,2026-12-24,off,08:00\n",
            "exceptions.csv:2: end: start and end come together or not at all",
        ),
        (
            "exceptions_csv",
            "technician,date,kind\nana,2026-12-24,extra\n",
            "exceptions.csv:2: start: extra time needs its start and end",
        ),
        (
            "exceptions_csv",
            "technician,date,kind\nana,2026-02-30,off\n",
            "exceptions.csv:2: date: 2026-02-30 is no day of the calendar: day is out of range for month",
        ),
        (
            "services_csv",
            "id,name,duration_min\ncheck,Check,an hour\n",
            "services.csv:2: duration_min: expected minutes, a whole number from 1 to 1440; got 'an hour'",
        ),
        (
            "technicians_csv",
            "id,name,time_zone,home_lat,home_lon\nbo,Bo,UTC,0,0\n",
            "technicians.csv:2: home: 0,0 is no home; leave it out while it is unknown",
        ),
        (
            "technicians_csv",
            "id,name,time_zone,home_lat\nbo,Bo,UTC,41.1\n",
            "technicians.csv:2: home: Object missing required field `lon`",
        ),
        (
            "holidays_csv",
            "date,name\n2026-12-25,Na\0tal\n",
            "holidays.csv:2: name: a NUL character cannot be stored; remove it",
        ),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(name: str, content: str, expected: str):
    found = entries(**{name: content})

    plan = plan_entries(found, ExistingIds(technicians=frozenset({"ana"})))

    assert [str(error) for error in plan.errors] == [expected]


def test_a_password_that_is_refused_is_not_repeated():
    plan = plan_entries(entries(contacts_csv="email,account,password\na@b.example,acme,hunter2\n"))

    assert "hunter2" not in "".join(map(str, plan.errors))
    assert any("password" in error.at for error in plan.errors)


def test_hours_given_in_two_places_are_refused():
    technician = {"id": "ana", "name": "Ana", "time_zone": "UTC", "shifts": []}

    plan = plan_entries(
        entries(a_json={"technicians": [technician]}, shifts_csv="technician,weekday,start,end\nana,mon,08:00,16:00\n")
    )

    assert [error.at for error in plan.errors] == ["a.json: technicians[0].shifts"]


CSV_PIECES = [
    "technician",
    "weekday",
    "start",
    "end",
    "ana",
    "mon-fri",
    "8:00",
    "24:00",
    "\n",
    "\r\n",
    ",",
    ";",
    '"',
    " ",
    "\0",
]
JSON_PIECES = ['{"shifts":', "[", "]", "{", "}", '"type":"Feature"', ":", "1e999", "NaN", "\ufeff", "ß", "\\ud800"]
PIECES = st.sampled_from([*CSV_PIECES, *JSON_PIECES])


@given(
    name=st.sampled_from(["shifts.csv", "a.json", "a.geojson", "sites.json"]),
    content=st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=25).map(lambda some: "".join(some).encode())),
)
@settings(max_examples=150, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_in_a_sentence(name: str, content: bytes):
    plan = plan_entries(entries_of([SourceFile(name, content)]))

    for error in plan.errors:
        assert error.at
        assert error.detail
        str(error).encode()


def test_a_folder_is_all_files_in_it_that_can_be_imported(tmp_path: Path):
    for name in ("b.json", "a.csv", "c.geojson", ".hidden.csv", "~$a.csv", "notes.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "old.csv").mkdir()

    files, ignored = read_files([str(tmp_path)])

    assert [Path(file.name).name for file in files] == ["a.csv", "b.json", "c.geojson"]
    assert [Path(name).name for name in ignored] == ["notes.txt", "old.csv"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")

    files, _ = read_files([str(tmp_path), str(tmp_path / "a.json")])

    assert len(files) == 1


def test_a_folder_without_files_to_import_is_refused(tmp_path: Path):
    with pytest.raises(UnreadableFiles, match="holds no file"):
        read_files([str(tmp_path)])


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_files, "MAX_FILE_BYTES", 2**20)
    (tmp_path / "a.json").write_bytes(b" " * (2**20 + 1))

    with pytest.raises(UnreadableFiles, match="larger than 1 MiB"):
        read_files([str(tmp_path / "a.json")])


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_files, "MAX_ENTRIES", 2)

    found = entries(holidays_csv="date,name\n2026-12-24,a\n2026-12-25,b\n2026-12-26,c\n")

    assert "more than 2 rows" in only_problem(found)
