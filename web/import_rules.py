"""What a row of an import must keep by itself, beyond the types of its fields. Pure.

Every rule gives (field, what to do about it), once for each thing that is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from slots.errors import InvalidSetup
from slots.model import Territory
from slots.territory import polygon_of
from web.import_rows import (
    ContactRow,
    DayTime,
    HolidayRow,
    Row,
    SiteRow,
    StaffRow,
    TechnicianRow,
    TerritoryRow,
    WorkTime,
)
from web.passwords import check_password
from web.problems import Problem

Faults = Iterator[tuple[str, str]]


def faults_of(row: Row) -> Faults:
    match row:
        case SiteRow():
            yield from _site(row)
        case TechnicianRow():
            yield from _technician(row)
        case WorkTime():
            yield from _work_time(row)
        case DayTime():
            yield from _day_time(row)
        case TerritoryRow():
            if problem := _polygon_problem(row):
                yield "polygon", problem
        case HolidayRow():
            yield from _date(row.date)
        case ContactRow() | StaffRow():
            yield from _person(row)


def _site(site: SiteRow) -> Faults:
    if (site.lat is None) != (site.lon is None):
        yield "lat", "lat and lon come together or not at all"
    elif site.lat == 0 and site.lon == 0:
        yield "lat", "0,0 is no address; leave lat and lon out while they are unknown"
    yield from _zone(site.time_zone)


def _technician(technician: TechnicianRow) -> Faults:
    yield from _zone(technician.time_zone)
    if technician.home is not None and technician.home.lat == 0 and technician.home.lon == 0:
        yield "home", "0,0 is no home; leave it out while it is unknown"
    for name in ("shifts", "breaks"):
        for index, span in enumerate(getattr(technician, name) or ()):
            for field, detail in _work_time(span):
                yield f"{name}[{index}]{'.' if field else ''}{field}", detail
    for index, day in enumerate(technician.exceptions or ()):
        for field, detail in _day_time(day):
            yield f"exceptions[{index}]{'.' if field else ''}{field}", detail


def _work_time(span: WorkTime) -> Faults:
    if span.start == "24:00":
        yield "start", "a day starts at 00:00; 24:00 is an end"
    elif span.start == span.end:
        yield "", "start and end are the same time"


def _day_time(day: DayTime) -> Faults:
    yield from _date(day.date)
    if (day.start is None) != (day.end is None):
        yield "start" if day.start is None else "end", "start and end come together or not at all"
    elif day.start is None and day.kind == "extra":
        yield "start", "extra time needs its start and end"
    elif day.start == "24:00":
        yield "start", "a day starts at 00:00; 24:00 is an end"
    elif day.start is not None and day.start == day.end:
        yield "", "start and end are the same time"


def _person(person: ContactRow | StaffRow) -> Faults:
    if person.password is not None:
        try:
            check_password(person.password)
        except Problem as problem:
            yield "password", str(problem.detail)
    if isinstance(person, StaffRow) and (person.role == "technician") != (person.technician is not None):
        yield "technician", "role technician names its technician; other roles name none"


def _date(text: str) -> Faults:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        yield "date", f"{text} is no day of the calendar: {error}"


def _zone(name: str) -> Faults:
    if not _zone_exists(name):
        yield "time_zone", f"{name!r} is no IANA time zone, such as Europe/Lisbon"


@lru_cache(maxsize=1024)
def _zone_exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _polygon_problem(territory: TerritoryRow) -> str | None:
    if problem := _ring_problems(territory.polygon):
        return problem
    try:
        polygon_of(Territory(id=territory.id, name=territory.name, polygon=json.dumps(territory.polygon)))
    except InvalidSetup as error:
        return error.detail
    return None


def _ring_problems(polygon: Mapping[str, object]) -> str | None:
    kind, coordinates = polygon.get("type"), polygon.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list):
        return "expected a GeoJSON Polygon or MultiPolygon with coordinates"
    parts = [coordinates] if kind == "Polygon" else coordinates
    for part in parts:
        if not isinstance(part, list) or not part:
            return "a polygon needs at least its outer ring"
        for ring in part:
            if problem := _ring_problem(ring):
                return problem
    return None if parts else "a MultiPolygon needs at least one polygon"


def _ring_problem(ring: object) -> str | None:
    if not isinstance(ring, list) or len(ring) < 4:
        return "a ring needs four positions, the last equal to the first"
    for position in ring:
        if not isinstance(position, list) or len(position) < 2:
            return "a position is [lon, lat]"
        lon, lat = position[0], position[1]
        if not all(isinstance(number, int | float) for number in (lon, lat)):
            return "a position is [lon, lat], both numbers"
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            return f"position [{lon}, {lat}] is out of range; GeoJSON has longitude first"
    return None if ring[0] == ring[-1] else "a ring ends where it starts"
