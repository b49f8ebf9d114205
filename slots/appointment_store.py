"""Appointments as rows: read joined with what their page shows, inserted, changed on a version, and their history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from slots import schema_store as schema
from slots.errors import AlreadyTraveling, SlotTaken, StaleVersion
from slots.model import (
    LIVE_STATUSES,
    Appointment,
    AppointmentView,
    Asset,
    ChangeRecord,
    Rating,
    ServiceType,
    Site,
    Status,
    Technician,
    UnderWay,
)

_LIVE = [status.value for status in LIVE_STATUSES]
_ENDED = [Status.COMPLETED.value, Status.CANCELED.value]

_visits = schema.appointments
_JOINED = (
    _visits.join(schema.sites, schema.sites.c.id == _visits.c.site_id)
    .join(schema.service_types, schema.service_types.c.id == _visits.c.service_id)
    .join(schema.technicians, schema.technicians.c.key == _visits.c.technician_key)
    .outerjoin(schema.assets, schema.assets.c.id == _visits.c.asset_id)
)
_VISIT_COLUMNS = tuple(_visits.c)
_SITE_COLUMNS = tuple(schema.sites.c)
_SERVICE_COLUMNS = tuple(schema.service_types.c)
_TECHNICIAN_COLUMNS = tuple(schema.technicians.c[name] for name in Technician.__struct_fields__)
_ASSET_COLUMNS = tuple(schema.assets.c)
_VIEW = select(*_VISIT_COLUMNS, *_SITE_COLUMNS, *_SERVICE_COLUMNS, *_TECHNICIAN_COLUMNS, *_ASSET_COLUMNS).select_from(
    _JOINED
)
# What every change says is built once: putting a statement together costs more than running it.
_VIEW_BY_ID = _VIEW.where(_visits.c.id == bindparam("wanted"))
_UNDER_WAY = (
    select(_visits.c.id, _visits.c.version, schema.technicians.c.id)
    .join(schema.technicians, schema.technicians.c.key == _visits.c.technician_key)
    .where(_visits.c.status == Status.TRAVELING.value)
)
_LOCKED_VIEW_BY_ID = _VIEW_BY_ID.with_for_update(of=_visits)
_LOCK_TECHNICIANS = (
    select(schema.technicians.c.key)
    .where(schema.technicians.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(schema.technicians.c.key)
    .with_for_update()
)
_INSERT, _INSERT_CHANGE = insert(_visits), insert(schema.appointment_changes)
_UPDATE = update(_visits).where(_visits.c.id == bindparam("wanted"), _visits.c.version == bindparam("on_version"))


async def view(connection: AsyncConnection, appointment_id: str, *, lock: bool = False) -> AppointmentView | None:
    """`lock`: nobody else changes it until the transaction ends; after `lock_technicians`."""
    query = _LOCKED_VIEW_BY_ID if lock and connection.dialect.name != "sqlite" else _VIEW_BY_ID
    row = (await connection.execute(query, {"wanted": appointment_id})).one_or_none()
    return _to_view(row) if row else None


async def views(
    connection: AsyncConnection,
    *conditions: ColumnElement[bool],
    limit: int | None = None,
    newest_first: bool = False,
) -> tuple[AppointmentView, ...]:
    """By planned start, then id."""
    order = (_visits.c.start_s.desc(), _visits.c.id) if newest_first else (_visits.c.start_s, _visits.c.id)
    query = _VIEW.where(*conditions).order_by(*order)
    if limit is not None:
        query = query.limit(limit)
    return tuple(_to_view(row) for row in await connection.execute(query))


async def live_of_account(connection: AsyncConnection, account_id: str) -> tuple[AppointmentView, ...]:
    return await views(connection, _visits.c.account_id == account_id, _visits.c.status.in_(_LIVE))


async def ended_of_account(connection: AsyncConnection, account_id: str, *, limit: int) -> tuple[AppointmentView, ...]:
    """Newest first."""
    return await views(
        connection,
        _visits.c.account_id == account_id,
        _visits.c.status.in_(_ENDED),
        limit=limit,
        newest_first=True,
    )


async def of_technician(
    connection: AsyncConnection, *, technician_key: int, from_s: int, to_s: int
) -> tuple[AppointmentView, ...]:
    """What touches the span, and whatever is under way."""
    under_way = _visits.c.status.in_([Status.TRAVELING.value, Status.IN_PROGRESS.value])
    touches = (_visits.c.start_s < to_s) & (_visits.c.end_s > from_s)
    return await views(connection, _visits.c.technician_key == technician_key, or_(under_way, touches))


async def of_everybody(
    connection: AsyncConnection, *, from_s: int, to_s: int, limit: int
) -> tuple[AppointmentView, ...]:
    return await views(connection, _visits.c.start_s < to_s, _visits.c.end_s > from_s, limit=limit)


async def traveling(connection: AsyncConnection) -> tuple[AppointmentView, ...]:
    return await views(connection, _visits.c.status == Status.TRAVELING.value)


async def under_way(connection: AsyncConnection) -> tuple[UnderWay, ...]:
    return tuple(UnderWay(*row) for row in await connection.execute(_UNDER_WAY))


async def overdue(connection: AsyncConnection, *, now_s: int) -> tuple[AppointmentView, ...]:
    return await views(connection, _visits.c.status == Status.SCHEDULED.value, _visits.c.window_end_s <= now_s)


async def rated_low(
    connection: AsyncConnection, *, since_s: int, low_rating: int, limit: int
) -> tuple[AppointmentView, ...]:
    """Rated no better than that since then; the newest rating first."""
    query = rated_low_query(since_s=since_s, low_rating=low_rating, limit=limit)
    return tuple(_to_view(row) for row in await connection.execute(query))


def rated_low_query(*, since_s: int, low_rating: int, limit: int) -> Select[Any]:
    wanted = (_visits.c.rated_s >= since_s, _visits.c.rating <= low_rating)
    return _VIEW.where(*wanted).order_by(_visits.c.rated_s.desc(), _visits.c.id).limit(limit)


async def traveling_of(connection: AsyncConnection, technician_key: int) -> str | None:
    """The id of the visit that this technician is under way to."""
    query = select(_visits.c.id).where(
        _visits.c.technician_key == technician_key, _visits.c.status == Status.TRAVELING.value
    )
    found: str | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def lock_technicians(connection: AsyncConnection, keys: Iterable[int]) -> bool:
    """Nobody else changes the time lines of these technicians until the transaction ends.

    Always the first thing a change locks, in the order of keys: two changes can wait for each other but never in a
    circle. On SQLite the transaction itself is that lock. Whether others may have changed what was read before it.
    """
    if connection.dialect.name == "sqlite":
        return False
    await connection.execute(_LOCK_TECHNICIANS, {"keys": sorted(set(keys))})
    return True


async def insert_appointment(connection: AsyncConnection, appointment: Appointment) -> None:
    """Raises SlotTaken if the database's own guard finds an overlap; the transaction is void then."""
    try:
        await connection.execute(_INSERT, _to_row(appointment))
    except IntegrityError as error:
        raise named(error) from error


