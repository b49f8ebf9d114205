"""What a plan changes in an installation: every row as the value to be stored, held against what is stored. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
from msgspec import UNSET

from slots.model import (
    Asset,
    Break,
    Holiday,
    Resource,
    ServiceType,
    Shift,
    ShiftException,
    Site,
    Territory,
    WeeklyHours,
)
from web.accounts_store import Account, Person, normalize_email
from web.import_plan import OF_A_TECHNICIAN, ExistingIds, ImportPlan
from web.import_rows import ROW_TYPES, ContactRow, DayTime, StaffRow, SwitchRow, TechnicianRow, WorkTime
from web.switches import ALL_ON, SwitchValues


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the installation has of what can be imported."""

    switches: SwitchValues = ALL_ON
    territories: tuple[Territory, ...] = ()
    services: tuple[ServiceType, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    accounts: tuple[Account, ...] = ()
    sites: tuple[Site, ...] = ()
    assets: tuple[Asset, ...] = ()
    technicians: tuple[Resource, ...] = ()
    people: tuple[Person, ...] = ()

    def ids(self) -> ExistingIds:
        return ExistingIds(
            accounts=frozenset(account.id for account in self.accounts),
            sites=frozenset(site.id for site in self.sites),
            technicians=frozenset(technician.id for technician in self.technicians),
            territories=frozenset(territory.id for territory in self.territories),
            contact_emails=frozenset(person.email for person in self.people if person.role == "customer"),
            staff_emails=frozenset(person.email for person in self.people if person.role != "customer"),
            site_accounts={site.id: site.account_id for site in self.sites},
        )


class Count(msgspec.Struct):
    """Rows of one list. `removed`: what belonged to a technician and is no longer listed."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0


class Changes(msgspec.Struct, kw_only=True):
    """What has to be written, and the counts of every list in the plan. Unchanged rows are not written."""

    switches: list[SwitchRow] = []
    territories: list[Territory] = []
    services: list[ServiceType] = []
    holidays: list[Holiday] = []
    accounts: list[Account] = []
    sites: list[Site] = []
    assets: list[Asset] = []
    technicians: list[Resource] = []
    contacts: list[ContactRow] = []
    staff: list[StaffRow] = []
    counts: dict[str, Count] = {}

    @property
    def total(self) -> int:
        """Values to be written."""
        return sum(len(values) for kind in ROW_TYPES if (values := getattr(self, kind, None)))


def work_out(plan: ImportPlan, known: Known) -> Changes:
    """For a plan without errors."""
    changes = Changes(counts={kind: Count() for kind in plan.counts()})
    for row in plan.switches:
        if _count(changes.counts["switches"], is_new=False, differs=row.on != getattr(known.switches, row.switch)):
            changes.switches.append(row)
    _sort_in(changes, "territories", (_territory(row) for row in plan.territories), known.territories)
    _sort_in(changes, "services", (_service(row) for row in plan.services), known.services)
    _sort_in(changes, "holidays", (_holiday(row) for row in plan.holidays), known.holidays)
    _sort_in(changes, "accounts", (_account(row) for row in plan.accounts), known.accounts)
    _sort_in(changes, "sites", (_site(row) for row in plan.sites), known.sites)
    _sort_in(changes, "assets", (_asset(row) for row in plan.assets), known.assets)
    _sort_in_technicians(changes, plan, {technician.id: technician for technician in known.technicians})
    people = {person.email: person for person in known.people}
    for kind in ("contacts", "staff"):
        for row in getattr(plan, kind):
            person = people.get(normalize_email(row.email))
            if _count(changes.counts[kind], is_new=person is None, differs=person is None or _differs(row, person)):
                getattr(changes, kind).append(row)
    return changes


def _key(value: Any) -> Any:
    return value.date if isinstance(value, Holiday) else value.id


def _sort_in(changes: Changes, kind: str, wanted: Iterable[Any], known: Iterable[Any]) -> None:
    stored = {_key(value): value for value in known}
    for value in wanted:
        before = stored.get(_key(value))
        if _count(changes.counts[kind], is_new=before is None, differs=value != before):
            getattr(changes, kind).append(value)


def _count(count: Count, *, is_new: bool, differs: bool) -> bool:
    """Whether there is something to write."""
    if is_new:
        count.new += 1
    elif differs:
        count.changed += 1
    else:
        count.unchanged += 1
    return is_new or differs


def _territory(row: Any) -> Territory:
    return Territory(id=row.id, name=row.name, polygon=json.dumps(row.polygon))


def _service(row: Any) -> ServiceType:
    return ServiceType(
        id=row.id,
        name=row.name,
        duration_s=row.duration_min * 60,
        skill=row.skill,
        enabled=row.enabled,
        description=row.description,
    )


def _holiday(row: Any) -> Holiday:
    return Holiday(date=date.fromisoformat(row.date), name=row.name)


def _account(row: Any) -> Account:
    return Account(row.id, row.name, row.status, row.site)


def _site(row: Any) -> Site:
    return Site(
        id=row.id,
        account_id=row.account,
        name=row.name,
        time_zone=row.time_zone,
        address=row.address,
        lat=row.lat,
        lon=row.lon,
    )


def _asset(row: Any) -> Asset:
    return Asset(id=row.id, account_id=row.account, site_id=row.site, name=row.name)


def _sort_in_technicians(changes: Changes, plan: ImportPlan, known: dict[str, Resource]) -> None:
    wanted: dict[str, Resource] = {}
    for row in plan.technicians:
        before = known.get(row.id)
        wanted[row.id] = after = _resource(row, before)
        _count(changes.counts["technicians"], is_new=before is None, differs=after != before)
    for kind in OF_A_TECHNICIAN:
        by_technician: dict[str, list[Any]] = {}
        for listed in getattr(plan, kind):
            by_technician.setdefault(listed.technician, []).append(listed)
        for technician_id, rows in by_technician.items():
            values = _values(kind, rows)
            before = known.get(technician_id)
            had = set(getattr(before, kind)) if before else set()
            count = changes.counts[kind]
            count.new += len(set(values) - had)
            count.unchanged += len(set(values) & had)
            count.removed += len(had - set(values))
            technician = wanted.get(technician_id) or known[technician_id]
            wanted[technician_id] = msgspec.structs.replace(technician, **{kind: values})
    changes.technicians = [technician for technician in wanted.values() if technician != known.get(technician.id)]


def _resource(row: TechnicianRow, known: Resource | None) -> Resource:
    """What the row leaves out of its lists stays as it is known."""
    kept = known or Resource(id=row.id, name=row.name, time_zone=row.time_zone)
    lists = {kind: _values(kind, given) for kind in OF_A_TECHNICIAN if (given := getattr(row, kind)) is not UNSET}
    return msgspec.structs.replace(
        kept,
        name=row.name,
        time_zone=row.time_zone,
        phone=row.phone,
        photo=row.photo,
        territories=kept.territories if row.territories is UNSET else frozenset(row.territories),
        home_lat=row.home.lat if row.home else None,
        home_lon=row.home.lon if row.home else None,
        max_travel_m=None if row.max_travel_km is None else row.max_travel_km * 1000,
        max_visits_a_day=row.max_visits_a_day,
        active=kept.active if row.active is UNSET else row.active,
        **lists,
    )


def _values(kind: str, given: Iterable[Any]) -> Any:
    """In one order, whatever the order of the lines, so that a reordered file changes nothing."""
    match kind:
        case "skills":
            return frozenset(each if isinstance(each, str) else each.skill for each in given)
        case "shifts":
            return _hours(Shift, given)
        case "breaks":
            return _hours(Break, given)
        case _:
            return exceptions_in_order(map(exception_of, given))


def _hours(hours_type: type[WeeklyHours], given: Iterable[WorkTime]) -> tuple[WeeklyHours, ...]:
    spans = {
        hours_type(weekday=span.weekday, start_min=_minutes(span.start), end_min=_minutes(span.end)) for span in given
    }
    return tuple(sorted(spans, key=lambda span: (span.weekday, span.start_min, span.end_min)))


def exceptions_in_order(days: Iterable[ShiftException]) -> tuple[ShiftException, ...]:
    """As they are stored, each once."""
    return tuple(sorted(set(days), key=lambda day: (day.date, day.kind, day.start_min, day.end_min)))


def exception_of(day: DayTime) -> ShiftException:
    if day.start is None or day.end is None:
        return ShiftException(date=date.fromisoformat(day.date), kind=day.kind)
    return ShiftException(
        date=date.fromisoformat(day.date), kind=day.kind, start_min=_minutes(day.start), end_min=_minutes(day.end)
    )


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _differs(row: ContactRow | StaffRow, person: Person) -> bool:
    """By the rules of `accounts_store.put_contact` and `put_staff`: what the person entered stays where the row is
    empty, and a password or a language that is known is never replaced."""
    if row.password is not None and person.password_hash is None:
        return True
    if isinstance(row, ContactRow) and row.language is not None and person.browser_locale is None:
        return True
    if isinstance(row, StaffRow):
        after: tuple[Any, ...] = (row.name or person.name, person.phone, row.role, None, row.technician)
    else:
        after = (row.name or person.name, row.phone or person.phone, "customer", row.account, None)
    return after != (person.name, person.phone, person.role, person.account_id, person.technician_id)
