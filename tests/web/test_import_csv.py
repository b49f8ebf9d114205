"""CSV as spreadsheets write it."""

from typing import Any

import pytest

from web.import_columns import COLUMNS
from web.import_csv import read_csv
from web.import_entries import Entries
from web.import_rows import ROW_TYPES

HEADER = "technician,weekday,start,end\n"


def read(kind: str, content: str) -> Entries:
    entries = Entries()
    read_csv(entries, kind, content, file=f"{kind}.csv")
    return entries


def rows(kind: str, content: str) -> list[Any]:
    entries = read(kind, content)
    assert entries.problems == []
    return [entry.data for entry in entries.lists[kind]]


def problems(kind: str, content: str) -> list[str]:
    return [str(problem) for problem in read(kind, content).problems]


def test_every_list_but_territories_has_columns_and_they_are_the_fields_of_its_rows():
    of_their_own = {"skills", "shifts", "breaks", "exceptions"}

    assert set(COLUMNS) == set(ROW_TYPES) - {"territories"}
    for kind, columns in COLUMNS.items():
        fields = set(ROW_TYPES[kind].__struct_fields__)
        if kind == "technicians":
            fields = fields - (of_their_own - {"skills"}) - {"home"} | {"home_lat", "home_lon"}
        assert set(columns) == fields, kind


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_part_the_cells(separator: str):
    content = "id,name,duration_min,enabled\ncheck,Check,60,TRUE\n".replace(",", separator)

    assert rows("services", content) == [{"id": "check", "name": "Check", "duration_min": 60, "enabled": True}]


def test_a_line_in_which_excel_names_the_separator_is_no_header():
    assert rows("holidays", "sep=;\r\ndate;name\r\n2026-12-25;Natal\r\n") == [{"date": "2026-12-25", "name": "Natal"}]


def test_numbers_may_have_a_decimal_comma_where_semicolons_part_the_cells():
    content = "id;account;name;time_zone;lat;lon\nhome;acme;Home;Europe/Lisbon;41,15;-8,61\n"

    (site,) = rows("sites", content)

    assert (site["lat"], site["lon"]) == (41.15, -8.61)


def test_a_cell_in_quotes_holds_separators_quotes_and_line_breaks():
    content = (
        'id,account,name,time_zone,address\r\nhome,acme,"The ""big"" one",UTC,"Rua 1,\r\nPorto"\r\nb,acme,B,UTC,\r\n'
    )

    first, second = read("sites", content).lists["sites"]

    assert first.data == {
        "id": "home",
        "account": "acme",
        "name": 'The "big" one',
        "time_zone": "UTC",
        "address": "Rua 1,\nPorto",
    }
    assert (str(first.place), str(second.place)) == ("sites.csv:2", "sites.csv:4")


def test_empty_lines_and_lines_of_separators_are_nothing():
    content = "\n;;;\ndate;name;;\n2026-12-25;Natal;;\n\n;;;\n  \n"

    assert rows("holidays", content) == [{"date": "2026-12-25", "name": "Natal"}]


def test_columns_may_stand_in_any_order_and_be_written_like_titles():
    content = "Name,Duration min,ID\nCheck,60,check\n"

    assert rows("services", content) == [{"name": "Check", "duration_min": 60, "id": "check"}]


@pytest.mark.parametrize("text", ["08:00", "8:00", "08:00:00"])
def test_a_time_is_taken_as_spreadsheets_write_it(text: str):
    assert rows("shifts", f"{HEADER}ana,mon,{text},24:00\n")[0] == {
        "technician": "ana",
        "weekday": 0,
        "start": "08:00",
        "end": "24:00",
    }


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0", [0]),
        ("Mon", [0]),
        ("sunday", [6]),
        ("mon-fri", [0, 1, 2, 3, 4]),
        ("Sat - Mon", [5, 6, 0]),
        ("fri-fri", [4]),
        ("0-1", [0, 1]),
    ],
)
def test_weekdays_are_numbers_names_or_spans(text: str, days: list[int]):
    assert [row["weekday"] for row in rows("shifts", f"{HEADER}ana,{text},08:00,16:00\n")] == days


def test_skills_and_territories_of_a_technician_stand_in_one_cell():
    content = "id,name,time_zone,skills,territories,home_lat,home_lon\nana,Ana,UTC,gas|water,,41.1,-8.6\n"

    assert rows("technicians", content) == [
        {
            "id": "ana",
            "name": "Ana",
            "time_zone": "UTC",
            "skills": ["gas", "water"],
            "home": {"lat": 41.1, "lon": -8.6},
        }
    ]


@pytest.mark.parametrize(
    ("content", "at", "words"),
    [
        ("date,name,nmae\n", "holidays.csv:1", "unknown column 'nmae'; did you mean name?"),
        ("date,name,date\n", "holidays.csv:1", "column 'date' stands twice"),
        ("\ndate\n", "holidays.csv:2", "column 'name' is missing"),
        ("date,,name\n", "holidays.csv:1", "column 2 has no name"),
        ("", "holidays.csv", "the file is empty"),
        ("date,name\n2026-12-25,Natal, e mais\n", "holidays.csv:2", "more cells than columns"),
        ('date,name\n2026-12-25,Natal\n2026-12-26,"Boxing\nDay', "holidays.csv:3", "quotation mark"),
        ('date,name\n2026-12-26,"Boxing" Day\n', "holidays.csv:2", "quotation mark"),
        (f"date,name\n2026-12-26,{'x' * 200_000}\n", "holidays.csv:2", "field larger than"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(content: str, at: str, words: str):
    (problem,) = problems("holidays", content)

    assert problem.startswith(f"{at}: ")
    assert words in problem


def test_a_file_in_which_everything_is_wrong_is_given_up_on():
    assert len(problems("holidays", "date,name\n" + "2026-12-25,a,b\n" * 5000)) < 1100


def test_what_makes_no_sense_stays_for_the_checks_to_name():
    assert rows("shifts", f"{HEADER}ana,someday,8h,16.00\n") == [
        {"technician": "ana", "weekday": "someday", "start": "8h", "end": "16.00"}
    ]


def test_switches_are_written_as_people_say_them():
    assert rows("switches", "switch,on\nsurveys,off\ntechnician_tracking,on\n") == [
        {"switch": "surveys", "on": False},
        {"switch": "technician_tracking", "on": True},
    ]
