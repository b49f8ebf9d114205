"""`enroute import FILE`: an installation's set-up from one JSON file, all of it or nothing.

plan_import(data, existing)   what the file would do, and what is wrong with it (pure)
plan_for(database, data)      the same, against what this installation has
apply_import(target, plan)    one transaction; the same file again changes nothing
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any, Protocol

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import catalog_store
from slots.errors import InvalidSetup
from slots.model import Asset, Break, Holiday, Resource, ServiceType, Shift, Site, Territory
from slots.store import Database, open_database
from web import accounts_store
from web.config import SettingsError, load_settings
from web.import_plan import ExistingIds, ImportPlan, plan_import
from web.import_rows import ContactRow, StaffRow, TechnicianRow, WorkTime
from web.migrations import runner
from web.passwords import Passwords

__all__ = ["ImportPlan", "apply_import", "import_command", "plan_for", "plan_import"]

Progress = Callable[[int], None]


class ImportTarget(Protocol):
    """What an import needs of the server's state."""

    @property
    def database(self) -> Database: ...
    @property
    def passwords(self) -> Passwords: ...
    def now_s(self) -> int: ...


async def plan_for(database: Database, data: object) -> ImportPlan:
    """Plan the file; its rows may point to what the installation already has."""
    async with database.read() as conn:
        people = await accounts_store.people_listed(conn)
        existing = ExistingIds(
            accounts=frozenset(account.id for account in await accounts_store.accounts_listed(conn)),
            sites=frozenset(site.id for site in await catalog_store.sites(conn)),
            technicians=frozenset(person.id for person in await catalog_store.resources(conn)),
            territories=frozenset(territory.id for territory in await catalog_store.territories(conn)),
            contact_emails=frozenset(person.email for person in people if person.role == "customer"),
            staff_emails=frozenset(person.email for person in people if person.role != "customer"),
        )
    return plan_import(data, existing)


async def apply_import(target: ImportTarget, plan: ImportPlan, *, progress: Progress | None = None) -> None:
    """Write every row in one transaction. `progress` is called with the number of rows just done.

    Raises ValueError for a plan with errors, slots.errors.InvalidSetup for what only the store can tell.
    """
    if plan.errors:
        raise ValueError(f"The plan has {len(plan.errors)} errors; the first: {plan.errors[0]}")
    done = progress or _silent
    # Hashing is slow on purpose, and must not hold the writer's lock.
    hashes = await _hash_passwords(target.passwords, plan, done)
    async with target.database.transaction() as conn:
        await _put_set_up(conn, plan, done)
        await _put_people(conn, plan, hashes, target.now_s(), done)


async def _hash_passwords(passwords: Passwords, plan: ImportPlan, done: Progress) -> dict[str, str]:
    hashes = {}
    people: list[ContactRow | StaffRow] = [*plan.contacts, *plan.staff]
    for row in people:
        if row.password is not None:
            hashes[row.email] = await passwords.hash(row.password)
        done(1)
    return hashes


async def _put_set_up(conn: AsyncConnection, plan: ImportPlan, done: Progress) -> None:
    known = {resource.id: resource for resource in await catalog_store.resources(conn)}
    await catalog_store.put_territories(
        conn,
        [Territory(id=row.id, name=row.name, polygon=json.dumps(row.polygon)) for row in plan.territories],
    )
    done(len(plan.territories))
    await catalog_store.put_services(
        conn,
        [
            ServiceType(
                id=row.id,
                name=row.name,
                duration_s=row.duration_min * 60,
                skill=row.skill,
                enabled=row.enabled,
                description=row.description,
            )
            for row in plan.services
        ],
    )
    done(len(plan.services))
    await catalog_store.put_holidays(
        conn, [Holiday(date=date.fromisoformat(row.date), name=row.name) for row in plan.holidays]
    )
    done(len(plan.holidays))
    await catalog_store.put_sites(
        conn,
        [
            Site(
                id=row.id,
                account_id=row.account,
                name=row.name,
                time_zone=row.time_zone,
                address=row.address,
                lat=row.lat,
                lon=row.lon,
            )
            for row in plan.sites
        ],
    )
    done(len(plan.sites))
    await catalog_store.put_assets(
        conn,
        [Asset(id=row.id, account_id=row.account, site_id=row.site, name=row.name) for row in plan.assets],
    )
    done(len(plan.assets))
    await catalog_store.put_resources(conn, [_resource(row, known.get(row.id)) for row in plan.technicians])
    done(len(plan.technicians))


