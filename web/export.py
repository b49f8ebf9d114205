"""An installation's set-up as the file that an import takes: exported and imported again it changes nothing. Pure.

Passwords are in no export, and of people only what an import says of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any, cast

import msgspec

from slots.model import Asset, Holiday, Resource, ServiceType, ShiftException, Site, Territory, WeeklyHours
from web.accounts_store import Account, Person
from web.import_changes import Known
from web.import_rows import (
    ROW_TYPES,
    AccountRow,
    AssetRow,
    ContactRow,
    DayTime,
    HolidayRow,
    HomeRow,
    ImportFile,
    Phone,
    Row,
    ServiceRow,
    SiteRow,
    StaffRole,
    StaffRow,
    SwitchRow,
    TechnicianRow,
    TerritoryRow,
    WorkTime,
)
from web.languages import LANGUAGES

WHOLE_DAY_MIN = (0, 1440)


def set_up_of(known: Known, lists: Collection[str] = tuple(ROW_TYPES)) -> ImportFile:
    """The rows of these lists. What belongs to a technician stands in the technician's own row."""
    values: dict[str, tuple[Callable[[Any], Row], Collection[Any]]] = {
        "switches": (_switch, msgspec.structs.asdict(known.switches).items()),
        "territories": (_territory, known.territories),
        "services": (_service, known.services),
        "holidays": (_holiday, known.holidays),
        "accounts": (_account, known.accounts),
        "sites": (_site, known.sites),
        "assets": (_asset, known.assets),
        "technicians": (_technician, known.technicians),
        "contacts": (_contact, [person for person in known.people if person.account_id is not None]),
        "staff": (_staff, [person for person in known.people if person.role != "customer"]),
    }
    return ImportFile(**{kind: list(map(row_of, found)) for kind, (row_of, found) in values.items() if kind in lists})


def as_json(file: ImportFile) -> bytes:
    """The JSON of `file` with one row a line: two exports can be held against each other, and a row has a line."""
    return b"".join(_pieces(file))


def _pieces(file: ImportFile) -> Iterator[bytes]:
    before = b"{\n"
    for kind in ROW_TYPES:
        if rows := getattr(file, kind):
            yield before + b'"' + kind.encode() + b'": [\n  ' + b",\n  ".join(map(msgspec.json.encode, rows)) + b"\n]"
            before = b",\n"
    yield b"\n}\n" if before != b"{\n" else b"{}\n"


def _switch(value: tuple[str, bool]) -> Row:
    return SwitchRow(switch=cast(Any, value[0]), on=value[1])


def _territory(territory: Territory) -> Row:
    return TerritoryRow(id=territory.id, name=territory.name, polygon=json.loads(territory.polygon))


def _service(service: ServiceType) -> Row:
    return ServiceRow(
        id=service.id,
        name=service.name,
        duration_min=service.duration_s // 60,
        skill=service.skill,
        enabled=service.enabled,
        description=service.description,
    )


def _holiday(holiday: Holiday) -> Row:
    return HolidayRow(date=holiday.date.isoformat(), name=holiday.name)


def _account(account: Account) -> Row:
    return AccountRow(id=account.id, name=account.name, status=cast(Any, account.status), site=account.site_id)


def _site(site: Site) -> Row:
    return SiteRow(
        id=site.id,
        account=site.account_id,
        name=site.name,
        time_zone=site.time_zone,
        address=site.address,
        lat=site.lat,
        lon=site.lon,
    )


def _asset(asset: Asset) -> Row:
    return AssetRow(id=asset.id, account=asset.account_id, site=asset.site_id, name=asset.name)


def _technician(resource: Resource) -> Row:
    home = resource.home_lat is not None and resource.home_lon is not None
    return TechnicianRow(
        id=resource.id,
        name=resource.name,
        time_zone=resource.time_zone,
        phone=resource.phone,
        photo=resource.photo,
        skills=sorted(resource.skills),
        territories=sorted(resource.territories),
        home=HomeRow(lat=cast(float, resource.home_lat), lon=cast(float, resource.home_lon)) if home else None,
        max_travel_km=None if resource.max_travel_m is None else _kilometres(resource.max_travel_m),
        max_visits_a_day=resource.max_visits_a_day,
        active=resource.active,
        shifts=list(map(_hours, resource.shifts)),
        breaks=list(map(_hours, resource.breaks)),
        exceptions=list(map(_exception, resource.exceptions)),
    )


def _kilometres(metres: float) -> float:
    # What somebody wrote has few digits; those that the division adds would make it another value.
    return round(metres / 1000, 9)


def _hours(hours: WeeklyHours) -> WorkTime:
    return WorkTime(weekday=hours.weekday, start=clock(hours.start_min), end=clock(hours.end_min))


def _exception(day: ShiftException) -> DayTime:
    if day.kind == "off" and (day.start_min, day.end_min) == WHOLE_DAY_MIN:
        return DayTime(date=day.date.isoformat(), kind=day.kind)
    return DayTime(date=day.date.isoformat(), kind=day.kind, start=clock(day.start_min), end=clock(day.end_min))


def clock(minutes: int) -> str:
    """`08:30`; the end of the day is `24:00`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _contact(person: Person) -> Row:
    return ContactRow(
        email=person.email,
        account=cast(str, person.account_id),
        name=person.name,
        phone=_phone(person.phone),
        language=cast(Any, _language(person.browser_locale)),
    )


def _phone(phone: str | None) -> str | None:
    """A person may have entered what no file may say; an import leaves it as it is where the row has none."""
    try:
        return msgspec.convert(phone, Phone | None)
    except msgspec.ValidationError:
        return None


def _language(locale: str | None) -> str | None:
    language = (locale or "").partition("-")[0]
    return language if language in LANGUAGES else None


def _staff(person: Person) -> Row:
    return StaffRow(
        email=person.email, name=person.name, role=cast(StaffRole, person.role), technician=person.technician_id
    )
