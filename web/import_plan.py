"""What an import would do, worked out before anything is written. Pure: entries in, rows and errors out.

plan_import(data, existing)      from one JSON object
plan_entries(entries, existing)  from any number of files, which may point to each other

The plan may be applied only while `plan.errors` is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from web.import_entries import Entries, Entry, ImportProblem, Place
from web.import_rows import ROW_TYPES, WANTED, ImportFile, Row
from web.import_rules import faults_of

_PATH_IN_MESSAGE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
# Lists of their own, each row of which belongs to one technician, with the field of a technician that holds the same.
OF_A_TECHNICIAN = ("skills", "shifts", "breaks", "exceptions")


class ExistingIds(msgspec.Struct, frozen=True, kw_only=True):
    """Ids that the installation already has; a row may point to them. `site_accounts`: whose site each is."""

    accounts: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    technicians: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()
    contact_emails: frozenset[str] = frozenset()
    staff_emails: frozenset[str] = frozenset()
    site_accounts: Mapping[str, str] = {}


class ImportPlan(ImportFile):
    """Typed rows of every list, in the order in which they were read, and everything that was wrong."""

    errors: list[ImportProblem] = msgspec.field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Rows per list, without the empty lists."""
        return {kind: len(rows) for kind in ROW_TYPES if (rows := getattr(self, kind))}

    @property
    def total(self) -> int:
        return sum(self.counts().values())


def plan_import(data: object, existing: ExistingIds | None = None) -> ImportPlan:
    """Check every row by itself, then its references to other rows of the object or to `existing`."""
    entries = Entries()
    entries.add_object(data)
    return plan_entries(entries, existing)


def plan_entries(entries: Entries, existing: ExistingIds | None = None) -> ImportPlan:
    """Check every row by itself, then its references to rows of any list here or to `existing`."""
    plan = ImportPlan(errors=list(entries.problems))
    places: dict[int, Place] = {}
    for kind, row_type in ROW_TYPES.items():
        _read_list(plan, places, kind, row_type, entries.lists[kind])

    def refuse(row: Row, field: str, detail: str) -> None:
        place = places[id(row)]
        plan.errors.append(ImportProblem(str(place.inside(field) if field else place), detail))

    for kind in ROW_TYPES:
        for row in getattr(plan, kind):
            for field, detail in faults_of(row):
                refuse(row, field, detail)
    _check_references(plan, refuse, existing or ExistingIds())
    _check_addresses(plan, refuse, existing or ExistingIds())
    _check_one_place(plan, refuse)
    # One line of CSV may be the rows of several weekdays.
    plan.errors = list(dict.fromkeys(plan.errors))
    return plan


def _read_list(
    plan: ImportPlan, places: dict[int, Place], kind: str, row_type: type[Row], entries: Iterable[Entry]
) -> None:
    seen: dict[tuple[str, ...], Place] = {}
    for place, data in entries:
        try:
            row = msgspec.convert(data, row_type)
        except msgspec.ValidationError as error:
            plan.errors.append(_from_validation(place, data, str(error)))
            continue
        if field := _field_with_nul(data):
            plan.errors.append(ImportProblem(str(place.inside(field)), "a NUL character cannot be stored; remove it"))
            continue
        key = _key(row)
        if key in seen:
            detail = f"{' '.join(key)!r} stands twice in {kind}; first at {seen[key]}"
            plan.errors.append(ImportProblem(str(place), detail))
            continue
        seen[key] = place
        places[id(row)] = place
        getattr(plan, kind).append(row)


def _from_validation(place: Place, data: object, message: str) -> ImportProblem:
    found = _PATH_IN_MESSAGE.search(message)
    if found is None:
        return ImportProblem(str(place), message)
    path, said = found["path"], message[: found.start()]
    words = re.findall(r"[A-Za-z_]+", path)
    if words and words[-1] in WANTED and ("regex" in said or "got `str`" in said):
        said = f"expected {WANTED[words[-1]]}"
        # One step in: that is where a person looks; never a password, which has no words here.
        value = data.get(path) if isinstance(data, Mapping) else None
        if isinstance(value, str):
            said += f"; got {value[:40]!r}"
    return ImportProblem(str(place.inside(path)), said)


def _field_with_nul(data: Any) -> str | None:
    """PostgreSQL stores every character but one."""
    for field, value in data.items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, str) and "\0" in each for each in values):
            return str(field)
    return None


def _key(row: Row) -> tuple[str, ...]:
    """What makes two rows of a list the same."""
    if (identity := getattr(row, "id", None)) is not None:
        return (identity,)
    if (email := getattr(row, "email", None)) is not None:
        return (email.casefold(),)
    return tuple(
        str(value)
        for name in ("switch", "technician", "skill", "weekday", "date", "kind", "start", "end")
        if (value := getattr(row, name, None)) is not None
    )


Refuse = Callable[[Row, str, str], None]


def _check_references(plan: ImportPlan, refuse: Refuse, existing: ExistingIds) -> None:
    known = {
        "accounts": existing.accounts | {row.id for row in plan.accounts},
        "sites": existing.sites | {row.id for row in plan.sites},
        "technicians": existing.technicians | {row.id for row in plan.technicians},
        "territories": existing.territories | {row.id for row in plan.territories},
    }

    def check(row: Row, field: str, kind: str, wanted: Iterable[str | None]) -> None:
        for value in wanted:
            if value is not None and value not in known[kind]:
                refuse(row, field, f"{value!r} is neither in {kind} here nor in the installation")

    for account in plan.accounts:
        check(account, "site", "sites", [account.site])
    for site in plan.sites:
        check(site, "account", "accounts", [site.account])
    site_account = {**existing.site_accounts, **{site.id: site.account for site in plan.sites}}
    for asset in plan.assets:
        check(asset, "account", "accounts", [asset.account])
        check(asset, "site", "sites", [asset.site])
        if site_account.get(asset.site, asset.account) != asset.account:
            refuse(asset, "site", f"{asset.site!r} belongs to another account")
    for technician in plan.technicians:
        check(technician, "territories", "territories", technician.territories or ())
    for kind in OF_A_TECHNICIAN:
        for row in getattr(plan, kind):
            check(row, "technician", "technicians", [row.technician])
    for contact in plan.contacts:
        check(contact, "account", "accounts", [contact.account])
    for person in plan.staff:
        check(person, "technician", "technicians", [person.technician])


def _check_addresses(plan: ImportPlan, refuse: Refuse, existing: ExistingIds) -> None:
    contacts = existing.contact_emails | {contact.email.casefold() for contact in plan.contacts}
    crossing: list[tuple[Row, str]] = [
        *((row, "a contact") for row in plan.staff if row.email.casefold() in contacts),
        *((row, "staff") for row in plan.contacts if row.email.casefold() in existing.staff_emails),
    ]
    for row, other in crossing:
        refuse(row, "email", f"this address belongs to {other}; one address signs in as one person")


def _check_one_place(plan: ImportPlan, refuse: Refuse) -> None:
    """Which of two places would be the truth, nobody could say."""
    for kind in OF_A_TECHNICIAN:
        listed = {row.technician for row in getattr(plan, kind)}
        for technician in plan.technicians:
            if technician.id in listed and getattr(technician, kind) is not msgspec.UNSET:
                refuse(technician, kind, f"also given by the list {kind}; give them in one of the two")
