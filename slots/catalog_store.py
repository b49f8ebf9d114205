"""The set-up: sites, assets, services, territories, technicians, holidays. Puts are idempotent by id."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row, Select, Table, Text, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import schema_store as schema
from slots.errors import InvalidSetup
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
from slots.territory import polygon_of


class _Abilities(msgspec.Struct):
    """What is stored as one text beside a technician; field names are the format."""

    skills: list[str] = []
    territories: list[str] = []
    shifts: tuple[Shift, ...] = ()
    breaks: tuple[Break, ...] = ()
    exceptions: tuple[ShiftException, ...] = ()
    max_visits_a_day: int | None = None


_abilities = msgspec.json.Decoder(_Abilities)

# What every booking asks is built once: putting a statement together costs more than running it.
_BY_ID: dict[Table, Select[Any]] = {
    table: select(table).where(table.c.id == bindparam("wanted"))
    for table in (schema.service_types, schema.sites, schema.assets, schema.technicians)
}
_SERVICE_AND_SITE = (
    select(*schema.service_types.c, *schema.sites.c)
    .select_from(schema.service_types.outerjoin(schema.sites, schema.sites.c.id == bindparam("site", type_=Text)))
    .where(schema.service_types.c.id == bindparam("service"))
)
_RESOURCES = select(schema.technicians).order_by(schema.technicians.c.name, schema.technicians.c.key)
_ACTIVE_RESOURCES = _RESOURCES.where(schema.technicians.c.active.is_(True))
_RESOURCE_BY_KEY = select(schema.technicians).where(schema.technicians.c.key == bindparam("wanted"))
_HOLIDAYS = select(schema.holidays).order_by(schema.holidays.c.date)


async def put_sites(connection: AsyncConnection, sites: Iterable[Site]) -> None:
    """Raises InvalidSetup for an unknown zone, for half a coordinate or one out of range."""
    rows = list(sites)
    for site in rows:
        _check_zone(f"site {site.id}", site.time_zone)
        _check_coordinate(f"site {site.id}", lat=site.lat, lon=site.lon)
    await _put(connection, schema.sites, [msgspec.structs.asdict(site) for site in rows])


async def put_assets(connection: AsyncConnection, assets: Iterable[Asset]) -> None:
    await _put(connection, schema.assets, [msgspec.structs.asdict(asset) for asset in assets])


async def put_services(connection: AsyncConnection, services: Iterable[ServiceType]) -> None:
    """Raises InvalidSetup for a duration that is not above zero or over a day."""
    rows = list(services)
    for service in rows:
        if not 0 < service.duration_s <= 86_400:
            raise InvalidSetup(
                f"service {service.id}", f"a duration of {service.duration_s} s; 1 to 86400 are possible"
            )
    await _put(connection, schema.service_types, [msgspec.structs.asdict(service) for service in rows])


async def put_territories(connection: AsyncConnection, territories: Iterable[Territory]) -> None:
    """Raises InvalidSetup for a polygon that is none."""
    rows = list(territories)
    for territory in rows:
        polygon_of(territory)
    await _put(connection, schema.territories, [msgspec.structs.asdict(territory) for territory in rows])


async def put_resources(connection: AsyncConnection, resources: Iterable[Resource]) -> None:
    """Insert or replace, with hours, skills and territories. A technician who is there keeps their key.

    Raises InvalidSetup for an unknown zone, a coordinate out of range, hours that are none, or a day
    without visits.
    """
    rows = []
    for resource in resources:
        at = f"technician {resource.id}"
        _check_zone(at, resource.time_zone)
        _check_coordinate(at, lat=resource.home_lat, lon=resource.home_lon)
        for hours in (*resource.shifts, *resource.breaks):
            _check_hours(at, hours)
        if resource.max_visits_a_day is not None and resource.max_visits_a_day < 1:
            raise InvalidSetup(at, f"at most {resource.max_visits_a_day} visits a day; 1 is the least, or no limit")
        rows.append(
            {
                "id": resource.id,
                "name": resource.name,
                "phone": resource.phone,
                "photo": resource.photo,
                "time_zone": resource.time_zone,
                "home_lat": resource.home_lat,
                "home_lon": resource.home_lon,
                "max_travel_m": resource.max_travel_m,
                "active": resource.active,
                "abilities": msgspec.json.encode(
                    _Abilities(
                        skills=sorted(resource.skills),
                        territories=sorted(resource.territories),
                        shifts=resource.shifts,
                        breaks=resource.breaks,
                        exceptions=resource.exceptions,
                        max_visits_a_day=resource.max_visits_a_day,
                    )
                ).decode(),
            }
        )
    await _put(connection, schema.technicians, rows)


async def put_holidays(connection: AsyncConnection, holidays: Iterable[Holiday]) -> None:
    rows = [{"date": holiday.date.isoformat(), "name": holiday.name} for holiday in holidays]
    await _put(connection, schema.holidays, rows, key="date")


async def remove_holidays(connection: AsyncConnection, dates: Iterable[datetime.date]) -> None:
    """Dates that are no holidays are no error."""
    texts = [date.isoformat() for date in dates]
    await connection.execute(delete(schema.holidays).where(schema.holidays.c.date.in_(texts)))


async def services(connection: AsyncConnection, *, enabled_only: bool = True) -> tuple[ServiceType, ...]:
    """By name."""
    table = schema.service_types
    query = select(table).order_by(table.c.name, table.c.id)
    if enabled_only:
        query = query.where(table.c.enabled.is_(True))
    return tuple(ServiceType(**row._mapping) for row in await connection.execute(query))


async def service(connection: AsyncConnection, service_id: str) -> ServiceType | None:
    row = await _by_id(connection, schema.service_types, service_id)
    return ServiceType(**row._mapping) if row else None


async def service_and_site(
    connection: AsyncConnection, service_id: str, site_id: str | None
) -> tuple[ServiceType | None, Site | None]:
    """Without the service the site is not looked for."""
    row = (await connection.execute(_SERVICE_AND_SITE, {"service": service_id, "site": site_id})).one_or_none()
    if row is None:
        return None, None
    values = iter(row)
    service = ServiceType(**{column.name: next(values) for column in schema.service_types.c})
    found = {column.name: next(values) for column in schema.sites.c}
    return service, Site(**found) if found["id"] is not None else None


async def sites(connection: AsyncConnection, *, account_id: str | None = None) -> tuple[Site, ...]:
    """By name."""
    return tuple(Site(**row._mapping) for row in await _of_account(connection, schema.sites, account_id))


async def site(connection: AsyncConnection, site_id: str) -> Site | None:
    row = await _by_id(connection, schema.sites, site_id)
    return Site(**row._mapping) if row else None


async def assets(connection: AsyncConnection, *, account_id: str | None = None) -> tuple[Asset, ...]:
    """By name."""
    return tuple(Asset(**row._mapping) for row in await _of_account(connection, schema.assets, account_id))


async def asset(connection: AsyncConnection, asset_id: str) -> Asset | None:
    row = await _by_id(connection, schema.assets, asset_id)
    return Asset(**row._mapping) if row else None


async def territories(connection: AsyncConnection) -> tuple[Territory, ...]:
    """By id."""
    rows = await connection.execute(select(schema.territories).order_by(schema.territories.c.id))
    return tuple(Territory(**row._mapping) for row in rows)


async def resources(connection: AsyncConnection, *, active_only: bool = False) -> tuple[Resource, ...]:
    """By name, with all their hours."""
    query = _ACTIVE_RESOURCES if active_only else _RESOURCES
    return tuple(_resource(row) for row in await connection.execute(query))


async def resource(connection: AsyncConnection, technician_id: str) -> Resource | None:
    row = await _by_id(connection, schema.technicians, technician_id)
    return _resource(row) if row else None


async def resource_by_key(connection: AsyncConnection, technician_key: int) -> Resource | None:
    row = (await connection.execute(_RESOURCE_BY_KEY, {"wanted": technician_key})).one_or_none()
    return _resource(row) if row else None


async def holidays(connection: AsyncConnection) -> tuple[Holiday, ...]:
    """By date."""
    rows = await connection.execute(_HOLIDAYS)
    return tuple(Holiday(date=datetime.date.fromisoformat(row.date), name=row.name) for row in rows)


def _resource(row: Row[Any]) -> Resource:
    abilities = _abilities.decode(row.abilities)
    return Resource(
        id=row.id,
        key=row.key,
        name=row.name,
        phone=row.phone,
        photo=row.photo,
        time_zone=row.time_zone,
        home_lat=row.home_lat,
        home_lon=row.home_lon,
        max_travel_m=row.max_travel_m,
        active=row.active,
        skills=frozenset(abilities.skills),
        territories=frozenset(abilities.territories),
        shifts=abilities.shifts,
        breaks=abilities.breaks,
        exceptions=abilities.exceptions,
        max_visits_a_day=abilities.max_visits_a_day,
    )


async def _put(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]], *, key: str = "id") -> None:
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    changes = {name: statement.excluded[name] for name in rows[0] if name != key}
    await connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=changes), rows)


async def _by_id(connection: AsyncConnection, table: Table, wanted: str) -> Row[Any] | None:
    return (await connection.execute(_BY_ID[table], {"wanted": wanted})).one_or_none()


async def _of_account(connection: AsyncConnection, table: Table, account_id: str | None) -> Sequence[Row[Any]]:
    query = select(table).order_by(table.c.name, table.c.id)
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    return (await connection.execute(query)).all()


def _check_zone(at: str, name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidSetup(at, f"{name!r} is no IANA time zone, such as Europe/Lisbon") from None


def _check_coordinate(at: str, *, lat: float | None, lon: float | None) -> None:
    if lat is None and lon is None:
        return
    if lat is None or lon is None:
        raise InvalidSetup(at, "lat and lon come together or not at all")
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise InvalidSetup(at, f"lat {lat}, lon {lon} is out of range")


def _check_hours(at: str, hours: WeeklyHours) -> None:
    if not (0 <= hours.weekday <= 6 and 0 <= hours.start_min < 1440 and 0 <= hours.end_min <= 1440):
        raise InvalidSetup(
            at, f"weekday {hours.weekday}, {hours.start_min} to {hours.end_min} min is no time of a week"
        )
    if hours.start_min == hours.end_min:
        raise InvalidSetup(at, "start and end are the same time")
