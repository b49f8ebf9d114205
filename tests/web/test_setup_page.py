"""The page of the set-up: what its tables say, and for whom."""

import datetime

from slots.model import Holiday, Resource, ServiceType, Shift, ShiftException, Territory
from tests.web.api.house import House
from web.setup_page import (
    day_table,
    exception_words,
    holiday_table,
    skill_table,
    technician_table,
    territory_table,
    week_words,
)

TODAY = datetime.date(2026, 11, 23)
PATH = "/dispatch/setup"


def hours(start_min: int, end_min: int, *weekdays: int) -> list[Shift]:
    return [Shift(weekday=day, start_min=start_min, end_min=end_min) for day in weekdays]


def test_hours_are_told_by_runs_of_days():
    week = [*hours(480, 990, 0, 1, 2, 3, 4), *hours(1200, 120, 5)]

    assert week_words(reversed(week)) == "Mon–Fri 08:00–16:30; Sat 20:00–02:00"
    assert week_words(hours(480, 1440, 0, 1, 3, 6)) == "Mon, Tue, Thu, Sun 08:00–24:00"
    assert week_words([]) == ""


def test_a_day_that_differs_says_how():
    christmas = datetime.date(2026, 12, 24)

    assert exception_words(ShiftException(date=christmas, kind="off")) == "24 Dec 2026 off"
    half = ShiftException(date=christmas, kind="off", start_min=720)
    assert exception_words(half) == "24 Dec 2026 off 12:00–24:00"
    extra = ShiftException(date=christmas, kind="extra", start_min=540, end_min=780)
    assert exception_words(extra) == "24 Dec 2026 also 09:00–13:00"


def test_of_days_only_those_ahead_are_shown():
    days = [datetime.date(2026, 11, 22), TODAY, datetime.date(2026, 12, 25)]
    ana = Resource(
        id="ana",
        name="Ana",
        time_zone="Europe/Lisbon",
        exceptions=tuple(ShiftException(date=day, kind="off") for day in days),
    )

    technicians = technician_table([ana], [], today=TODAY)
    holidays = holiday_table([Holiday(date=day, name="x") for day in days], today=TODAY)

    assert technicians.rows == [["Ana", "ana", "Everywhere", "–", "–", "–", "23 Nov 2026 off; 25 Dec 2026 off"]]
    assert [row[0] for row in holidays.rows] == ["23 Nov 2026", "25 Dec 2026"]
    assert holidays.removals == ["/api/dispatch/holidays/2026-11-23", "/api/dispatch/holidays/2026-12-25"]
    assert day_table([ana], today=TODAY).removals == [
        "/api/dispatch/technicians/ana/days/2026-11-23",
        "/api/dispatch/technicians/ana/days/2026-12-25",
    ]


def test_a_skill_that_nobody_has_and_a_territory_without_anybody_are_seen():
    ana = Resource(
        id="ana", name="Ana", time_zone="UTC", skills=frozenset({"gas"}), territories=frozenset({"porto"}), active=False
    )
    check = ServiceType(id="check", name="Check", duration_s=3600, skill="welding")
    areas = [Territory(id=name, name=name.title(), polygon="{}") for name in ("lisbon", "porto")]

    assert skill_table([check], [ana]).rows == [["gas", "Ana", "–"], ["welding", "nobody", "Check"]]
    assert territory_table(areas, [ana]).rows == [["Lisbon", "lisbon", "nobody"], ["Porto", "porto", "Ana"]]
    assert technician_table([ana], areas, today=TODAY).rows[0][:3] == ["Ana (not active)", "ana", "Porto"]


async def test_what_somebody_wrote_is_text_and_never_markup(house: House):
    row = {"id": "x", "name": "<img src=x onerror=alert(1)>", "duration_min": 30}
    await house.dora.post("/api/dispatch/import", json={"services": [row]})

    page = (await house.dora.get(PATH)).text

    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


async def test_the_switches_stand_as_they_are(house: House):
    await house.switch(surveys=False)

    page = (await house.dora.get(PATH)).text

    assert 'data-switch="surveys" aria-checked="false"' in page
    assert 'data-switch="technician_tracking" aria-checked="true"' in page


async def test_the_page_is_for_dispatchers_and_admins(house: House):
    for client, status in ((house.dora, 200), (house.ada, 200), (house.rui, 303), (house.ana, 303)):
        assert (await client.get(PATH)).status_code == status