async def update_appointment(connection: AsyncConnection, appointment: Appointment, *, on_version: int) -> None:
    """Write the appointment as it is now, if it still has `on_version`.

    Raises StaleVersion, SlotTaken, AlreadyTraveling; the transaction is void then.
    """
    try:
        row = _to_row(appointment)
        del row["told_window_start_s"]  # the sender's, written beside any change
        result = await connection.execute(_UPDATE, row | {"wanted": appointment.id, "on_version": on_version})
    except IntegrityError as error:
        raise named(error) from error
    if result.rowcount != 1:
        raise StaleVersion(expected=on_version, actual=on_version + 1)


async def add_change(connection: AsyncConnection, change: ChangeRecord) -> None:
    row = msgspec.structs.asdict(change) | {"facts": msgspec.json.encode(change.facts).decode()}
    await connection.execute(_INSERT_CHANGE, row)


async def changes(connection: AsyncConnection, appointment_id: str) -> tuple[ChangeRecord, ...]:
    """In the order of device time; what bears the same second in the order of arrival."""
    table = schema.appointment_changes
    query = (
        select(*(column for column in table.c if column.name != "number"))
        .where(table.c.appointment_id == appointment_id)
        .order_by(table.c.device_s, table.c.number)
    )
    rows = await connection.execute(query)
    return tuple(ChangeRecord(**(dict(row._mapping) | {"facts": msgspec.json.decode(row.facts)})) for row in rows)


def named(error: IntegrityError) -> Exception:
    """The guard's refusal by its name; any other broken constraint is a bug and stays what it is."""
    message = str(error.orig)
    if "slot_taken" in message or getattr(error.orig, "sqlstate", None) == "23P01":
        return SlotTaken()
    # SQLite names the column of the partial index, PostgreSQL the index.
    if "one_traveling_per_technician" in message or "appointments.technician_key" in message:
        return AlreadyTraveling()
    return error


def _to_row(appointment: Appointment) -> dict[str, Any]:
    row = msgspec.structs.asdict(appointment)
    rating = row.pop("rating")
    row["status"] = appointment.status.value
    return row | {
        "rating": rating.rating if rating else None,
        "rating_comment": rating.comment if rating else None,
        "rated_s": rating.rated_s if rating else None,
        "rating_editable_until_s": rating.editable_until_s if rating else None,
    }


def _to_view(row: Row[Any]) -> AppointmentView:
    values = iter(row)

    def take(columns: tuple[Any, ...]) -> dict[str, Any]:
        return {column.name: next(values) for column in columns}

    visit = take(_VISIT_COLUMNS)
    site, service = take(_SITE_COLUMNS), take(_SERVICE_COLUMNS)
    technician, asset = take(_TECHNICIAN_COLUMNS), take(_ASSET_COLUMNS)
    return AppointmentView(
        appointment=_to_appointment(visit),
        site=Site(**site),
        service=ServiceType(**service),
        technician=Technician(**technician),
        asset=Asset(**asset) if asset["id"] is not None else None,
    )


def _to_appointment(row: dict[str, Any]) -> Appointment:
    stars, comment = row.pop("rating"), row.pop("rating_comment")
    rated_s, editable_until_s = row.pop("rated_s"), row.pop("rating_editable_until_s")
    row["status"] = Status(row["status"])
    rating = None
    if stars is not None:
        rating = Rating(rating=stars, comment=comment, rated_s=rated_s, editable_until_s=editable_until_s)
    return Appointment(**row, rating=rating)
