"""Reads the snapshot that availability is computed from."""

from __future__ import annotations

import datetime

from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import catalog_store
from slots import schema_store as schema
from slots.calendar import Busy, Calendar, build_calendar
from slots.model import LIVE_STATUSES, Resource, ServiceType, Site, Status
from slots.territory import territory_map
from slots.travel import Point, known_point

# SQLite takes 32766 parameters in one statement, PostgreSQL 65535.
_IDS_AT_ONCE = 5000
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

    `without_appointment` and the holds for moving it, and `without_hold`, are left out: they are no conflict for
    whoever asks. Expired holds never count.
    """
    if technician_key is None:
        resources = await catalog_store.resources(connection, active_only=True)
    else:
        one = await catalog_store.resource_by_key(connection, technician_key)
        resources = (one,) if one is not None else ()
    visits, kept = schema.appointments.c, schema.holds.c
    # A visit that takes longer than planned still keeps its technician there.
    overrun = (visits.status == Status.IN_PROGRESS.value) & (visits.start_s < now_s) & (visits.end_s < now_s)
    taken = select(
        visits.technician_key, visits.start_s, case((overrun, now_s), else_=visits.end_s), visits.site_id
    ).where(visits.status.in_(_LIVE), visits.start_s < to_s, or_(visits.end_s > from_s, overrun))
    held = select(kept.technician_key, kept.start_s, kept.end_s, kept.site_id).where(
        kept.expires_s > now_s, kept.start_s < to_s, kept.end_s > from_s
    )
    if technician_key is not None:
        taken = taken.where(visits.technician_key == technician_key)
        held = held.where(kept.technician_key == technician_key)
    if without_appointment is not None:
        taken = taken.where(visits.id != without_appointment)
        held = held.where(kept.moving_id.is_distinct_from(without_appointment))
    if without_hold is not None:
        held = held.where(kept.id != without_hold)
    rows = [*(await connection.execute(taken)).all(), *(await connection.execute(held)).all()]
    points = await _points(connection, {site_id for _, _, _, site_id in rows})
    busy: dict[int, list[Busy]] = {resource.key: [] for resource in resources}
    for key, start_s, end_s, site_id in rows:
        if key in busy:
            busy[key].append(Busy(start_s, end_s, points[site_id]))
    limited = [resource.key for resource in resources if resource.max_visits_a_day is not None]
    return build_calendar(
        resources=resources,
        busy=busy,
        holidays=await _holiday_dates(connection),
        service=service,
        site=site,
        territory_ids=await territories_of(connection, site, resources),
        from_s=from_s,
        to_s=to_s,
        done=await _done(connection, limited, from_s=from_s, to_s=to_s),
    )


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


async def _points(connection: AsyncConnection, site_ids: set[str]) -> dict[str, Point | None]:
    """Looked up apart from the visits: a join would carry every coordinate once per visit."""
    sites = schema.sites.c
    wanted = sorted(site_ids)
    points: dict[str, Point | None] = {}
    for first in range(0, len(wanted), _IDS_AT_ONCE):
        query = select(sites.id, sites.lat, sites.lon).where(sites.id.in_(wanted[first : first + _IDS_AT_ONCE]))
        for site_id, lat, lon in (await connection.execute(query)).all():
            points[site_id] = known_point(lat=lat, lon=lon)
    return points


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
