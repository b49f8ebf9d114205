"""Looking things up, for pages and for the restart of live tracking."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from slots import appointment_store, catalog_store
from slots.booking.scheduling import Scheduling
from slots.errors import NotFound
from slots.model import Appointment, AppointmentView, ChangeRecord, Site, Status, UnderWay, Value
from slots.policy import choose_active, count_before
from slots.zones import day_bounds, local_date


class Sections(Value, frozen=True, kw_only=True):
    """The homepage. `past` newest first; `upcoming` by window start."""

    active: AppointmentView | None
    upcoming: tuple[AppointmentView, ...]
    past: tuple[AppointmentView, ...]


async def get(scheduling: Scheduling, *, appointment_id: str) -> AppointmentView:
    """The visit whoever asks; the right to see it is the caller's to check. Raises NotFound."""
    async with scheduling.database.read() as connection:
        view = await appointment_store.view(connection, appointment_id)
    if view is None:
        raise NotFound("visit")
    return view


async def sections(
    scheduling: Scheduling,
    *,
    account_id: str,
    arrivals_s: Mapping[str, int | None],
    active_before: str | None = None,
    past_limit: int = 100,
) -> Sections:
    """All visits of an account. `arrivals_s`: estimated arrival per Traveling visit id, where one is known;
    `active_before`: the id that was Active last (it stays so unless another is sooner by more than 5 minutes)."""
    async with scheduling.database.read() as connection:
        live = await appointment_store.live_of_account(connection, account_id)
        past = await appointment_store.ended_of_account(connection, account_id, limit=past_limit)
    under_way = [view.appointment for view in live if view.status is Status.TRAVELING]
    chosen = choose_active(under_way, arrivals_s=arrivals_s, active_before=active_before)
    upcoming = sorted(
        (view for view in live if view.id != chosen),
        key=lambda view: (view.appointment.window_start_s, view.id),
    )
    return Sections(
        active=next((view for view in live if view.id == chosen), None),
        upcoming=tuple(upcoming),
        past=past,
    )


async def day_of_technician(
    scheduling: Scheduling, *, technician_id: str, day: datetime.date | None = None, now_s: int
) -> tuple[AppointmentView, ...]:
    """Visits that touch the local day (today by default, in the technician's zone), and every live one that is still
    under way from before. By start. Raises NotFound."""
    async with scheduling.database.read() as connection:
        resource = await catalog_store.resource(connection, technician_id)
        if resource is None:
            raise NotFound("technician")
        zone = ZoneInfo(resource.time_zone)
        from_s, to_s = day_bounds(day or local_date(now_s, zone), zone)
        return await appointment_store.of_technician(connection, technician_key=resource.key, from_s=from_s, to_s=to_s)


async def visits_before(scheduling: Scheduling, *, appointment: Appointment, site: Site, now_s: int) -> int | None:
    """How many visits the technician still makes before this one; None unless it is Scheduled for today at its site."""
    zone = ZoneInfo(site.time_zone)
    if appointment.status is not Status.SCHEDULED or local_date(appointment.start_s, zone) != local_date(now_s, zone):
        return None
    from_s, to_s = day_bounds(local_date(now_s, zone), zone)
    async with scheduling.database.read() as connection:
        views = await appointment_store.of_technician(
            connection, technician_key=appointment.technician_key, from_s=from_s, to_s=to_s
        )
    return count_before(appointment, [view.appointment for view in views])


async def traveling(scheduling: Scheduling) -> tuple[AppointmentView, ...]:
    """Every Traveling visit: their trips are opened again at a restart."""
    async with scheduling.database.read() as connection:
        return await appointment_store.traveling(connection)


async def under_way(scheduling: Scheduling) -> tuple[UnderWay, ...]:
    """Every Traveling visit, and of each no more than what tells whether anything about it is new."""
    async with scheduling.database.read() as connection:
        return await appointment_store.under_way(connection)


async def board(scheduling: Scheduling, *, from_s: int, to_s: int, limit: int = 5000) -> tuple[AppointmentView, ...]:
    """Visits of everybody that touch the span, whatever their state, by start."""
    async with scheduling.database.read() as connection:
        return await appointment_store.of_everybody(connection, from_s=from_s, to_s=to_s, limit=limit)


async def overdue(scheduling: Scheduling, *, now_s: int) -> tuple[AppointmentView, ...]:
    """Scheduled visits whose window has passed: the dispatcher is told."""
    async with scheduling.database.read() as connection:
        return await appointment_store.overdue(connection, now_s=now_s)


async def unhappy(scheduling: Scheduling, *, since_s: int, limit: int = 100) -> tuple[AppointmentView, ...]:
    """Visits that were rated low since then, whenever they took place; the newest rating first."""
    low = scheduling.rules.low_rating
    async with scheduling.database.read() as connection:
        return await appointment_store.rated_low(connection, since_s=since_s, low_rating=low, limit=limit)


async def history(scheduling: Scheduling, *, appointment_id: str) -> tuple[ChangeRecord, ...]:
    """Every change in the order of device time."""
    async with scheduling.database.read() as connection:
        return await appointment_store.changes(connection, appointment_id)
