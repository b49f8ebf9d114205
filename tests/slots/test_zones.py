from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from slots.zones import clock_leaves, clock_reaches, day_bounds, instants, local_date, start_grid

LISBON = ZoneInfo("Europe/Lisbon")
SPRING = datetime.date(2026, 3, 29)  # 01:00 becomes 02:00
AUTUMN = datetime.date(2026, 10, 25)  # 02:00 becomes 01:00
HOUR = 3600


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    return int(datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC).timestamp())


def test_a_plain_local_time_is_one_instant() -> None:
    assert instants(datetime.date(2026, 6, 1), 8 * HOUR, LISBON) == (utc(2026, 6, 1, 7),)


def test_a_local_time_that_does_not_exist_is_no_instant() -> None:
    assert instants(SPRING, HOUR + 1800, LISBON) == ()


def test_a_local_time_of_the_repeated_hour_is_two_instants_in_order() -> None:
    assert instants(AUTUMN, HOUR + 1800, LISBON) == (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30))


def test_seconds_beyond_midnight_are_the_next_day() -> None:
    assert instants(datetime.date(2026, 6, 1), 26 * HOUR, LISBON) == (utc(2026, 6, 2, 1),)


def test_a_shift_edge_in_the_skipped_hour_is_where_the_clocks_have_jumped() -> None:
    assert clock_reaches(SPRING, HOUR + 1800, LISBON) == utc(2026, 3, 29, 1)
    assert clock_leaves(SPRING, HOUR + 1800, LISBON) == utc(2026, 3, 29, 1)


def test_a_shift_over_the_repeated_hour_has_all_of_it() -> None:
    assert clock_reaches(AUTUMN, HOUR + 1800, LISBON) == utc(2026, 10, 25, 0, 30)
    assert clock_leaves(AUTUMN, HOUR + 1800, LISBON) == utc(2026, 10, 25, 1, 30)


def test_a_shift_that_ends_where_the_repeated_hour_begins_has_none_of_it() -> None:
    assert clock_leaves(AUTUMN, HOUR, LISBON) == utc(2026, 10, 25, 0)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (datetime.date(2026, 6, 1), 24)])
def test_a_calendar_day_has_23_24_or_25_hours(day: datetime.date, hours: int) -> None:
    start, end = day_bounds(day, LISBON)

    assert end - start == hours * HOUR


def test_a_day_may_begin_later_than_midnight() -> None:
    # Santiago jumps over midnight itself: the day begins at 01:00.
    santiago, day = ZoneInfo("America/Santiago"), datetime.date(2026, 9, 6)

    start, end = day_bounds(day, santiago)

    assert datetime.datetime.fromtimestamp(start, santiago).hour == 1
    assert end - start == 23 * HOUR


def test_the_grid_of_a_plain_day_is_even() -> None:
    day = datetime.date(2026, 6, 1)

    grid = start_grid(day, day, step_s=1800, zone=LISBON)

    assert len(grid) == 48
    assert grid[0] == (utc(2026, 5, 31, 23), day)
    assert {b[0] - a[0] for a, b in zip(grid, grid[1:], strict=False)} == {1800}  # noqa: RUF007


def test_the_grid_leaves_out_what_does_not_exist_and_has_the_repeated_hour_twice() -> None:
    spring = start_grid(SPRING, SPRING, step_s=1800, zone=LISBON)
    autumn = start_grid(AUTUMN, AUTUMN, step_s=1800, zone=LISBON)

    assert (len(spring), len(autumn)) == (46, 50)
    assert autumn == sorted(set(autumn))
    walls = [datetime.datetime.fromtimestamp(instant, LISBON).strftime("%H:%M") for instant, _ in autumn]
    assert walls[2:6] == ["01:00", "01:30", "01:00", "01:30"]


def test_days_count_by_the_local_calendar() -> None:
    assert local_date(utc(2026, 6, 1, 23, 30), LISBON) == datetime.date(2026, 6, 2)


# How far the clocks go, on which day: today's forms, and the day that Samoa left out.
@pytest.mark.parametrize(
    ("zone_name", "day"),
    [
        ("Europe/Lisbon", "2026-03-29"),
        ("Europe/Lisbon", "2026-10-25"),
        ("Australia/Lord_Howe", "2026-04-05"),
        ("Australia/Lord_Howe", "2026-10-04"),
        ("Antarctica/Troll", "2026-03-29"),
        ("Antarctica/Troll", "2026-10-25"),
        ("Pacific/Chatham", "2026-04-05"),
        ("Pacific/Chatham", "2026-09-27"),
        ("Africa/Cairo", "2026-04-24"),
        ("Africa/Cairo", "2026-10-29"),
        ("America/Havana", "2026-03-08"),
        ("America/Havana", "2026-11-01"),
        ("Asia/Beirut", "2026-10-24"),
        ("America/Nuuk", "2026-03-28"),
        ("Pacific/Apia", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30"),
    ],
)
def test_on_every_form_of_change_the_grid_is_what_the_wall_shows(zone_name: str, day: str) -> None:
    zone, date = ZoneInfo(zone_name), datetime.date.fromisoformat(day)
    noon_s = int(datetime.datetime.combine(date, datetime.time(12), datetime.UTC).timestamp())
    shown = [
        (instant, datetime.datetime.fromtimestamp(instant, zone))
        for instant in range(noon_s - 172_800, noon_s + 172_800, 60)
    ]

    grid = start_grid(date, date, step_s=900, zone=zone)

    assert grid == [(instant, date) for instant, wall in shown if wall.date() == date and wall.minute % 15 == 0]


def test_a_day_that_the_calendar_skips_has_no_start_and_no_time_of_duty() -> None:
    skipped = datetime.date(2011, 12, 30)

    start_s, end_s = day_bounds(skipped, ZoneInfo("Pacific/Apia"))

    assert start_s == end_s
    assert start_grid(skipped, skipped, step_s=900, zone=ZoneInfo("Pacific/Apia")) == []
