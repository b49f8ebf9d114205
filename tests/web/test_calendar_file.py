from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from dateutil.tz import tzical
from icalendar import Calendar

from web.calendar_file import CalendarVisit, Mailbox, calendar_part
from web.calendar_zone import time_zone_around

LISBON = ZoneInfo("Europe/Lisbon")
ORGANIZER = Mailbox("visits@acme.example", "Acme")
CUSTOMER = Mailbox("rui@home.example", "Rui")
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
    made_s=1_764_000_600,
    changed_s=1_764_000_000,
    url="https://visits.example/appointments/a1",
    organizer=ORGANIZER,
)

# Each with a visit two hours long from a quarter of an hour before the clocks change (UTC).
CHANGES = {
    "a gap": ("Europe/Lisbon", "2026-03-29T00:45"),
    "a repeated hour": ("Europe/Lisbon", "2026-10-25T00:45"),
    "a gap where winter is called the other time": ("Europe/Dublin", "2026-03-29T00:45"),
    "half an hour forward": ("Australia/Lord_Howe", "2026-10-03T15:15"),
    "half an hour back": ("Australia/Lord_Howe", "2026-04-04T14:45"),
    "midnight forward": ("America/Havana", "2026-03-08T04:45"),
    "an hour back to midnight": ("America/Havana", "2026-11-01T04:45"),
    "a day that begins at one": ("Africa/Cairo", "2026-04-23T21:45"),
    "a day that ends twice": ("Africa/Cairo", "2026-10-29T20:45"),
    "a month of another time": ("Africa/Casablanca", "2026-03-22T01:45"),
    "the turn of a year": ("Europe/Lisbon", "2026-12-31T23:00"),
    "a zone without changes": ("Asia/Tokyo", "2026-05-05T05:00"),
    "no zone at all": ("UTC", "2026-05-05T05:00"),
}


def read(visit: CalendarVisit) -> Calendar:
    return Calendar.from_ical(calendar_part(visit).body)


def at(time_zone: str, instant_s: int) -> CalendarVisit:
    return msgspec.structs.replace(
        VISIT, time_zone=time_zone, window_start_s=instant_s, window_end_s=instant_s + 2 * 3600
    )


def utc_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def as_a_stranger_reads_it(calendar: Calendar, name: str) -> datetime:
    """The instant by the file's own VTIMEZONE alone, read by other code than the one that wrote it."""
    time = calendar.events[0][name]
    if time.to_ical().endswith(b"Z"):
        return time.dt
    rules = tzical(StringIO(calendar.timezones[0].to_ical().decode()))
    assert str(calendar.timezones[0]["TZID"]) == time.params["TZID"]
    return datetime.strptime(time.to_ical().decode(), "%Y%m%dT%H%M%S").replace(tzinfo=rules.get()).astimezone(UTC)


def test_a_calendar_file_names_the_window_in_the_zone_of_the_site():
    calendar = read(VISIT)

    event = calendar.events[0]
    assert event["DTSTART"].dt == datetime(2026, 7, 1, 8, tzinfo=LISBON)
    assert event["DTEND"].dt == datetime(2026, 7, 1, 10, tzinfo=LISBON)
    assert event["DTSTART"].params["TZID"] == event["DTEND"].params["TZID"] == "Europe/Lisbon"
    assert calendar.timezones[0]["TZID"] == "Europe/Lisbon"


def test_a_file_to_be_fetched_is_published_by_the_company_and_invites_nobody():
    calendar = read(VISIT)

    event = calendar.events[0]
    assert calendar["METHOD"] == "PUBLISH"
    assert event["ORGANIZER"] == "mailto:visits@acme.example"
    assert event["ORGANIZER"].params["CN"] == "Acme"
    assert event["STATUS"] == "CONFIRMED"
    assert "ATTENDEE" not in event


def test_a_file_for_one_person_is_a_request_that_they_have_accepted_already():
    part = calendar_part(msgspec.structs.replace(VISIT, attendee=CUSTOMER))

    calendar = Calendar.from_ical(part.body)
    attendee = calendar.events[0]["ATTENDEE"]
    assert part.method == calendar["METHOD"] == "REQUEST"
    assert attendee == "mailto:rui@home.example"
    assert (attendee.params["CN"], attendee.params["PARTSTAT"], attendee.params["RSVP"]) == ("Rui", "ACCEPTED", "FALSE")


