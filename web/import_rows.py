"""The rows of an import file, one Struct per list of the file; field rules that need no other row."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$|^[^@\s]+@localhost$", max_length=254)]
Phone = Annotated[str, Meta(min_length=3, max_length=40)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Weekday = Annotated[int, Meta(ge=0, le=6)]
DateText = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
StaffRole = Literal["technician", "dispatcher", "admin"]

# What a field wants, in words, where msgspec would show a regular expression.
WANTED: dict[str, str] = {
    "id": "an id: letters, digits and . _ ~ -, at most 64, beginning with a letter or a digit",
    "email": "an e-mail address",
    "start": "a time such as 08:00",
    "end": "a time such as 17:30, at the latest 24:00",
    "date": "a date such as 2026-12-25",
    "weekday": "a weekday: 0 for Monday to 6 for Sunday; in CSV also mon, or mon-fri",
    "duration_min": "minutes, a whole number from 1 to 1440",
    "enabled": "true or false",
    "active": "true or false",
    "on": "true or false",
    "lat": "degrees from -90 to 90",
    "lon": "degrees from -180 to 180",
    "max_travel_km": "kilometres above 0",
    "max_visits_a_day": "a whole number from 1 to 1000",
}
for _pointer in ("account", "site", "technician", "skill", "skills", "territories"):
    WANTED[_pointer] = WANTED["id"]


class Row(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of a list; an unknown field is refused, because a misspelt one would be lost in silence. What is left
    out when it is written means the same when it is read."""


class SiteRow(Row):
    """`lat` and `lon` come together or not at all; without them nobody can be routed there."""

    id: Id
    account: Id
    name: Name
    time_zone: str
    address: Annotated[str, Meta(max_length=500)] = ""
    lat: Latitude | None = None
    lon: Longitude | None = None


class AccountRow(Row):
    id: Id
    name: Name
    status: Literal["active", "inactive"] = "active"
    site: Id | None = None


class ContactRow(Row):
    """`language` is that of the messages until the person has said or shown which one they want."""

    email: Email
    account: Id
    name: Annotated[str, Meta(max_length=200)] = ""
    phone: Phone | None = None
    language: Literal["en", "de", "ar"] | None = None
    password: str | None = None


class StaffRow(Row):
    """An empty `name` leaves the one that is known."""

    email: Email
    name: Annotated[str, Meta(max_length=200)]
    role: StaffRole
    technician: Id | None = None
    password: str | None = None


class AssetRow(Row):
    id: Id
    account: Id
    site: Id
    name: Name


class ServiceRow(Row):
    """`duration_min` is the planned work on site in minutes; at most one day."""

    id: Id
    name: Name
    duration_min: Annotated[int, Meta(ge=1, le=1440)]
    skill: Id | None = None
    enabled: bool = True
    description: Annotated[str, Meta(max_length=2000)] = ""


class HomeRow(Row):
    lat: Latitude
    lon: Longitude


class WorkTime(Row):
    """Local times of one weekday (Monday is 0); an end at or before the start is on the next day."""

    weekday: Weekday
    start: ClockTime
    end: ClockTime


class DayTime(Row):
    """One day that differs. `off` takes the times away, without times the whole day; `extra` adds working time."""

    date: DateText
    kind: Literal["off", "extra"]
    start: ClockTime | None = None
    end: ClockTime | None = None


class TechnicianRow(Row):
    """`max_travel_km` is the radius around home, straight; `max_visits_a_day` counts those that start on one local day.
    Absent means no limit of their own.

    Lists that are left out stay as they are, and so does `active`; an empty list empties.
    """

    id: Id
    name: Name
    time_zone: str
    phone: Phone | None = None
    photo: Annotated[str, Meta(max_length=500)] | None = None
    skills: list[Id] | UnsetType = UNSET
    territories: list[Id] | UnsetType = UNSET
    home: HomeRow | None = None
    max_travel_km: Annotated[float, Meta(gt=0, le=20_000)] | None = None
    max_visits_a_day: Annotated[int, Meta(ge=1, le=1000)] | None = None
    active: bool | UnsetType = UNSET
    shifts: list[WorkTime] | UnsetType = UNSET
    breaks: list[WorkTime] | UnsetType = UNSET
    exceptions: list[DayTime] | UnsetType = UNSET


class SkillRow(Row):
    """One skill of one technician; together the rows are all skills of that technician."""

    technician: Id
    skill: Id


class ShiftRow(WorkTime):
    """One weekly shift of one technician; together the rows are all shifts of that technician."""

    technician: Id


class BreakRow(WorkTime):
    """One weekly break of one technician; together the rows are all breaks of that technician."""

    technician: Id


class ExceptionRow(DayTime, kw_only=True):
    """One day of one technician; together the rows are all such days of that technician."""

    technician: Id


class TerritoryRow(Row):
    """`polygon` is a GeoJSON Polygon or MultiPolygon, so its positions are [lon, lat]."""

    id: Id
    name: Name
    polygon: dict[str, Any]


class HolidayRow(Row):
    """A day on which nobody works, anywhere in the installation."""

    date: DateText
    name: Name


class SwitchRow(Row):
    """One of the three switches of the installation; those that are not listed stay as they are."""

    switch: Literal["self_scheduling", "technician_tracking", "surveys"]
    on: bool


# In the order in which rows can be written: what others point to comes first.
ROW_TYPES: dict[str, type[Row]] = {
    "switches": SwitchRow,
    "territories": TerritoryRow,
    "services": ServiceRow,
    "holidays": HolidayRow,
    "accounts": AccountRow,
    "sites": SiteRow,
    "assets": AssetRow,
    "technicians": TechnicianRow,
    "skills": SkillRow,
    "shifts": ShiftRow,
    "breaks": BreakRow,
    "exceptions": ExceptionRow,
    "contacts": ContactRow,
    "staff": StaffRow,
}


class ImportFile(msgspec.Struct, omit_defaults=True):
    """What an import file holds: every list may be missing. Rows are checked one by one, not by this type."""

    switches: list[SwitchRow] = []
    territories: list[TerritoryRow] = []
    services: list[ServiceRow] = []
    holidays: list[HolidayRow] = []
    accounts: list[AccountRow] = []
    sites: list[SiteRow] = []
    assets: list[AssetRow] = []
    technicians: list[TechnicianRow] = []
    skills: list[SkillRow] = []
    shifts: list[ShiftRow] = []
    breaks: list[BreakRow] = []
    exceptions: list[ExceptionRow] = []
    contacts: list[ContactRow] = []
    staff: list[StaffRow] = []
