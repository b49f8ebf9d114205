from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Calendar

from web.calendar_file import CalendarVisit, calendar_file

LISBON = ZoneInfo("Europe/Lisbon")
VISIT = CalendarVisit(
    appointment_id="a1",
    version=3,
    canceled=False,
    title="Boiler check",
    description="Ring twice",
    location="Rua das Flores 1, Porto",
    lat=41.14,
    lon=-8.61,
    window_start_s=int(datetime(2026, 7, 1, 8, tzinfo=LISBON).timestamp()),
    window_end_s=int(datetime(2026, 7, 1, 10, tzinfo=LISBON).timestamp()),
    time_zone="Europe/Lisbon",
    stamp_s=1_764_000_000,
    url="https://visits.example/appointments/a1",
    host="visits.example",
)


def read(visit: CalendarVisit) -> Calendar:
    return Calendar.from_ical(calendar_file(visit))


def test_a_calendar_file_names_the_window_in_the_zone_of_the_site():
    calendar = read(VISIT)

    event = calendar.events[0]
    assert calendar["METHOD"] == "PUBLISH"
    assert event["DTSTART"].dt == datetime(2026, 7, 1, 8, tzinfo=LISBON)
    assert event["DTEND"].dt == datetime(2026, 7, 1, 10, tzinfo=LISBON)
    assert calendar.timezones[0]["TZID"] == "Europe/Lisbon"


def test_a_later_version_keeps_the_uid_and_raises_the_sequence():
    first = read(VISIT).events[0]
    second = read(msgspec.structs.replace(VISIT, version=4)).events[0]

    assert first["UID"] == second["UID"] == "a1@visits.example"
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (3, 4)


def test_a_canceled_visit_is_struck_out_in_the_calendar():
    event = read(msgspec.structs.replace(VISIT, canceled=True)).events[0]

    assert event["STATUS"] == "CANCELLED"


def test_the_second_of_a_repeated_hour_is_written_in_utc_because_wall_time_would_be_the_first():
    second_half_past_one = int(datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=LISBON).timestamp())

    event = read(
        msgspec.structs.replace(VISIT, window_start_s=second_half_past_one, window_end_s=second_half_past_one + 7200)
    ).events[0]

    assert event["DTSTART"].dt == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 10, 25, 3, 30, tzinfo=LISBON)


def test_text_with_commas_semicolons_and_line_breaks_survives():
    event = read(msgspec.structs.replace(VISIT, description="a, b; c\nBEGIN:VEVENT")).events[0]

    assert str(event["DESCRIPTION"]) == "a, b; c\nBEGIN:VEVENT"