@pytest.mark.parametrize("attendee", [None, CUSTOMER], ids=["fetched", "mailed"])
def test_a_canceled_visit_is_struck_out_in_the_calendar(attendee: Mailbox | None):
    part = calendar_part(msgspec.structs.replace(VISIT, canceled=True, attendee=attendee))

    calendar = Calendar.from_ical(part.body)
    assert part.method == calendar["METHOD"] == "CANCEL"
    assert calendar.events[0]["STATUS"] == "CANCELLED"


def test_a_later_version_keeps_the_uid_and_raises_the_sequence():
    first = read(VISIT).events[0]
    second = read(msgspec.structs.replace(VISIT, version=4, attendee=CUSTOMER)).events[0]
    canceled = read(msgspec.structs.replace(VISIT, version=5, canceled=True)).events[0]

    assert first["UID"] == second["UID"] == canceled["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"], canceled["SEQUENCE"]) == (3, 4, 5)


def test_the_uid_does_not_change_when_the_server_gets_another_address():
    moved_house = msgspec.structs.replace(VISIT, url="https://other.example/appointments/a1")

    assert read(VISIT).events[0]["UID"] == read(moved_house).events[0]["UID"]


def test_of_two_files_with_one_sequence_the_stamp_tells_the_newer():
    event = read(VISIT).events[0]

    assert event["DTSTAMP"].dt == datetime.fromtimestamp(1_764_000_600, UTC)
    assert event["LAST-MODIFIED"].dt == datetime.fromtimestamp(1_764_000_000, UTC)


@pytest.mark.parametrize(("time_zone", "first"), CHANGES.values(), ids=list(CHANGES))
def test_every_quarter_of_an_hour_around_a_change_of_the_clocks_comes_back_as_it_was(time_zone: str, first: str):
    for quarter in range(-10, 12):
        start_s = utc_s(first) + quarter * 900
        calendar = read(at(time_zone, start_s))

        event = calendar.events[0]
        start, end = datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(start_s + 7200, UTC)
        assert (event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC)) == (start, end)
        assert as_a_stranger_reads_it(calendar, "DTSTART") == start
        assert as_a_stranger_reads_it(calendar, "DTEND") == end


def test_a_window_that_touches_a_repeated_hour_is_in_utc_because_wall_time_could_be_either():
    second_half_past_one = int(datetime(2026, 10, 25, 1, 30, fold=1, tzinfo=LISBON).timestamp())

    calendar = read(at("Europe/Lisbon", second_half_past_one))

    event = calendar.events[0]
    assert event["DTSTART"].to_ical() == b"20261025T013000Z"
    assert event["DTEND"].to_ical() == b"20261025T033000Z"
    assert calendar.timezones == []


@pytest.mark.parametrize("time_zone", sorted({name for name, _ in CHANGES.values()}))
def test_every_onset_in_the_file_is_the_second_at_which_the_clocks_change(time_zone: str):
    zone = ZoneInfo(time_zone)
    first, *changes = time_zone_around(zone, start_s=utc_s("2026-07-01"), end_s=utc_s("2026-07-02")).subcomponents

    def instant(rule) -> datetime:
        return rule["DTSTART"].dt.replace(tzinfo=UTC) - rule["TZOFFSETFROM"].td

    assert instant(first) == datetime(2025, 6, 30, tzinfo=UTC)
    for rule in changes:
        onset = instant(rule)
        assert (onset - timedelta(seconds=1)).astimezone(zone).utcoffset() == rule["TZOFFSETFROM"].td
        assert onset.astimezone(zone).utcoffset() == rule["TZOFFSETTO"].td
        assert rule["TZOFFSETFROM"].td != rule["TZOFFSETTO"].td
    days = [datetime(2025, 6, 30, tzinfo=UTC) + timedelta(days=day) for day in range(368 + 365)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    assert len(changes) == sum(before != after for before, after in pairwise(offsets))


def test_text_with_commas_semicolons_and_line_breaks_survives():
    event = read(msgspec.structs.replace(VISIT, description="a, b; c\nBEGIN:VEVENT")).events[0]

    assert str(event["DESCRIPTION"]) == "a, b; c\nBEGIN:VEVENT"


def test_a_name_cannot_write_lines_of_its_own():
    rude = Mailbox("rui@home.example", 'Rui "x"\r\nATTENDEE:mailto:eva@home.example')

    event = read(msgspec.structs.replace(VISIT, attendee=rude)).events[0]

    assert event["ATTENDEE"] == "mailto:rui@home.example"
    assert event["ATTENDEE"].params["CN"] == "Rui 'x' ATTENDEE:mailto:eva@home.example"
