"""A visit as its technician sees it: where, what, when, whom to call, and which change of state comes next."""

from __future__ import annotations

import msgspec

from slots import policy
from slots.model import AppointmentView, Status
from web import accounts_store
from web.appointment_json import (
    AssetJson,
    ServiceJson,
    SiteJson,
    iso,
    service_json,
    site_json,
)
from web.state import State


class TechnicianAllowed(msgspec.Struct):
    """The changes of state that are possible now."""

    travel: bool
    undo: bool
    start: bool
    complete: bool
    cancel: bool


class ContactJson(msgspec.Struct):
    """The customer to meet."""

    name: str
    phone: str | None


class TechnicianVisit(msgspec.Struct):
    """`planned_start` is when to be there; the window is what the customer was told. `eta_at` in ms since 1970.
    `arrived`: the technician seems to be there, and may be asked whether to begin."""

    id: str
    version: int
    status: str
    service: ServiceJson
    asset: AssetJson | None
    site: SiteJson
    contact: ContactJson
    time_zone: str
    planned_start: str
    planned_end: str
    window_start: str
    window_end: str
    details: str
    overdue: bool
    eta_at: int | None
    arrived: bool
    cancel_reason: str | None
    allowed: TechnicianAllowed


async def technician_visits(state: State, views: tuple[AppointmentView, ...]) -> list[TechnicianVisit]:
    """In the given order."""
    contact_ids = list({view.appointment.contact_id for view in views})
    async with state.database.read() as conn:
        people = await accounts_store.people_by_id(conn, contact_ids) if contact_ids else {}
    traveling = {view.technician.id: view.id for view in views if view.status is Status.TRAVELING}
    visits = []
    for view in views:
        person = people.get(view.appointment.contact_id)
        contact = ContactJson(person.name if person else "", person.phone if person else None)
        elsewhere = traveling.get(view.technician.id, view.id) != view.id
        visits.append(_visit(state, view, contact, traveling_elsewhere=elsewhere))
    return visits


def _visit(state: State, view: AppointmentView, contact: ContactJson, *, traveling_elsewhere: bool) -> TechnicianVisit:
    appointment, zone = view.appointment, view.time_zone
    allowed = policy.allowed_to_technician(appointment, traveling_elsewhere=traveling_elsewhere)
    told = state.node.eta(view.id) if view.status is Status.TRAVELING else None
    return TechnicianVisit(
        id=view.id,
        version=view.version,
        status=view.status.value,
        service=service_json(view.service),
        asset=AssetJson(id=view.asset.id, name=view.asset.name) if view.asset else None,
        site=site_json(view.site),
        contact=contact,
        time_zone=zone,
        planned_start=iso(appointment.start_s, zone),
        planned_end=iso(appointment.end_s, zone),
        window_start=iso(appointment.window_start_s, zone),
        window_end=iso(appointment.window_end_s, zone),
        details=appointment.details,
        overdue=policy.is_overdue(appointment, now_s=state.now_s()),
        eta_at=told.eta_at if told is not None else None,
        arrived=view.status is Status.TRAVELING and state.node.arrived(view.id),
        cancel_reason=appointment.cancel_reason,
        allowed=TechnicianAllowed(
            travel=allowed.travel,
            undo=allowed.undo,
            start=allowed.start,
            complete=allowed.complete,
            cancel=allowed.cancel,
        ),
    )
