"""Many proofs, many visits in one query each: what handshakes ask for when thousands come back at once.

Asked in threads of their own and without asyncio: one switch of threads for a whole batch instead of a dozen, a
quarter of the CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, bindparam, event, select
from sqlalchemy.engine import Engine, Row

from slots import schema_store
from slots.model import Status, Technician
from slots.store import Database
from web.accounts_store import Person, accounts, people
from web.changes_store import TableChanges
from web.links_store import Link, links
from web.secrets_store import tokens

THREADS = 2
"""Proofs and visits can be asked for at the same time; more would only wait for the interpreter."""

Found = TypeVar("Found")


class StoredSession(msgspec.Struct, frozen=True):
    """A session and whose it is. Whether it has expired is the caller's to see."""

    id: str
    expires_s: int
    person: Person


class StoredDevice(msgspec.Struct, frozen=True):
    """A phone's token; `expires_s` None: until it is revoked."""

    technician_id: str
    expires_s: int | None


class WatchedAppointment(msgspec.Struct, frozen=True):
    """Named as in `slots.model.Appointment`."""

    id: str
    version: int
    status: Status
    account_id: str
    window_start_s: int
    window_end_s: int
    completed_s: int | None
    canceled_s: int | None


class WatchedSite(msgspec.Struct, frozen=True):
    """Named as in `slots.model.Site`."""

    time_zone: str
    lat: float | None
    lon: float | None


class WatchedVisit(msgspec.Struct, frozen=True):
    """The part of an `AppointmentView` that decides who may watch and what they are told, under the same names."""

    appointment: WatchedAppointment
    site: WatchedSite
    technician: Technician

    @property
    def id(self) -> str:
        return self.appointment.id


_KEYS = bindparam("keys", expanding=True)
_PERSON = [people.c[name] for name in Person.__struct_fields__ if name != "account_status"]
# Kind and use are looked at afterwards: asked for in the query they lead SQLite to an index of all sessions.
_TOKEN = (tokens.c.token_hash, tokens.c.kind, tokens.c.used_s, tokens.c.id, tokens.c.expires_s)
_SESSIONS = (
    select(*_TOKEN, *_PERSON, accounts.c.status)
    .select_from(
        tokens.join(people, people.c.id == tokens.c.subject).outerjoin(accounts, accounts.c.id == people.c.account_id)
    )
    .where(tokens.c.token_hash.in_(_KEYS))
)
_DEVICES = select(*_TOKEN, tokens.c.subject).where(tokens.c.token_hash.in_(_KEYS))
_LINKS = select(links.c.token_hash, *(links.c[name] for name in Link.__struct_fields__)).where(
    links.c.token_hash.in_(_KEYS)
)
_visits = schema_store.appointments
_VISIT = [_visits.c[name] for name in WatchedAppointment.__struct_fields__]
_SITE = [schema_store.sites.c[name] for name in WatchedSite.__struct_fields__]
_TECHNICIAN = [schema_store.technicians.c[name] for name in Technician.__struct_fields__]
_VISITS = (
    select(*_VISIT, *_SITE, *_TECHNICIAN)
    .select_from(
        _visits.join(schema_store.sites, schema_store.sites.c.id == _visits.c.site_id).join(
            schema_store.technicians, schema_store.technicians.c.key == _visits.c.technician_key
        )
    )
    .where(_visits.c.id.in_(_KEYS))
)


class LookupStore:
    """Answers by key; who is not there is left out. Lives as long as the database handle it is made for.

    Each question has a mark, which tells when this process changed what the answers were made of.
    """

    def __init__(self, database: Database) -> None:
        self._engine: Engine = database.lookup_engine(threads=THREADS)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="lookups")
        event.listen(database.engine.sync_engine, "engine_disposed", lambda _engine: self._close())
        changes = TableChanges(database)
        self.sessions_mark = changes.mark(tokens, people, accounts)
        self.devices_mark = changes.mark(tokens)
        self.links_mark = changes.mark(links)
        self.visits_mark = changes.mark(_visits, schema_store.sites, schema_store.technicians)

    async def sessions(self, token_hashes: Sequence[str]) -> dict[str, StoredSession]:
        """By token hash."""
        return await self._ask(_SESSIONS, token_hashes, _session)

    async def devices(self, token_hashes: Sequence[str]) -> dict[str, StoredDevice]:
        """By token hash."""
        return await self._ask(_DEVICES, token_hashes, _device)

    async def links(self, token_hashes: Sequence[str]) -> dict[str, Link]:
        """By token hash, dead ones too: ask `is_alive`."""
        return await self._ask(_LINKS, token_hashes, lambda row: Link(*row[1:]))

    async def visits(self, appointment_ids: Sequence[str]) -> dict[str, WatchedVisit]:
        """By id."""
        return await self._ask(_VISITS, appointment_ids, _visit)

    async def _ask(
        self, query: Select[Any], keys: Sequence[str], read: Callable[[Row[Any]], Found | None]
    ) -> dict[str, Found]:
        def ask() -> dict[str, Found]:
            with self._engine.connect() as connection:
                rows = connection.execute(query, {"keys": keys}).all()
            return {row[0]: found for row in rows if (found := read(row)) is not None}

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _close(self) -> None:
        self._threads.shutdown(wait=False)
        self._engine.dispose()


def _session(row: Row[Any]) -> StoredSession | None:
    _, kind, used_s, session_id, expires_s, *person = row
    return StoredSession(session_id, expires_s or 0, Person(*person)) if kind == "session" and used_s is None else None


def _device(row: Row[Any]) -> StoredDevice | None:
    _, kind, used_s, _, expires_s, technician_id = row
    return StoredDevice(technician_id, expires_s) if kind == "device" and used_s is None else None


def _visit(row: Row[Any]) -> WatchedVisit:
    appointment_id, version, status, *rest = row[: len(_VISIT)]
    time_zone, lat, lon = row[len(_VISIT) : len(_VISIT) + len(_SITE)]
    key, technician_id, name, phone, photo = row[-len(_TECHNICIAN) :]
    return WatchedVisit(
        WatchedAppointment(appointment_id, version, Status(status), *rest),
        WatchedSite(time_zone, lat, lon),
        Technician(key=key, id=technician_id, name=name, phone=phone, photo=photo),
    )
