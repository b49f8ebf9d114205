"""One visit as an iCalendar file that calendars add, update (SEQUENCE) and strike out (METHOD:CANCEL).

The file that a person fetches is published; the part of an e-mail is a request, because most calendars update and
remove by themselves only what reached them as one (RFC 5546 for the words, RFC 6047 for the mail).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from icalendar import Calendar, Event, vCalAddress, vGeo, vText

from web.calendar_zone import is_ambiguous, time_zone_around

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]


class Mailbox(msgspec.Struct, frozen=True):
    """A person or the company, as an address in the file."""

    email: str
    name: str = ""


class CalendarVisit(msgspec.Struct, frozen=True, kw_only=True):
    """What a calendar entry says. Instants in seconds since 1970.

    `made_s` is when the file was made, `changed_s` when this version of the visit was. With an `attendee` the file is
    for that person alone; the `organizer` must then be the sender of the mail, or calendars take no change from it.
    """

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
    made_s: int
    changed_s: int
    url: str
    organizer: Mailbox | None = None
    attendee: Mailbox | None = None

    @property
    def method(self) -> Method:
        if self.canceled:
            return "CANCEL"
        return "PUBLISH" if self.attendee is None else "REQUEST"


class CalendarPart(msgspec.Struct, frozen=True):
    """A text/calendar body and the method that its content type must repeat."""

    method: Method
    body: bytes


def calendar_part(visit: CalendarVisit) -> CalendarPart:
    """The UID depends on the visit alone, so a later file replaces an earlier one wherever either came from."""
    zone = ZoneInfo(visit.time_zone)
    zoned = not (is_ambiguous(visit.window_start_s, zone) or is_ambiguous(visit.window_end_s, zone))
    calendar = Calendar()
    calendar.add("prodid", "-//Enroute//Enroute//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", visit.method)
    if zoned:
        calendar.add_component(time_zone_around(zone, start_s=visit.window_start_s, end_s=visit.window_end_s))
    calendar.add_component(_event(visit, zone if zoned else None))
    return CalendarPart(visit.method, bytes(calendar.to_ical()))


def _event(visit: CalendarVisit, zone: ZoneInfo | None) -> Event:
    """Without a zone in UTC: only that can tell the two runs of a repeated hour apart."""
    event = Event()
    event.add("uid", f"{visit.appointment_id}@enroute")
    event.add("sequence", visit.version)
    event.add("dtstamp", datetime.fromtimestamp(visit.made_s, UTC))
    event.add("last-modified", datetime.fromtimestamp(visit.changed_s, UTC))
    event.add("dtstart", _time(visit.window_start_s, zone))
    event.add("dtend", _time(visit.window_end_s, zone))
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
    if visit.organizer is not None:
        event.add("organizer", _address(visit.organizer))
    if visit.attendee is not None:
        attendee = _address(visit.attendee)
        attendee.params["CUTYPE"] = vText("INDIVIDUAL")
        attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
        # They booked it themselves: there is nothing to answer.
        attendee.params["PARTSTAT"] = vText("ACCEPTED")
        attendee.params["RSVP"] = vText("FALSE")
        event.add("attendee", attendee)
    return event


def _address(box: Mailbox) -> vCalAddress:
    address = vCalAddress(f"mailto:{box.email}")
    # A parameter has no way to write quotes and line breaks.
    if name := " ".join(box.name.replace('"', "'").split()):
        address.params["CN"] = vText(name)
    return address


def _time(instant_s: int, zone: ZoneInfo | None) -> datetime:
    return datetime.fromtimestamp(instant_s, zone or UTC)
