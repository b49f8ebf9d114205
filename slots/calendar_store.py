"""Reads the snapshot that availability is computed from."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import catalog_store
from slots import schema_store as schema
from slots.calendar import Busy, Calendar, build_calendar
from slots.model import LIVE_STATUSES, Resource, ServiceType, Site, Status
from slots.territory import territory_map
from slots.travel import Point, known_point

_LIVE = [status.value for status in LIVE_STATUSES]


async def load_calendar(
    connection: AsyncConnection,
    *,
    service: ServiceType,
    site: Site,
    from_s: int,
    to_s: int,
    now_s: int,
    technician_key: int | None = None,
    without_appointment: str | None = None,
    without_hold: str | None = None,
) -> Calendar:
    """Everybody who may do the service at the site, or one technician; what is taken in [from_s, to_s).

    `without_appointment` and the holds for moving it, and `without_hold`, are left out: they are no conflict for whoever
    asks. Expired holds never count.
    """
    if technician_key is None:
        resources = await catalog_store.resources(connection, active_only=True)
    else:
        one = await catalog_store.resource_by_key(connection, technician_key)
        resources = (one,) if one is not None else ()
    busy: dict[int, list[Busy]] = {}
    points: dict[str, Point | None] = {}

    def take(row: Row[Any], end_s: int) -> None:
        if row.site_id not in points:
            points[row.site_id] = known_point(lat=row.lat, lon=row.lon)
        busy.setdefault(row.technician_key, []).append(Busy(row.start_s, end_s, points[row.site_id]))

    visits, kept = schema.appointments.c, schema.holds.c
    query = _places(schema.appointments, visits.status).where(
        visits.status.in_(_LIVE), visits.start_s < to_s, visits.end_s > from_s
    )
    if technician_key is not None:
        query = query.where(visits.technician_key == technician_key)
    if without_appointment is not None:
        query = query.where(visits.id != without_appointment)
    for row in (await connection.execute(query)).all():
        # A visit that takes longer than planned still keeps its technician there.
        overrun = row.status == Status.IN_PROGRESS.value and row.start_s < now_s
        take(row, max(row.end_s, now_s) if overrun else row.end_s)

    query = _places(schema.holds).where(kept.expires_s > now_s, kept.start_s < to_s, kept.end_s > from_s)
    if technician_key is not None:
        query = query.where(kept.technician_key == technician_key)
    if without_hold is not None:
        query = query.where(kept.id != without_hold)
    if without_appointment is not None:
        query = query.where(kept.moving_id.is_distinct_from(without_appointment))
    for row in (await connection.execute(query)).all():
        take(row, row.end_s)

    return build_calendar(
        resources=resources,
        busy=busy,
        holidays=await _holiday_dates(connection),
        service=service,
        site=site,
        territory_ids=await _territories_of(connection, site, resources),
        from_s=from_s,
        to_s=to_s,
    )


def _places(table: Table, *more: Any) -> Any:
    sites = schema.sites
    return select(
        table.c.technician_key,
        table.c.start_s,
        table.c.end_s,
        table.c.site_id,
        sites.c.lat,
        sites.c.lon,
        *more,
    ).join(sites, sites.c.id == table.c.site_id)


async def _holiday_dates(connection: AsyncConnection) -> frozenset[datetime.date]:
    return frozenset(holiday.date for holiday in await catalog_store.holidays(connection))


async def _territories_of(
    connection: AsyncConnection, site: Site, resources: tuple[Resource, ...]
) -> frozenset[str]:
    """Empty for a site whose place is unknown: nobody can say that it lies inside."""
    if site.lat is None or site.lon is None or known_point(lat=site.lat, lon=site.lon) is None:
        return frozenset()
    if not any(resource.territories for resource in resources):
        return frozenset()
    territories = await catalog_store.territories(connection)
    return territory_map(territories).containing(lat=site.lat, lon=site.lon)
