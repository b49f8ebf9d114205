"""Public holidays by country. Dates are those of the law, not what the package says today."""

from datetime import date

import pytest

from web.import_entries import Entries, Place
from web.import_holidays import UnknownCalendar, add_holidays, country_holidays, years_of


def names(code: str, *years: int) -> dict[str, str]:
    return {row["date"]: row["name"] for row in country_holidays(code, years)}


def test_the_holidays_of_a_country_have_its_own_names():
    portugal = names("PT", 2026)

    assert portugal["2026-04-25"] == "Dia da Liberdade"
    assert portugal["2026-12-25"] == "Dia de Natal"
    assert "2026-06-04" in portugal  # Corpo de Deus, sixty days after Easter
    assert "2026-12-24" not in portugal


def test_names_do_not_depend_on_the_language_of_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LANGUAGE", "en_US")
    monkeypatch.setenv("LANG", "en_US.UTF-8")

    assert names("DE", 2026)["2026-10-03"] == "Tag der Deutschen Einheit"


def test_a_subdivision_adds_its_own_days():
    assert "2026-01-06" in names("DE-BY", 2026)
    assert "2026-01-06" not in names("DE", 2026)


def test_a_holiday_that_is_kept_on_another_day_has_both():
    united_states = names("us", 2026)

    assert {"2026-07-03", "2026-07-04"} <= set(united_states)


def test_several_years_come_in_order():
    dates = list(names("PT", 2027, 2026))

    assert dates == sorted(dates)
    assert {date.fromisoformat(each).year for each in dates} == {2026, 2027}


@pytest.mark.parametrize(
    ("code", "words"),
    [("XX", "no holidays are known for 'XX'"), ("PT-ZZ", "no subdivision 'ZZ'"), ("", "two letters"), ("DE-BX", "BY")],
)
def test_a_country_nobody_knows_is_refused(code: str, words: str):
    with pytest.raises(UnknownCalendar, match=words):
        country_holidays(code, [2026])


@pytest.mark.parametrize(("text", "years"), [("2026", [2026]), ("2026-2028", [2026, 2027, 2028])])
def test_years_are_one_or_a_span(text: str, years: list[int]):
    assert list(years_of(text)) == years


@pytest.mark.parametrize("text", ["", "26", "2028-2026", "2026-2060", "1999", "2099-2101", "next"])
def test_a_span_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(UnknownCalendar):
        years_of(text)


def test_a_day_in_a_file_and_the_calendar_named_first_count_more():
    entries = Entries()
    entries.add("holidays", Place("holidays.csv", 2), {"date": "2026-12-25", "name": "Closed"})

    add_holidays(entries, ["PT", "DE"], [2026])

    found = {entry.data["date"]: entry.data["name"] for entry in entries.lists["holidays"]}
    assert len(found) == len(entries.lists["holidays"])
    assert found["2026-12-25"] == "Closed"
    assert found["2026-01-01"] == "Ano Novo"
    assert found["2026-10-03"] == "Tag der Deutschen Einheit"
