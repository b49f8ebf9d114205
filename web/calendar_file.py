"""One visit as an iCalendar file that calendars add, update (SEQUENCE) and strike out (STATUS:CANCELLED)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Calendar, Event, Timezone, vGeo


class CalendarVisit(msgspec.Struct, frozen=True, kw_only=True):
    """What a calendar entry says. Instants in seconds since 1970; `stamp_s` is when this version was made."""

    appointment_id: str
    version: int
    canceled: bool
    title: str
    description: str
    location: str
    lat: float | None
    lon: float | None
    window_start_s: int
    window_end_s: int
    time_zone: str
    stamp_s: int
    url: str
    host: str


def calendar_file(visit: CalendarVisit) -> bytes:
    """The bytes of a text/calendar body. The UID depends on the visit alone, so a later file replaces an earlier."""
    zone = ZoneInfo(visit.time_zone)
    start = _calendar_time(visit.window_start_s, zone)
    end = _calendar_time(visit.window_end_s, zone)
    event = Event()
    event.add("uid", f"{visit.appointment_id}@{visit.host}")
    event.add("sequence", visit.version)
    event.add("dtstamp", datetime.fromtimestamp(visit.stamp_s, UTC))
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", visit.title)
    event.add("status", "CANCELLED" if visit.canceled else "CONFIRMED")
    # Waiting for a technician does not make the whole window busy.
    event.add("transp", "TRANSPARENT")
    event.add("url", visit.url)
    if visit.description:
        event.add("description", visit.description)
    if visit.location:
        event.add("location", visit.location)
    if visit.lat is not None and visit.lon is not None:
        event.add("geo", vGeo((visit.lat, visit.lon)))
    calendar = Calendar()
    calendar.add("prodid", "-//Enroute//Enroute//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    if start.tzinfo is zone or end.tzinfo is zone:
        calendar.add_component(_time_zone_around(visit.time_zone, start.year))
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _calendar_time(instant_s: int, zone: ZoneInfo) -> datetime:
    local = datetime.fromtimestamp(instant_s, zone)
    # TZID plus wall time means the first of a repeated hour; only UTC can name the second.
    return local.astimezone(UTC) if local.fold else local


def _time_zone_around(name: str, year: int) -> Timezone:
    """The rules that hold around the visit; a century of them would be most of the file."""
    return Timezone.from_tzid(name, first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
