"""A customer's visits: list, book, look, and the calendar file. Changing one is in `appointment_changes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from slots import booking
from slots.model import AppointmentView, Status
from web import accounts_store
from web.api.on_behalf import customer_of
from web.api.visit_answers import viewer_of, visit_answer, visit_json
from web.appointment_json import AppointmentJson, CustomerJson, Section
from web.auth import Principal, require
from web.idempotency import idempotency_key
from web.openapi import answer, decode_body, decode_query, endpoint, resource
from web.problems import Problem
from web.refusals import refusals
from web.state import State, state_of
from web.visibility import actor_of, visit_to_look_at
from web.visit_calendar import visit_calendar

# A cursor is looked for among this many past visits of the account; nobody scrolls further.
PAST_REACH = 2000

BOOKING_PROBLEMS = (
    "slot_taken",
    "hold_expired",
    "invalid_slot",
    "not_found",
    "not_bookable",
    "details_too_long",
    "idempotency_key_reused",
    "self_scheduling_off",
    "account_inactive",
)


class ListQuery(msgspec.Struct):
    """Without `section`: all three; `current` is `active` and `upcoming` as of one instant. `before` is the `next` of
    an earlier page of the past, `limit` how many visits a page of the past has; `contact` is for staff."""

    section: Section | Literal["current"] | None = None
    before: str | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    contact: str | None = None


class Appointments(msgspec.Struct):
    """Upcoming by window, past newest first. `next` is null on the last page."""

    appointments: list[AppointmentJson]
    next: str | None = None


class NewAppointment(msgspec.Struct):
    """Either `hold`, or `slot` in one step. `contact` is for staff who book on a customer's behalf."""

    hold: str | None = None
    slot: str | None = None
    service: str | None = None
    asset: str | None = None
    details: str = ""
    contact: str | None = None


@endpoint(
    "Visits of the homepage, by section",
    tag="Booking",
    query=ListQuery,
    answers={200: Appointments},
    problems=("contact_unknown", "account_inactive"),
)
async def list_appointments(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    state = state_of(request)
    query = decode_query(request, ListQuery)
    if principal.role == "customer":
        account_id = principal.account_id or ""
    else:
        account_id = (await customer_of(state, principal, query.contact)).account_id
    reach = PAST_REACH if query.before else query.limit + 1
    sections = await state.bridge.home.sections(
        state.booking, account_id=account_id, past_limit=reach, now_s=state.now_s()
    )
    views: list[tuple[AppointmentView, Section]] = []
    following = None
    if query.section in (None, "current", "active") and sections.active is not None:
        views.append((sections.active, "active"))
    if query.section in (None, "current", "upcoming"):
        views.extend((view, "upcoming") for view in sections.upcoming)
    if query.section in (None, "past"):
        past, following = _page(sections.past, query)
        views.extend((view, "past") for view in past)
    viewer = viewer_of(request, principal)
    return answer(Appointments([visit_json(state, view, viewer, section) for view, section in views], following))


def _page(past: tuple[AppointmentView, ...], query: ListQuery) -> tuple[tuple[AppointmentView, ...], str | None]:
    start = 0
    if query.before:
        places = [place for place, view in enumerate(past) if view.id == query.before]
        if not places:
            raise Problem("invalid", "Send the `next` of an earlier answer, or leave it out.", field="before")
        start = places[0] + 1
    page = past[start : start + query.limit]
    return page, page[-1].id if len(past) > start + query.limit else None


@endpoint(
    "Book a visit",
    tag="Booking",
    body=NewAppointment,
    answers={201: AppointmentJson},
    headers={"Idempotency-Key": "The same key makes a repeated request the same appointment"},
    problems=BOOKING_PROBLEMS,
)
async def book_appointment(request: Request) -> Response:
    principal = await require(request, "customer", "dispatcher")
    return await book_for(request, principal, await decode_body(request, NewAppointment))


async def book_for(request: Request, principal: Principal, body: NewAppointment) -> Response:
    """201 with the new appointment, or with the one that the same Idempotency-Key made before."""
    state = state_of(request)
    if (body.hold is None) == (body.slot is None):
        raise Problem("invalid", "Send either a hold or a slot.", field="slot")
    key = idempotency_key(request)
    customer = await customer_of(state, principal, body.contact)
    with refusals(state.settings):
        change = await booking.book(
            state.booking,
            account_id=customer.account_id,
            contact_id=customer.contact_id,
            actor=actor_of(request, principal),
            hold=body.hold,
            slot=body.slot,
            service_id=body.service,
            asset_id=body.asset,
            details=body.details,
            idempotency_key=key,
            switches=state.switches.for_slots(),
            now_s=state.now_s(),
        )
        await state.bridge.announce(change.events)
    return visit_answer(request, principal, change.view, status=201)


@endpoint("One visit", tag="Booking", answers={200: AppointmentJson}, problems=("not_found",))
async def read_appointment(request: Request) -> Response:
    state = state_of(request)
    principal, view = await visit_to_look_at(request, request.path_params["appointment"])
    if view.status is Status.TRAVELING:
        # Which of several is the Active one is for the database to say, not for what this process remembers.
        await state.bridge.home.sections(
            state.booking, account_id=view.appointment.account_id, past_limit=1, now_s=state.now_s()
        )
    before = None
    if state.switches.technician_tracking:
        before = await booking.visits_before(
            state.booking, appointment=view.appointment, site=view.site, now_s=state.now_s()
        )
    customer = await _customer_of(state, view) if principal.is_staff else None
    return visit_answer(request, principal, view, visits_before=before, customer=customer)


async def _customer_of(state: State, view: AppointmentView) -> CustomerJson:
    async with state.database.read() as conn:
        person = await accounts_store.person_by_id(conn, view.appointment.contact_id)
    if person is None:
        return CustomerJson("", None, None)
    return CustomerJson(person.name, person.email, person.phone)


@endpoint(
    "The visit as a calendar file",
    tag="Booking",
    answers={200: str},
    media_type="text/calendar",
    problems=("not_found",),
)
async def read_calendar_file(request: Request) -> Response:
    state = state_of(request)
    _, view = await visit_to_look_at(request, request.path_params["appointment"])
    part = visit_calendar(view, settings=state.settings, now_s=state.now_s())
    return Response(
        part.body,
        media_type=f'text/calendar; charset=utf-8; method="{part.method}"',
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="visit.ics"',
        },
    )


routes = [
    resource("/api/appointments", get=list_appointments, post=book_appointment),
    resource("/api/appointments/{appointment}", get=read_appointment),
    resource("/api/appointments/{appointment}/calendar.ics", get=read_calendar_file),
]
