"""What an import file would do, worked out before anything is written. Pure: data in, rows and errors out.

plan_import(data, existing) -> ImportPlan; the plan may be applied only while `plan.errors` is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

import msgspec

from slots.errors import InvalidSetup
from slots.model import Territory
from slots.territory import polygon_of
from web.import_rows import ROW_TYPES, ContactRow, ImportFile, Row, StaffRow, TerritoryRow
from web.passwords import check_password
from web.problems import Problem

_PATH_IN_MESSAGE = re.compile(r" - at `\$(?P<path>.*)`$")


class ImportProblem(msgspec.Struct, frozen=True):
    """One thing wrong with the file: where (`technicians[3].shifts[0].start`) and what to do about it."""

    at: str
    detail: str

    def __str__(self) -> str:
        return f"{self.at}: {self.detail}"


class ExistingIds(msgspec.Struct, frozen=True, kw_only=True):
    """Ids that the installation already has; a row of the file may point to them."""

    accounts: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    technicians: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    contact_emails: frozenset[str] = frozenset()
    staff_emails: frozenset[str] = frozenset()


class ImportPlan(ImportFile):
    """Typed rows of every list, in the order of the file, and everything that was wrong."""

    errors: list[ImportProblem] = msgspec.field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Rows per list, without the empty lists."""
        return {kind: len(rows) for kind in ROW_TYPES if (rows := getattr(self, kind))}

    @property
    def total(self) -> int:
        return sum(self.counts().values())


def plan_import(data: object, existing: ExistingIds | None = None) -> ImportPlan:
    """Check every row by itself, then its references to other rows of the file or to `existing`."""
    plan = ImportPlan()
    if not isinstance(data, Mapping):
        plan.errors.append(ImportProblem("$", "the file must be one JSON object with lists inside"))
        return plan
    for name in data:
        if name not in ROW_TYPES:
            plan.errors.append(ImportProblem(str(name), f"unknown list; known are {', '.join(ROW_TYPES)}"))
    places: dict[int, str] = {}
    for kind, row_type in ROW_TYPES.items():
        _read_list(plan, places, kind, row_type, data.get(kind, []))
    _check_own_rules(plan, places)
    _check_references(plan, places, existing or ExistingIds())
    return plan


def _read_list(plan: ImportPlan, places: dict[int, str], kind: str, row_type: type[Row], entries: object) -> None:
    if not isinstance(entries, list):
        plan.errors.append(ImportProblem(kind, f"expected a list, got {type(entries).__name__}"))
        return
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        at = f"{kind}[{index}]"
        try:
            row = msgspec.convert(entry, row_type)
        except msgspec.ValidationError as error:
            plan.errors.append(_from_validation(at, str(error)))
            continue
        key = _key(row)
        if key in seen:
            plan.errors.append(ImportProblem(at, f"{key!r} stands twice in {kind}"))
            continue
        seen.add(key)
        places[id(row)] = at
        getattr(plan, kind).append(row)


def _from_validation(at: str, message: str) -> ImportProblem:
    found = _PATH_IN_MESSAGE.search(message)
    if found is None:
        return ImportProblem(at, message)
    return ImportProblem(at + found["path"], message[: found.start()])


def _key(row: Row) -> str:
    for field in ("id", "email", "date"):
        value = getattr(row, field, None)
        if value is not None:
            return str(value).casefold() if field == "email" else str(value)
    raise AssertionError(f"{type(row).__name__} has no key field")


def _check_own_rules(plan: ImportPlan, places: dict[int, str]) -> None:
    def refuse(row: Row, field: str, detail: str) -> None:
        plan.errors.append(ImportProblem(f"{places[id(row)]}.{field}", detail))

    for site in plan.sites:
        if (site.lat is None) != (site.lon is None):
            refuse(site, "lat", "lat and lon come together or not at all")
        elif site.lat == 0 and site.lon == 0:
            refuse(site, "lat", "0,0 is no address; leave lat and lon out while they are unknown")
        if not _zone_exists(site.time_zone):
            refuse(site, "time_zone", f"{site.time_zone!r} is no IANA time zone, such as Europe/Lisbon")
    for technician in plan.technicians:
        if not _zone_exists(technician.time_zone):
            refuse(technician, "time_zone", f"{technician.time_zone!r} is no IANA time zone")
        if technician.home is not None and technician.home.lat == 0 and technician.home.lon == 0:
            refuse(technician, "home", "0,0 is no home; leave it out while it is unknown")
        for field in ("shifts", "breaks"):
            for index, span in enumerate(getattr(technician, field)):
                if span.start == "24:00":
                    refuse(technician, f"{field}[{index}].start", "a day starts at 00:00; 24:00 is an end")
                elif span.start == span.end:
                    refuse(technician, f"{field}[{index}]", "start and end are the same time")
    for territory in plan.territories:
        if problem := _polygon_problem(territory):
            refuse(territory, "polygon", problem)
    for holiday in plan.holidays:
        try:
            date.fromisoformat(holiday.date)
        except ValueError as error:
            refuse(holiday, "date", str(error))
    people: list[ContactRow | StaffRow] = [*plan.contacts, *plan.staff]
    for signing_in in people:
        if signing_in.password is not None:
            try:
                check_password(signing_in.password)
            except Problem as problem:
                refuse(signing_in, "password", str(problem.detail))
    for person in plan.staff:
        if (person.role == "technician") != (person.technician is not None):
            refuse(person, "technician", "role technician names its technician; other roles name none")


def _check_references(plan: ImportPlan, places: dict[int, str], existing: ExistingIds) -> None:
    known = {
        "accounts": existing.accounts | {row.id for row in plan.accounts},
        "sites": existing.sites | {row.id for row in plan.sites},
        "technicians": existing.technicians | {row.id for row in plan.technicians},
        "territories": existing.territories | {row.id for row in plan.territories},
    }

    def check(row: Row, field: str, kind: str, wanted: Iterable[str | None]) -> None:
        for value in wanted:
            if value is not None and value not in known[kind]:
                detail = f"{value!r} is neither in {kind} of this file nor in the installation"
                plan.errors.append(ImportProblem(f"{places[id(row)]}.{field}", detail))

    for account in plan.accounts:
        check(account, "site", "sites", [account.site])
    for site in plan.sites:
        check(site, "account", "accounts", [site.account])
    site_account = {site.id: site.account for site in plan.sites}
    for asset in plan.assets:
        check(asset, "account", "accounts", [asset.account])
        check(asset, "site", "sites", [asset.site])
        if site_account.get(asset.site, asset.account) != asset.account:
            plan.errors.append(ImportProblem(f"{places[id(asset)]}.site", f"{asset.site!r} belongs to another account"))
    for technician in plan.technicians:
        check(technician, "territories", "territories", technician.territories)
    for contact in plan.contacts:
        check(contact, "account", "accounts", [contact.account])
    for person in plan.staff:
        check(person, "technician", "technicians", [person.technician])
    _check_addresses(plan, places, existing)


def _check_addresses(plan: ImportPlan, places: dict[int, str], existing: ExistingIds) -> None:
    contacts = existing.contact_emails | {contact.email.casefold() for contact in plan.contacts}
    crossing: list[tuple[Row, str]] = [
        *((row, "a contact") for row in plan.staff if row.email.casefold() in contacts),
        *((row, "staff") for row in plan.contacts if row.email.casefold() in existing.staff_emails),
    ]
    for row, other in crossing:
        detail = f"this address belongs to {other}; one address signs in as one person"
        plan.errors.append(ImportProblem(f"{places[id(row)]}.email", detail))


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
