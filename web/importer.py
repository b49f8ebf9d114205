"""An installation's set-up from files or one JSON object, all of it or nothing.

plan_import(data, existing)   what an object would do, and what is wrong with it (pure)
plan_for(database, data)      the same, against what this installation has
changes_of(database, plan)    what is new, what changes, what is so already
apply_import(target, plan)    one transaction; the same again changes nothing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from slots import catalog_store
from slots.store import Database
from web import accounts_store, switches_store
from web.accounts_store import NewPerson
from web.import_changes import Changes, Known, work_out
from web.import_entries import Entries
from web.import_plan import ImportPlan, plan_entries, plan_import
from web.import_rows import ContactRow, StaffRow
from web.passwords import Passwords
from web.switches import ALL_ON, SwitchValues, values_in_force

__all__ = ["ImportPlan", "apply_import", "changes_of", "plan_for", "plan_import", "read_known"]

Progress = Callable[[int], None]
# Written with one statement each time: small enough for a progress bar to move.
AT_ONCE = 500


class ImportTarget(Protocol):
    """What an import needs of the server's state."""

    @property
    def database(self) -> Database: ...
    @property
    def passwords(self) -> Passwords: ...
    def now_s(self) -> int: ...


async def plan_for(database: Database, data: object) -> ImportPlan:
    """Plan one JSON object, or `Entries` from many files; rows may point to what the installation already has."""
    if isinstance(data, Entries):
        entries = data
    else:
        entries = Entries()
        entries.add_object(data)
    async with database.read() as conn:
        known = await read_known(conn)
    return plan_entries(entries, known.ids())


async def changes_of(database: Database, plan: ImportPlan, *, first: SwitchValues = ALL_ON) -> Changes:
    """What the plan, free of errors, would change now. `first`: the switches as the settings have them."""
    async with database.read() as conn:
        return work_out(plan, await read_known(conn, first))


async def apply_import(
    target: ImportTarget, plan: ImportPlan, *, first: SwitchValues = ALL_ON, progress: Progress | None = None
) -> Changes:
    """Write what differs, in one transaction. `progress` is called with the number of rows just done, `plan.total` in
    all. A server that runs has to `follow` its switches then.

    Raises ValueError for a plan with errors, slots.errors.InvalidSetup for what only the store can tell,
    accounts_store.EmailTaken where somebody else got an address since the plan was made.
    """
    if plan.errors:
        raise ValueError(f"The plan has {len(plan.errors)} errors; the first: {plan.errors[0]}")
    done = progress or _silent
    # Hashing is slow on purpose, and must not hold the writer's lock.
    hashes = await _hash_passwords(target.passwords, await changes_of(target.database, plan, first=first))
    async with target.database.transaction() as conn:
        await accounts_store.wait_for_other_imports(conn)
        known = await read_known(conn, first)
        changes = work_out(plan, known)
        done(plan.total - changes.total)
        await _put_set_up(conn, changes, done)
        writing = _People(conn, hashes, target.now_s(), frozenset(person.email for person in known.people))
        await writing.put(changes, done)
    return changes


async def read_known(conn: AsyncConnection, first: SwitchValues = ALL_ON) -> Known:
    """What an import is held against, and what an export writes."""
    return Known(
        switches=await values_in_force(conn, first),
        territories=await catalog_store.territories(conn),
        services=await catalog_store.services(conn, enabled_only=False),
        holidays=await catalog_store.holidays(conn),
        accounts=tuple(await accounts_store.accounts_listed(conn)),
        sites=await catalog_store.sites(conn),
        assets=await catalog_store.assets(conn),
        technicians=await catalog_store.resources(conn),
        people=tuple(await accounts_store.people_listed(conn)),
    )


async def _hash_passwords(passwords: Passwords, changes: Changes) -> dict[str, str]:
    people: list[ContactRow | StaffRow] = [*changes.contacts, *changes.staff]
    return {row.email: await passwords.hash(row.password) for row in people if row.password is not None}


async def _put_set_up(conn: AsyncConnection, changes: Changes, done: Progress) -> None:
    for some in _in_parts(changes.switches, done):
        for row in some:
            await switches_store.put_switch(conn, name=row.switch, value=row.on)
    for some in _in_parts(changes.territories, done):
        await catalog_store.put_territories(conn, some)
    for some in _in_parts(changes.services, done):
        await catalog_store.put_services(conn, some)
    for some in _in_parts(changes.holidays, done):
        await catalog_store.put_holidays(conn, some)
    for some in _in_parts(changes.accounts, done):
        await accounts_store.put_accounts(conn, some)
    for some in _in_parts(changes.sites, done):
        await catalog_store.put_sites(conn, some)
    for some in _in_parts(changes.assets, done):
        await catalog_store.put_assets(conn, some)
    for some in _in_parts(changes.technicians, done):
        await catalog_store.put_resources(conn, some)


def _in_parts(values: Sequence[Any], done: Progress) -> Iterator[Sequence[Any]]:
    """Each part counts as done when the next one is asked for."""
    for first in range(0, len(values), AT_ONCE):
        some = values[first : first + AT_ONCE]
        yield some
        done(len(some))


@dataclass
class _People:
    """Writes contacts and staff: those who are new many at a time, the others one by one with the care they need."""

    conn: AsyncConnection
    hashes: dict[str, str]
    now_s: int
    known_emails: frozenset[str]

    async def put(self, changes: Changes, done: Progress) -> None:
        people: list[ContactRow | StaffRow] = [*changes.contacts, *changes.staff]
        new = [row for row in people if accounts_store.normalize_email(row.email) not in self.known_emails]
        for some in _in_parts(new, done):
            await accounts_store.add_people(self.conn, map(self._new, some), now_s=self.now_s)
        for row in people:
            if accounts_store.normalize_email(row.email) in self.known_emails:
                await self._change(row)
                done(1)

    def _new(self, row: ContactRow | StaffRow) -> NewPerson:
        hashed = self.hashes.get(row.email)
        if isinstance(row, ContactRow):
            return NewPerson(
                email=row.email,
                role="customer",
                name=row.name,
                phone=row.phone,
                account_id=row.account,
                password_hash=hashed,
                browser_locale=row.language,
            )
        return NewPerson(
            email=row.email, role=row.role, name=row.name, technician_id=row.technician, password_hash=hashed
        )

    async def _change(self, row: ContactRow | StaffRow) -> None:
        hashed = self.hashes.get(row.email)
        if isinstance(row, ContactRow):
            await accounts_store.put_contact(
                self.conn,
                email=row.email,
                account_id=row.account,
                name=row.name,
                phone=row.phone,
                now_s=self.now_s,
                password_hash=hashed,
                browser_locale=row.language,
            )
        else:
            await accounts_store.put_staff(
                self.conn,
                email=row.email,
                name=row.name,
                role=row.role,
                now_s=self.now_s,
                technician_id=row.technician,
                password_hash=hashed,
            )


def _silent(rows: int) -> None:
    pass
