"""Reads the snapshot that availability is computed from."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, CompoundSelect, Row, Text, bindparam, case, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import catalog_store
from slots import schema_store as schema
from slots.calendar import BusyAt, Calendar, build_calendar, eligible_resources
from slots.model import Resource, ServiceType, Site, Status
from slots.territory import territory_map
from slots.travel import known_point

# SQLite takes 32766 parameters in one statement, PostgreSQL 65535; the keys stand in each statement twice.
_KEYS_AT_ONCE = 5000
_KEYS = bindparam("keys", expanding=True)


async def load_calendar(
    connection: AsyncConnection,
    *,
    service: ServiceType,
    site: Site,
    from_s: int,
    to_s: int,
    now_s: int,
    resource: Resource | None = None,
    without_appointment: str | None = None,
    without_hold: str | None = None,
    aside: Callable[[Callable[[], Calendar]], Awaitable[Calendar]] | None = None,
) -> Calendar:
    """Everybody who may do the service at the site, or only `resource`; what is taken in [from_s, to_s).

    `aside` runs what is to be done with the rows of a large company, which takes milliseconds.

    `without_appointment` and the holds for moving it, and `without_hold`, are left out: they are no conflict for
    whoever asks. Expired holds never count.
    """
    if resource is not None:
        resources: tuple[Resource, ...] = (resource,)
    else:
        resources = await catalog_store.resources(connection, active_only=True)
    territory_ids = await territories_of(connection, site, resources)
    # Who may not come anyway need not be read.
    eligible = eligible_resources(resources, service=service, site=site, territory_ids=territory_ids)
    query = _what_is_taken(but_appointment=without_appointment is not None, but_hold=without_hold is not None)
    span = {"from_s": from_s, "to_s": to_s, "now_s": now_s}
    left_out = {"appointment": without_appointment, "hold": without_hold}
    given = span | {name: wanted for name, wanted in left_out.items() if wanted is not None}
    taken: list[Sequence[Row[Any]]] = []
    for keys in _batches([resource.key for resource in eligible]):
        taken.append((await connection.execute(query, given | {"keys": keys})).all())
    limited = [resource.key for resource in eligible if resource.max_visits_a_day is not None]
    holidays = await _holiday_dates(connection)
    done = await _done(connection, limited, from_s=from_s, to_s=to_s)

    def lay_out() -> Calendar:
        busy: dict[int, list[BusyAt]] = {resource.key: [] for resource in eligible}
        for rows in taken:
            for key, start_s, end_s, lat, lon in rows:
                busy[key].append(BusyAt(start_s, end_s, lat, lon))
        return build_calendar(
            resources=eligible,
            busy=busy,
            holidays=holidays,
            service=service,
            site=site,
            territory_ids=territory_ids,
            from_s=from_s,
            to_s=to_s,
            done=done,
        )

    return lay_out() if aside is None else await aside(lay_out)


@functools.cache
def _what_is_taken(*, but_appointment: bool, but_hold: bool) -> CompoundSelect[Any]:
    """Live visits and holds of the technicians `keys`: technician, start, end, lat, lon. Built once: that costs more
    than running it."""
    visits, kept, sites = schema.appointments.c, schema.holds.c, schema.sites.c
    from_s, to_s, now_s = (bindparam(name, type_=BigInteger) for name in ("from_s", "to_s", "now_s"))
    # A visit that takes longer than planned still keeps its technician there.
    overrun = (visits.start_s < now_s) & (visits.end_s < now_s) & (visits.status == Status.IN_PROGRESS.value)
    end_s = case((overrun, now_s), else_=visits.end_s)
    taken = (
        select(visits.technician_key, visits.start_s, end_s, sites.lat, sites.lon)
        .join(schema.sites, sites.id == visits.site_id)
        .where(schema.is_live, visits.technician_key.in_(_KEYS), visits.start_s < to_s)
        .where(or_(visits.end_s > from_s, overrun))
    )
    held = (
        select(kept.technician_key, kept.start_s, kept.end_s, sites.lat, sites.lon)
        .join(schema.sites, sites.id == kept.site_id)
        .where(kept.technician_key.in_(_KEYS), kept.expires_s > now_s, kept.start_s < to_s, kept.end_s > from_s)
    )
    if but_appointment:
        appointment = bindparam("appointment", type_=Text)
        taken = taken.where(visits.id != appointment)
        held = held.where(kept.moving_id.is_distinct_from(appointment))
    if but_hold:
        held = held.where(kept.id != bindparam("hold", type_=Text))
    return union_all(taken, held)


def _batches(keys: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[first : first + _KEYS_AT_ONCE]


async def _done(
    connection: AsyncConnection, technician_keys: list[int], *, from_s: int, to_s: int
) -> dict[int, list[int]]:
    """When the completed visits of these technicians were to start, by technician."""
    if not technician_keys:
        return {}
    visits = schema.appointments.c
    query = select(visits.technician_key, visits.start_s).where(
        visits.status == Status.COMPLETED.value, visits.start_s < to_s, visits.start_s >= from_s
    )
    done: dict[int, list[int]] = {key: [] for key in technician_keys}
    for key, start_s in (await connection.execute(query)).all():
        if key in done:
            done[key].append(start_s)
    return done


async def _holiday_dates(connection: AsyncConnection) -> frozenset[datetime.date]:
    return frozenset(holiday.date for holiday in await catalog_store.holidays(connection))


async def territories_of(connection: AsyncConnection, site: Site, resources: tuple[Resource, ...]) -> frozenset[str]:
    """Empty for a site whose place is unknown: nobody can say that it lies inside."""
    if site.lat is None or site.lon is None or known_point(lat=site.lat, lon=site.lon) is None:
        return frozenset()
    if not any(resource.territories for resource in resources):
        return frozenset()
    territories = await catalog_store.territories(connection)
    return territory_map(territories).containing(lat=site.lat, lon=site.lon)