def _resource(row: TechnicianRow, known: Resource | None) -> Resource:
    """The file says nothing of single days and of who is active: what is known of that stays."""
    return Resource(
        id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        phone=row.phone,
        photo=row.photo,
        skills=frozenset(row.skills),
        territories=frozenset(row.territories),
        home_lat=row.home.lat if row.home else None,
        home_lon=row.home.lon if row.home else None,
        max_travel_m=None if row.max_travel_km is None else row.max_travel_km * 1000,
        max_visits_a_day=row.max_visits_a_day,
        active=known.active if known else True,
        shifts=tuple(Shift(weekday=span.weekday, **_minutes(span)) for span in row.shifts),
        breaks=tuple(Break(weekday=span.weekday, **_minutes(span)) for span in row.breaks),
        exceptions=known.exceptions if known else (),
    )


def _minutes(span: WorkTime) -> dict[str, int]:
    def minutes(clock: str) -> int:
        return int(clock[:2]) * 60 + int(clock[3:])

    return {"start_min": minutes(span.start), "end_min": minutes(span.end)}


async def _put_people(
    conn: AsyncConnection, plan: ImportPlan, hashes: dict[str, str], now_s: int, done: Progress
) -> None:
    for account in plan.accounts:
        await accounts_store.put_account(
            conn, account_id=account.id, name=account.name, status=account.status, site_id=account.site
        )
        done(1)
    for contact in plan.contacts:
        await accounts_store.put_contact(
            conn,
            email=contact.email,
            account_id=contact.account,
            name=contact.name,
            phone=contact.phone,
            now_s=now_s,
            password_hash=hashes.get(contact.email),
        )
    for person in plan.staff:
        await accounts_store.put_staff(
            conn,
            email=person.email,
            name=person.name,
            role=person.role,
            now_s=now_s,
            technician_id=person.technician,
            password_hash=hashes.get(person.email),
        )


def _silent(rows: int) -> None:
    pass


@dataclass
class _Target:
    """The import's own small state: the command runs beside the server or without one."""

    database: Database
    passwords: Passwords = field(default_factory=Passwords)

    def now_s(self) -> int:
        return int(time.time())


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@click.option("--database", metavar="URL", help="Default: ENROUTE_DATABASE, else sqlite:///enroute.db")
def import_command(file: IO[bytes], dry_run: bool, database: str | None) -> None:
    """Import accounts, sites, technicians and the rest from a JSON file (- is standard input).

    Either everything in the file is imported or nothing. Importing the same file again changes nothing.
    """
    try:
        settings = load_settings(os.environ, database=database)
        data = msgspec.json.decode(file.read())
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from None
    _make_ready(settings.database)
    asyncio.run(_import(settings.database, data, dry_run=dry_run))


def _make_ready(url: str) -> None:
    if url.startswith("sqlite:"):
        runner.upgrade(url)
    elif missing := runner.behind(url):
        raise click.ClickException(f"Run `enroute migrate` first ({'; '.join(map(str, missing))}).")


async def _import(url: str, data: Any, *, dry_run: bool) -> None:
    database = open_database(url)
    try:
        plan = await plan_for(database, data)
        if plan.errors:
            for error in plan.errors:
                click.echo(str(error), err=True)
            raise click.ClickException(f"{len(plan.errors)} errors; nothing was imported.")
        rows = ", ".join(f"{count} {kind}" for kind, count in plan.counts().items()) or "nothing"
        if dry_run:
            click.echo(f"Would import {rows}.")
            return
        target = _Target(database)
        try:
            with click.progressbar(length=plan.total, label="Importing") as bar:
                await apply_import(target, plan, progress=bar.update)
        except InvalidSetup as error:
            raise click.ClickException(f"{error}; nothing was imported.") from None
        finally:
            target.passwords.close()
        click.echo(f"Imported {rows}.")
    finally:
        await database.close()
